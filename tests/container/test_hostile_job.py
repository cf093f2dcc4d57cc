"""A job that is against us: its workspace and its variables never change what the image runs."""

from pathlib import Path

import pytest

from e2e.desk import Ledger
from support.container import ContainerJob
from support.keyserver import KeyServer

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
