"""A job that is against us: its workspace and its variables never change what the image runs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from e2e.client_harness import Ledger
from support.container import ContainerJob
from support.keyserver import KeyServer

ROOT = Path(__file__).parents[2]
PROOF = "hijacked"
HIJACK = f"open('/github/workspace/{PROOF}', 'w').close()\nraise SystemExit(99)\n"
MODULES = (
    "signotaur_action/__init__.py",
    "signotaur_action/__main__.py",
    "entrypoint/signotaur_action/__main__.py",
    "requests.py",
    "json.py",
    "typer/__init__.py",
    "dotenv.py",
    "encodings/__init__.py",
    "sitecustomize.py",
    "usercustomize.py",
)
LIBRARIES = (
    "libc.so.6",
    "libz.so.1",
    "libssl.so.3",
    "libcrypto.so.3",
    "libexpat.so.1",
    "libm.so.6",
)


def lay_traps(job: ContainerJob) -> None:
    """Fill the workspace, and the home that all steps share, with what could be loaded instead."""
    user_site = job.home / ".local/lib/python3.13/site-packages"
    traps = [job.workspace / name for name in MODULES]
    traps += [user_site / "usercustomize.py", user_site / "requests.py"]
    for trap in traps:
        trap.parent.mkdir(parents=True, exist_ok=True)
        trap.write_text(HIJACK)
    (user_site / "evil.pth").write_text(f"import os; exec({HIJACK!r})\n")
    for name in LIBRARIES:
        (job.workspace / name).write_text("not a library")
    (job.workspace / ".env").write_text(
        "SIGNOTAUR_SERVER=https://evil.example\nSIGNOTAUR_API_KEY=evil-evil-evil-evil\n"
    )


def assert_rotated(job: ContainerJob, server: KeyServer) -> None:
    done = job.run()
    assert done.code == 0, done.log
    assert done.outputs["rotated"] == "true"
    assert server.accepts((job.temp / "key.txt").read_text().strip())
    assert not (job.workspace / PROOF).exists()


def test_hostile_workspace(job: ContainerJob, bridge_server: KeyServer) -> None:
    lay_traps(job)
    assert_rotated(job, bridge_server)


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONPATH": "."},
        {"PYTHONPATH": "/github/workspace", "PYTHONSTARTUP": "/github/workspace/json.py"},
        {"PYTHONHOME": "/github/workspace"},
        {"PYTHONUSERBASE": "/github/home/.local", "PYTHONINSPECT": "1", "PYTHONWARNINGS": "error"},
        {"LD_LIBRARY_PATH": "/github/workspace"},
        {"LD_LIBRARY_PATH": ".:/github/workspace", "PYTHONPLATLIBDIR": "/github/workspace"},
        {"PATH": "utter-nonsense"},
        {"BASH_ENV": "/github/workspace/json.py", "SHELL": "/github/workspace/json.py"},
        {"PYTHONIOENCODING": "ascii:strict", "LANG": "de_DE@euro", "LC_ALL": "POSIX"},
        {"TMPDIR": "/nonexistent", "HOME": "/nonexistent", "TZ": "Mars/Olympus"},
    ],
    ids=" ".join,
)
def test_hostile_variables(
    variables: dict[str, str], job: ContainerJob, bridge_server: KeyServer
) -> None:
    lay_traps(job)
    job.job_env |= variables
    assert_rotated(job, bridge_server)


EVIL_LIBRARY = f"""
int creat(const char *path, unsigned mode);
unsigned la_version(unsigned version) {{ return version; }}
__attribute__((constructor)) static void hijack(void) {{
    creat("/github/workspace/{PROOF}", 0644);
}}
"""
OPENSSL_CONFIG = """
openssl_conf = start
[start]
providers = providers
[providers]
evil = evil
[evil]
module = {module}
activate = 1
"""


@pytest.fixture(scope="session")
def evil_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that leaves the proof wherever it is loaded; the stage that has a compiler made it.

    It calls libc as any library does, and finds libc and the loader itself, as LD_AUDIT demands.
    """
    folder = tmp_path_factory.mktemp("evil")
    (folder / "evil.c").write_text(EVIL_LIBRARY)
    build = ["docker", "build", "--quiet", "--target", "build", "."]
    image = subprocess.check_output(build, cwd=ROOT, text=True, stderr=subprocess.DEVNULL).strip()
    compiler = ("gcc", "-shared", "-fPIC", "-nostdlib", "-o", "evil.so", "evil.c", "-l:libc.so.6")
    libraries = "-Wl,--disable-new-dtags,-rpath,/lib64:/lib"
    start = ("docker", "run", "--rm", f"--volume={folder}:/evil", "--workdir=/evil", image)
    subprocess.run([*start, *compiler, libraries], check=True)
    return folder / "evil.so"


