"""What every reporting command does around its work: listen, run, tell failures."""

from collections.abc import Callable

from signotaur_action.console import Console
from signotaur_action.errors import ExitCode, SignotaurError, StopSignal
from signotaur_action.invocation import Invocation
from signotaur_action.reporting import Report, Telling

Work = Callable[[Console, Report], ExitCode]


def reported(
    invocation: Invocation,
    work: Work,
    *,
    outputs: dict[str, str] | None = None,
    document: dict[str, object] | None = None,
) -> ExitCode:
    """Run a command's work and return its exit code; every expected failure is told.

    ``outputs`` and ``document`` are what the command sets besides when it fails.
    """
    listeners = invocation.settings()  # read on its own: faults are told to these, too
    console = invocation.console(debug=listeners.flag("debug"))
    report = Report(console, invocation.environ, as_json=listeners.flag("json"))
    try:
        return work(console, report)
    except StopSignal as stop:
        error: SignotaurError = stop.as_error()
    except SignotaurError as expected:
        error = expected
    console.trace(error)
    report.fail(error, outputs=outputs, document=document)
    return error.code


def tell(report: Report, telling: Telling) -> None:
    """Tell an outcome. Raises SignotaurError when somebody who asked for it cannot be told."""
    try:
        report.tell(telling)
    except OSError as error:
        raise SignotaurError(
            f"The outcome could not be told ({(error.strerror or type(error).__name__).lower()}).",
            keys="Unchanged. What this command did is done; only the telling failed.",
            next_step="Make stdout and the step's files writable, and run the command again.",
        ) from None
