"""What the action's image holds, and what it must not."""

import io
import json
import subprocess
import tarfile
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

import docker
import pytest

from signotaur_wire.version import VERSION
from support.container import ACTION_IMAGE, file_of, run, started

ROOT = Path(__file__).parents[2]
SITE = PurePosixPath("usr/local/lib/python3.13/dist-packages")
RECORDS = PurePosixPath("var/lib/dpkg/status.d")
LABEL = "org.opencontainers.image."
LARGEST_MB = 45
"""Uncompressed; the packed size is measured by the benchmarks."""


@pytest.fixture(scope="module")
def files(engine: docker.DockerClient) -> dict[PurePosixPath, tarfile.TarInfo]:
    """Every file of the image, by its path."""
    return {PurePosixPath(member.name): member for member in _members(engine)}


def _members(engine: docker.DockerClient) -> list[tarfile.TarInfo]:
    whole = io.BytesIO(b"".join(engine.images.get(ACTION_IMAGE).save()))
    with tarfile.open(fileobj=whole) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        [image] = json.load(manifest)
        [layer] = image["Layers"]
        with tarfile.open(fileobj=archive.extractfile(layer)) as content:
            return content.getmembers()


def test_nothing_to_start_but_the_client(files: dict[PurePosixPath, tarfile.TarInfo]) -> None:
    """No shell, no package manager, no pip: who gets in finds no tools."""
    programs = {
        str(path)
        for path, member in files.items()
        if member.isfile() and member.mode & 0o111 and ".so" not in path.name
    }
    assert programs == {"usr/bin/python3.13", "usr/bin/signotaur-action"}
    names = {path.name for path, member in files.items() if not member.isdir()}
    assert not names & {"sh", "bash", "dash", "busybox", "apt", "apt-get", "dpkg", "pip", "perl"}
    assert not [path for path in files if "pip" in path.parts or "ensurepip" in path.parts]
    assert not [each for each in files.values() if each.mode & 0o6000 and each.isfile()]


def test_client_alone(files: dict[PurePosixPath, tarfile.TarInfo]) -> None:
    """Neither the server, nor its libraries, nor a test."""
    top = {path.parts[len(SITE.parts)] for path in files if SITE in path.parents}
    assert {"signotaur_action", "signotaur_wire", "requests", "certifi"} <= top
    server = {"signotaur_keyserver", "fastapi", "sqlalchemy", "uvicorn", "pydantic", "cryptography"}
    assert not top & (server | {"pytest", "hypothesis", "docker", "rich", "pygments"})
    assert not [path for path in files if "tests" in path.parts or "test" in path.parts]


def test_byte_compiled(files: dict[PurePosixPath, tarfile.TarInfo]) -> None:
    assert [path for path in files if path.suffix == ".py"] == []
    assert not [path for path in files if path.name == "__pycache__" or path.name.startswith(".")]
    assert SITE / "signotaur_action/cli.pyc" in files


def test_libraries_lie_where_the_loader_looks(
    files: dict[PurePosixPath, tarfile.TarInfo],
) -> None:
    """There is no cache of the loader: it searches its own folders alone."""
    libraries = [path for path in files if path.name.startswith("lib") and ".so" in path.name]
    assert libraries
    assert {path.parts[:2] for path in libraries} == {("usr", "lib")}
    assert len({path.parent for path in libraries}) == 1
    assert files[PurePosixPath("lib")].linkname == "usr/lib"


def test_only_public_authorities(files: dict[PurePosixPath, tarfile.TarInfo]) -> None:
    """Whom the building machine trusts is nobody's business: certifi's list is the only one."""
    lists = [path for path in files if path.suffix in (".pem", ".crt")]
    assert lists == [SITE / "certifi/cacert.pem"]


def test_every_time_is_the_same(files: dict[PurePosixPath, tarfile.TarInfo]) -> None:
    """Two builds of one commit give the same layer (make image-check)."""
    assert {member.mtime for member in files.values()} == {0}
    assert {(member.uid, member.gid) for member in files.values()} == {(0, 0)}


