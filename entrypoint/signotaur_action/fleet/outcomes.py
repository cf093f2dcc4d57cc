"""The entries of a fleet, and how their rotations ended. Frozen data, no input or output."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from signotaur_action.errors import ExitCode

_MOST_URGENT_FIRST = (
    ExitCode.NOT_DELIVERED,
    ExitCode.FAILURE,
    ExitCode.UNAUTHORIZED,
    ExitCode.DESTINATION_REFUSED,
    ExitCode.USAGE,
    ExitCode.INVALID_OVERLAP,
    ExitCode.ALREADY_ROTATED,
    ExitCode.BUSY,
)


@dataclass(frozen=True)
class Entry:
    """One rotation of a fleet."""

    name: str
    arguments: tuple[str, ...]
    """The command line of its ``rotate-key``; no secret is in it."""
    environ: Mapping[str, str] = field(repr=False)
    """Its variables; some of them are secrets."""


@dataclass(frozen=True)
class EntryResult:
    """How one rotation ended."""

    name: str
    code: int | None
    """The exit code; negative for a process that a signal ended, None if it was not started."""
    document: Mapping[str, object]
    """The object of its ``--json``; empty if it printed none."""
    prose: tuple[str, ...] = ()
    """What it wrote to stderr, by lines."""

    @property
    def is_ok(self) -> bool:
        """Whether the key is rotated, or is not due."""
        return self.code == ExitCode.DONE

    @property
    def rotated(self) -> bool:
        """Whether the key was rotated and reported."""
        return self.is_ok and self.document.get("rotated") is True


@dataclass(frozen=True)
class FleetOutcome:
    """How all rotations ended, in the order of the file."""

    results: tuple[EntryResult, ...]
    stopped: ExitCode | None = None
    """Which signal ended the run early, if one did."""

    @property
    def code(self) -> ExitCode:
        """The exit code of the run: 0 if all keys are OK, else that of the most urgent one."""
        if self.stopped is not None:
            return self.stopped
        codes = {_known(result.code) for result in self.results}
        return next((code for code in _MOST_URGENT_FIRST if code in codes), ExitCode.DONE)


def _known(code: int | None) -> ExitCode:
    """Return an exit code of ``rotate-key``; a failure for a process that was ended."""
    found = [each for each in (ExitCode.DONE, *_MOST_URGENT_FIRST) if each == code]
    return found[0] if found else ExitCode.FAILURE
