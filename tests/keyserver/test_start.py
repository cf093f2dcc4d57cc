"""What a command loads: only ``serve`` needs the server's libraries, which take half a second."""

import subprocess
import sys

import pytest

from signotaur_keyserver.cli import command_line

_RUN = "import sys; from signotaur_keyserver.cli import run; run(sys.argv[1:]); print(*sys.modules)"
SERVER = {"fastapi", "uvicorn", "starlette", "jinja2", "signotaur_keyserver.web.application"}


def loaded(*arguments: str) -> set[str]:
    """The modules of a process that ran a command."""
    ran = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return set(ran.stdout.split())


@pytest.mark.parametrize("command", [("user", "list"), ("key", "add"), ("sweep",), ("backup",)])
def test_other_commands_do_not_load_the_server(command: tuple[str, ...]) -> None:
    modules = loaded(*command, "--help")
    assert "signotaur_keyserver.commands.serve" not in modules
    assert modules & SERVER == set()


def test_serve_loads_the_server() -> None:
    assert loaded("serve", "--help") >= SERVER


def test_a_command_is_a_command_among_others_however_many_are_loaded() -> None:
    every = command_line()
    assert len(every.registered_commands) + len(every.registered_groups) == 13
    assert len(command_line(["serve"]).registered_commands) == 1
