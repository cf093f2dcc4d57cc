"""The program behind ``command:``, as its owner sees it."""

from pathlib import Path
from typing import Self


class Program:
    """A program that keeps what it reads in a file, and fails while its switch is there."""

    TEXT = '#!/bin/sh\n[ -e "$0.fails" ] && { cat; exit 3; }\ncat >"$1.new" && mv "$1.new" "$1"\n'

    def __init__(self, folder: Path) -> None:
        self.path = folder.with_name("keep it")
        self.switch = folder.with_name("keep it.fails")
        self.path.write_text(self.TEXT)
        self.path.chmod(0o755)
        self._kept = folder / "destination"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def environ(self) -> dict[str, str]:
        """See ``place.Store``."""
        return {"PATH": "/usr/bin:/bin"}

    def held(self) -> str | None:
        """See ``place.Store``."""
        return self._kept.read_text() if self._kept.exists() else None
