"""The output of the process: stdout has only what was requested, stderr everything else.

Under GitHub Actions the runner reads commands from stdout; masks, annotations and debug lines
go there. Every line of prose is made inert first: the runner runs commands found in ANY line.
"""

import traceback
from contextlib import suppress
from typing import TextIO

from signotaur_action.ci.masks import mask_for_token, masks_for
from signotaur_action.ci.text import escape_own_line, workflow_command
from signotaur_action.errors import SignotaurError
from signotaur_action.model import Secret

_TITLE = "signotaur-action"
_TERMINAL_WIDTH = 79


class Console:
    """The ProgressLog of a command, and the only writer to stdout and stderr."""

    def __init__(self, stdout: TextIO, stderr: TextIO, *, github: bool, debug: bool) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._github = github
        self._debug = debug
        self._unfinished = False

    def emit(self, text: str) -> None:
        """Write the requested output unchanged, flushed."""
        self._write(self._stdout, text)

    def mask(self, key: Secret) -> None:
        """Register the key and its encodings with the GitHub runner; elsewhere print nothing.

        Outside GitHub the workflow command itself would show the key.
        """
        if self._github:
            commands = (workflow_command("add-mask", text) + "\n" for text in masks_for(key))
            self.emit("".join(commands))

    def mask_token(self, token: Secret) -> None:
        """Register a token that this run was given with the GitHub runner, as ``mask`` does."""
        if self._github:
            self.emit(workflow_command("add-mask", mask_for_token(token)) + "\n")

    def note(self, text: str) -> None:
        """Write one or more lines to stderr. A closed stderr never stops a rotation."""
        if self._unfinished:
            self.progress("")
        with suppress(OSError):
            for line in text.splitlines():
                self._write(self._stderr, escape_own_line(line) + "\n")

    @property
    def is_live(self) -> bool:
        """Whether stderr is a terminal, where a line can be overwritten."""
        return not self._github and self._stderr.isatty()

    def progress(self, text: str) -> None:
        """Show text in place of the progress before, on a terminal only; empty text clears it."""
        if self.is_live:
            with suppress(OSError):
                self._write(self._stderr, f"\r\x1b[K{escape_own_line(text)[:_TERMINAL_WIDTH]}")
            self._unfinished = bool(text)

    def warn(self, text: str) -> None:
        """Write a warning: an annotation under GitHub, a line on stderr elsewhere."""
        if self._github:
            self.emit(workflow_command("warning", _inert(text), title=_TITLE) + "\n")
        else:
            self.note(f"Warning: {text}")

    def debug(self, text: str) -> None:
        """Write a line only with --debug."""
        if not self._debug:
            return
        if self._github:
            self.emit(workflow_command("debug", _inert(text)) + "\n")
        else:
            self.note(f"debug: {text}")

    def fail(self, error: SignotaurError) -> None:
        """Write what failed, the state of the keys, the next step: one annotation under GitHub."""
        text = f"{error.what}\nKeys: {error.keys}\nNext: {error.next}"
        if not self._github:
            self.note(f"Error: {text}")
            return
        with suppress(OSError):
            self.emit(workflow_command("error", _inert(text), title=_TITLE) + "\n")

    def trace(self, error: BaseException) -> None:
        """Write where an error came from, with --debug: places only, no values, no messages."""
        for frame in traceback.extract_tb(error.__traceback__):
            self.debug(f"{frame.filename}:{frame.lineno} in {frame.name}")

    @staticmethod
    def _write(stream: TextIO, text: str) -> None:
        stream.write(text)
        stream.flush()


def _inert(text: str) -> str:
    return "\n".join(escape_own_line(line) for line in text.splitlines())
