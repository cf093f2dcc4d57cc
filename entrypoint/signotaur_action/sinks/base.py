"""What every sink is made from, and the fault of a destination that makes no sense."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SinkContext:
    """The outside world as sinks see it."""

    emit: Callable[[str], None]
    """Writes to stdout, flushed."""
    environ: Mapping[str, str]
    follow_symlinks: bool = False

    def file_of(self, variable: str) -> Path | None:
        """Return the file that a variable of the CI system names; None where it names none."""
        text = self.environ.get(variable, "")
        return Path(text) if text else None


class SinkFault(ValueError):
    """A destination is wrong as it is written: its kind, a name, a token."""