def test_description(engine: docker.DockerClient) -> None:
    image = engine.images.get(ACTION_IMAGE)
    config = image.attrs["Config"]
    assert config["Entrypoint"] == ["/usr/bin/signotaur-action"]
    assert config["Cmd"] in (None, [])
    assert config["User"] == ""  # GitHub demands root
    assert not config["WorkingDir"] or config["WorkingDir"] == "/"
    assert config["Volumes"] is None
    labels = image.labels
    assert labels[f"{LABEL}version"] == VERSION
    assert labels[f"{LABEL}title"] == "signotaur-action"
    assert labels[f"{LABEL}licenses"] == "Apache-2.0"
    git = ["git", "cat-file", "-t", labels[f"{LABEL}revision"].removesuffix("-dirty")]
    assert subprocess.check_output(git, cwd=ROOT, text=True).strip() == "commit"
    assert image.attrs["Size"] < LARGEST_MB * 1_000_000


def test_every_action_file_names_the_last_stage() -> None:
    """The runner builds a Dockerfile without a target."""
    stages = [
        line.split()[-1]
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("FROM ")
    ]
    assert stages[-1] == "action"


def test_version_and_help(engine: docker.DockerClient) -> None:
    said = run(engine, "--version")
    assert (said.code, said.stdout, said.stderr) == (
        0,
        f"signotaur-action {VERSION}\n".encode(),
        b"",
    )
    helped = run(engine, "rotate-key", "--help")
    assert helped.code == 0
    for name in ("sign-server", "write-key-file", "emit-secret"):
        assert f"--{name}" in helped.stdout.decode()
    assert run(engine).stdout.startswith(b"Usage: ")


def test_packages_are_recorded(files: dict[PurePosixPath, tarfile.TarInfo]) -> None:
    """Scanners, and the SBOM that a release publishes, read these records."""
    python = {each.stem.partition("-")[0] for each in files if each.suffix == ".dist-info"}
    lock = (ROOT / "requirements/runtime.txt").read_text()
    locked = {line.partition("==")[0] for line in lock.splitlines() if "==" in line}
    assert {"requests", "typer"} <= {name.lower() for name in python}
    assert {name.replace("_", "-").lower() for name in python} <= locked
    debian = {each.name for each in files if each.parent == RECORDS}
    # musl is in the launcher.
    assert {"libc6", "libssl3t64", "libpython3.13-stdlib", "musl-dev"} <= debian
    for name in debian:
        assert PurePosixPath("usr/share/doc", name, "copyright") in files


def test_records_have_versions(
    files: dict[PurePosixPath, tarfile.TarInfo], engine: docker.DockerClient
) -> None:
    """Apt installs what is newest: only the records tell which build has which version."""
    with started(engine, "--version") as container:
        for name in (each.name for each in files if each.parent == RECORDS):
            record = HeaderParser().parsestr(file_of(container, f"/{RECORDS}/{name}").decode())
            assert record["Package"] == name
            assert record["Version"]
            assert record["Architecture"]
    assert engine.images.get(ACTION_IMAGE).labels[f"{LABEL}base.name"]


def test_libraries_all_load(engine: docker.DockerClient) -> None:
    """Every module can be imported in the image, but Windows' own; signing has another image."""
    program = (
        "import importlib, pkgutil, re, sys, signotaur_action, requests, dotenv, typer, certifi\n"
        "for package in (signotaur_action, requests):\n"
        "    for each in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if not re.search(sys.argv[1], each.name):\n"
        "            importlib.import_module(each.name)\n"
        "import nacl.public\n"
        "import ssl, lzma, bz2, zlib, hashlib, decimal, ctypes, uuid, socket, encodings.idna\n"
        "assert ssl.create_default_context(cafile=certifi.where()).get_ca_certs()\n"
        "print(hashlib.new('sha256', b'').hexdigest()[:8])\n"
    )
    with started(
        engine, "-I", "-c", program, "__main__|[.](sign|verify|timestamp|on_files)|[.]win",
        entrypoint="/usr/bin/python3", network_mode="none",
    ) as container:  # fmt: skip
        code = container.wait(timeout=300)["StatusCode"]
        assert (code, container.logs()) == (0, b"e3b0c442\n")
