"""What every command that talks to the server warns of, every time."""

from pathlib import Path

import pytest

from support.client import run_client
from support.keyserver import KeyServer

COMMANDS = {
    "rotate-key": ("--dry-run",),
    "guard": ("--max-age=9d",),
    "confirm-rotation": (),
    "auth set-key": ("--verify", "--write-key-file=stored.txt"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_that_is_not_checked_and_a_key_that_is_shown(
    command: str, shared_server: KeyServer, key: str, tmp_path: Path
) -> None:
    done = run_client(
        *command.split(),
        *COMMANDS[command],
        f"--sign-server={shared_server.url}",
        "--allow-untrusted",
        f"--api-key={key}",
        cwd=tmp_path,
        env={"HOME": str(tmp_path)},
    )
    assert done.code == 0, done.err
    assert "Warning: --allow-untrusted: the server's certificate is not checked" in done.err
    assert "Warning: --api-key shows the key in process lists" in done.err
    assert key not in done.err


@pytest.mark.parametrize("command", ["rotate-key", "guard"])
def test_a_token_that_is_shown(
    command: str, shared_server: KeyServer, key: str, tmp_path: Path
) -> None:
    done = run_client(
        command,
        *COMMANDS[command],
        *shared_server.options,
        "--github-token=ghp_0123456789abcdef",
        env={"HOME": str(tmp_path), "SIGNOTAUR_API_KEY": key},
    )
    assert done.code == 0, done.err
    assert "Warning: --github-token shows the token in process lists" in done.err
    assert "ghp_" not in done.err