def lay_library_traps(job: ContainerJob, evil_library: Path) -> None:
    """Put the library into the workspace, under every name by which it could be loaded."""
    for name in ("evil.so", "evil.so.gconv", *LIBRARIES):
        shutil.copy(evil_library, job.workspace / name)
    (job.workspace / "gconv-modules").write_text("module UTF-8// INTERNAL evil.so.gconv 1\n")
    whole, by_name = (job.workspace / name for name in ("whole.cnf", "by-name.cnf"))
    whole.write_text(OPENSSL_CONFIG.format(module="/github/workspace/evil.so"))
    by_name.write_text(OPENSSL_CONFIG.format(module="evil.so"))


@pytest.mark.parametrize(
    "variables",
    [
        {"LD_PRELOAD": "/github/workspace/evil.so"},
        {"LD_AUDIT": "/github/workspace/evil.so"},
        {"LD_LIBRARY_PATH": "/github/workspace"},
        {"OPENSSL_CONF": "/github/workspace/whole.cnf"},
        {"OPENSSL_CONF": "by-name.cnf", "OPENSSL_MODULES": "/github/workspace"},
        {"GCONV_PATH": "/github/workspace", "LOCPATH": "/github/workspace", "LC_ALL": "de_DE"},
    ],
    ids=" ".join,
)
def test_library_of_the_job_is_not_loaded(
    variables: dict[str, str], job: ContainerJob, bridge_server: KeyServer, evil_library: Path
) -> None:
    """An earlier step could take the key by a library that the action loads.

    Before the launcher, LD_PRELOAD, LD_AUDIT and OPENSSL_CONF did run the job's code.
    """
    lay_library_traps(job, evil_library)
    job.job_env |= variables
    assert_rotated(job, bridge_server)


@pytest.mark.parametrize(
    "variables",
    [
        {"LD_TRACE_LOADED_OBJECTS": "1"},
        {"LD_DEBUG": "all", "LD_DEBUG_OUTPUT": "/github/workspace/debug"},
    ],
    ids=" ".join,
)
def test_loader_takes_no_orders_from_a_job(
    variables: dict[str, str], job: ContainerJob, bridge_server: KeyServer
) -> None:
    """With the first of these the loader listed Python's libraries and ended with 0, unrotated."""
    job.job_env |= variables
    before = {path.name for path in job.workspace.iterdir()}
    assert_rotated(job, bridge_server)
    assert {path.name for path in job.workspace.iterdir()} == before


def test_all_of_them_at_once(job: ContainerJob, bridge_server: KeyServer) -> None:
    lay_traps(job)
    job.job_env |= {
        "PYTHONPATH": ".",
        "PYTHONHOME": ".",
        "LD_LIBRARY_PATH": ".",
        "PATH": "utter-nonsense",
    }
    assert_rotated(job, bridge_server)


def test_session_keys_are_not_logged(job: ContainerJob, bridge_server: KeyServer) -> None:
    """With the sessions' secrets a recorded connection would give the key away."""
    job.job_env["SSLKEYLOGFILE"] = "/github/workspace/session-keys"
    assert_rotated(job, bridge_server)
    assert not (job.workspace / "session-keys").exists()


@pytest.mark.parametrize("spelling", [str.upper, str.lower], ids=["upper", "lower"])
def test_proxy_of_the_runner_is_used(
    spelling: type[str], job: ContainerJob, ledger: Ledger, key: str
) -> None:
    """It is asked, and nobody else: no answer there means no rotation."""
    before = ledger.state()
    job.job_env[spelling("HTTPS_PROXY")] = "http://127.0.0.1:9"
    job.give(timeout="2s")
    done = job.run()
    assert done.code == 1, done.log
    assert ledger.state() == before
    assert ledger.of(key)["first_used_at_utc"] is None


def test_server_that_needs_no_proxy(job: ContainerJob, bridge_server: KeyServer) -> None:
    job.job_env |= {
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "no_proxy": f"localhost,{bridge_server.host}",
    }
    assert_rotated(job, bridge_server)


def test_other_credentials_on_the_runner_are_left_alone(
    job: ContainerJob, bridge_server: KeyServer
) -> None:
    """A .netrc would replace the key in the request."""
    netrc: Path = job.home / ".netrc"
    netrc.write_text(f"machine {bridge_server.host} login evil password evil\n")
    netrc.chmod(0o600)
    assert_rotated(job, bridge_server)
