"""Secrets that others may read, and folders that others may write to, are refused."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from keyserver.processes import Process, command
from signotaur_keyserver.cli import run
from signotaur_keyserver.database.database import Database, sqlite_url
from signotaur_keyserver.pki.private_files import (
    ExposedError,
    require_not_shared,
    require_safe_folder,
)
from signotaur_keyserver.runtime.tls import ensure_self_signed

SOMEBODY = 4321
Call = Callable[..., tuple[int, str]]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process; return its exit code and what it said of a fault."""

    def run_it(*arguments: str) -> tuple[int, str]:
        return run(arguments), capsys.readouterr().err

    return run_it


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722, 0o720, 0o702, 0o1777])
def test_a_data_folder_that_others_may_write_to_is_refused(
    tmp_path: Path, call: Call, mode: int
) -> None:
    """Others could replace the database or plant a master key. Before: accepted silently."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    data_dir.chmod(mode)
    for arguments in (("user", "add", "ci"), ("key", "list"), ("events",)):
        code, said = call(*arguments, f"--data-dir={data_dir}")
        assert code == 10
        assert said == (
            f"signotaur-keyserver: users other than its owner can write to the folder {data_dir}: "
            f"run chmod 700 {data_dir}\n"
        )
    assert list(data_dir.iterdir()) == []


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755])
def test_a_data_folder_that_others_may_read_is_used(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    require_safe_folder(tmp_path)


@as_root
def test_an_open_data_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, SOMEBODY, SOMEBODY)
    tmp_path.chmod(0o755)
    with pytest.raises(ExposedError, match="belongs to another user and is open to others"):
        require_safe_folder(tmp_path)
    tmp_path.chmod(0o700)
    require_safe_folder(tmp_path)


@pytest.mark.parametrize(
    ("owner", "mode", "refused"),
    [
        (0, 0o600, False),
        (0, 0o400, False),
        (0, 0o640, False),  # Debian's ssl-cert
        (0, 0o440, False),
        (0, 0o660, True),
        (0, 0o644, True),
        (0, 0o604, True),
        (SOMEBODY, 0o600, False),
        (SOMEBODY, 0o640, True),
        (SOMEBODY, 0o644, True),
    ],
)
@as_root
def test_a_private_key_is_shared_by_root_and_with_a_group_alone(
    tmp_path: Path, owner: int, mode: int, *, refused: bool
) -> None:
    file = tmp_path / "key.pem"
    file.touch()
    os.chown(file, owner, SOMEBODY)
    file.chmod(mode)
    if not refused:
        require_not_shared(file)
        return
    with pytest.raises(ExposedError, match=f"users other than its owner .* chmod 600 {file}"):
        require_not_shared(file)


def test_a_tls_key_that_everybody_may_read_is_refused(tmp_path: Path, call: Call) -> None:
    """Before: a key of mode 0644 was used silently."""
    files = ensure_self_signed(tmp_path, [])
    files.key.chmod(0o644)
    place = f"--data-dir={tmp_path / 'data'}"
    options = (f"--tls-cert={files.certificate}", f"--tls-key={files.key}", place)
    code, said = call("serve", *options)
    assert (code, f"chmod 600 {files.key}" in said) == (10, True)


@pytest.mark.parametrize("content", ["short", "with a space in the middle of it", "", "é" * 20])
def test_a_token_that_is_none_is_refused(tmp_path: Path, call: Call, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    file.chmod(0o600)
    serve = ("serve", "--insecure-http", f"--data-dir={tmp_path / 'data'}")
    code, said = call(*serve, f"--metrics-token-file={file}")
    assert (code, "a token is 16 to 512 printable" in said) == (10, True)
    file.chmod(0o644)
    assert "chmod 600" in call(*serve, f"--metrics-token-file={file}")[1]
    assert "does not exist" in call(*serve, f"--metrics-token-file={file}x")[1]


def test_what_is_deleted_is_overwritten(tmp_path: Path) -> None:
    """Also where SQLite was not compiled so: a removed private key is in no free page."""
    database = Database(sqlite_url(tmp_path / "keyserver.db"))
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar_one() == 1
    database.close()


def test_the_options_reach_the_server(tmp_path: Path) -> None:
    data_dir, token = tmp_path / "data", tmp_path / "token"
    token.write_text("t0ken-of-the-metrics\n")
    token.chmod(0o600)
    place = f"--data-dir={data_dir}"
    assert command("user", "add", "ci", place).returncode == 0
    key = command("key", "add", "--user=ci", "--name=x", place).stdout.strip()
    options = ("--key-requests-per-minute=2", f"--metrics-token-file={token}")
    with Process(data_dir, "--insecure-http", *options) as server, requests.Session() as session:

        def statuses(path: str, bearer: str) -> list[int]:
            headers = {"Authorization": f"Bearer {bearer}"}
            url = server.url + path
            return [session.get(url, headers=headers, timeout=60).status_code for _ in range(3)]

        assert statuses("/api/v1/keys/self", key) == [200, 200, 429]
        assert statuses("/metrics", "t0ken-of-the-metrics") == [200] * 3
        assert statuses("/metrics", "another-token-than-that") == [401] * 3
