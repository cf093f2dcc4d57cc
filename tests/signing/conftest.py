"""Fixtures of this folder: signing servers with certificates, a folder with files of every kind."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from signing.authority import Authority
from signing.harness import SigningServer
from signotaur_action.errors import OsslsigncodeMissingError
from signotaur_action.signing.osslsigncode import Osslsigncode
from support.front import Front
from support.keyserver import KeyServer

NEEDED = ("msibuild", "gcab", "openssl", "sbverify")


@pytest.fixture(scope="session")
def tools() -> None:
    """Skip where the programs are missing that make files and know their formats."""
    try:
        Osslsigncode.find(os.environ)
    except OsslsigncodeMissingError as missing:
        pytest.skip(missing.what)
    for program in NEEDED:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


@pytest.fixture(scope="session")
def signer(
    tools: None,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SigningServer]:
    """A signing server over TLS that the tests of one worker share."""
    server = KeyServer(tmp_path_factory.mktemp("signer") / "data")
    server.add_user("build")
    with server:
        yield SigningServer.equip(server)


@pytest.fixture(scope="session")
def plain_signer(signer: SigningServer) -> Iterator[SigningServer]:
    """The same on plain http, for tests that look between client and server."""
    with KeyServer(signer.server.data_dir, tls=False) as server:
        yield SigningServer(server, signer.key, signer.trusted)


@pytest.fixture
def signing_front(plain_signer: SigningServer) -> Iterator[Front]:
    """A front before ``plain_signer`` that records requests and commits faults."""
    with Front(plain_signer.server.url).running() as front:
        yield front


@pytest.fixture(scope="session")
def authority(
    tools: None,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
) -> Authority:
    """A timestamp authority."""
    return Authority(tmp_path_factory.mktemp("tsa") / "data")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """An empty folder for files."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder
