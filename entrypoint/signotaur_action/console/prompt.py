"""Questions to a person at a terminal. Keys are never asked for here: answers are shown."""

from collections.abc import Callable
from typing import Protocol, TextIO, TypeVar

from signotaur_action.ci.text import escape_own_line

T = TypeVar("T")


class PromptAbortedError(Exception):
    """The terminal was closed before the answer."""


class Prompt(Protocol):
    """Asks until there is an answer that ``read`` takes."""

    def __call__(self, question: str, read: Callable[[str], T], suggestion: str = "") -> T:
        """Return what ``read`` makes of the answer; it raises ValueError for a wrong one."""


def asker(stdin: TextIO, stderr: TextIO) -> Prompt | None:
    """Return a prompt; None where there is no terminal."""
    if not (stdin.isatty() and stderr.isatty()):
        return None

    def ask(question: str, read: Callable[[str], T], suggestion: str = "") -> T:
        shown = f"{question} [{suggestion}]: " if suggestion else f"{question}: "
        while True:
            stderr.write(escape_own_line(shown))
            stderr.flush()
            line = stdin.readline()
            if not line:
                raise PromptAbortedError
            try:
                return read(line.strip() or suggestion)
            except ValueError as fault:
                stderr.write(f"  {escape_own_line(str(fault))}\n")

    return ask
