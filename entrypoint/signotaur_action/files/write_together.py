"""Writes several text files together: all of them, or none."""

import secrets
import shutil
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

_UNIQUE_BYTES = 8


def write_together(texts: Mapping[Path, str], *, overwrite: bool) -> None:
    """Write the files, and make their folders. Raises OSError.

    Without ``overwrite`` a file that exists is an error, even if it was created a moment ago.
    """
    with ExitStack() as undo:  # also when a signal ends the run between two files
        for path, text in texts.items():
            _make_folder(path.parent, undo)
            if overwrite and path.exists():
                _replace(path, text.encode(), undo)
            else:
                _create(path, text.encode(), undo)
        undo.pop_all()


def _make_folder(folder: Path, undo: ExitStack) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir()
        undo.callback(_remove_folder, each)


def _remove_folder(folder: Path) -> None:
    with suppress(OSError):  # somebody else has replaced it since
        folder.rmdir()


def _create(path: Path, content: bytes, undo: ExitStack) -> None:
    with path.open("xb") as file:
        undo.callback(path.unlink)
        file.write(content)


def _replace(path: Path, content: bytes, undo: ExitStack) -> None:
    old = path.read_bytes()
    _swap(path, content)
    undo.callback(_swap, path, old)


def _swap(path: Path, content: bytes) -> None:
    """Replace a file's whole content; its mode is kept."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(_UNIQUE_BYTES)}.tmp")
    with ExitStack() as leftover:
        leftover.callback(draft.unlink, missing_ok=True)
        draft.write_bytes(content)
        shutil.copymode(path, draft)
        draft.replace(path)
