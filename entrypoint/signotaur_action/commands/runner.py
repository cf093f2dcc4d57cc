"""What every command does around its work: read the settings, run, report the result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from signotaur_action.console.console import Console
from signotaur_action.errors import (
    ExitCode,
    SignotaurError,
    StopSignal,
    os_reason,
)
from signotaur_action.http import ServerAddress
from signotaur_action.options.common import API_KEY, DEBUG, GITHUB_TOKEN, JSON
from signotaur_action.reporting import Report, ReportContent
from signotaur_action.settings.invocation import Invocation
from signotaur_action.settings.layers import Settings

Work = Callable[[Settings, Console, Report], ExitCode]


def run_with_report(
    invocation: Invocation,
    work: Work,
    *,
    outputs: dict[str, str] | None = None,
    document: dict[str, object] | None = None,
) -> ExitCode:
    """Run a command's work and return its exit code; every expected failure is reported.

    ``outputs`` and ``document`` are what the command sets besides when it fails.
    """
    settings = invocation.settings()
    console = invocation.console(debug=settings.flag(DEBUG))
    report = Report(console, invocation.environ, as_json=settings.flag(JSON))
    try:
        return work(settings, console, report)
    except StopSignal as stop:
        error: SignotaurError = stop.as_error()
    except SignotaurError as expected:
        error = expected
    console.trace(error)
    report.fail(error, outputs=outputs, document=document)
    return error.code


def publish(
    report: Report,
    content: ReportContent,
    *,
    failure: type[SignotaurError] = SignotaurError,
    keys: str = "Unchanged since the command ended. The command itself succeeded.",
) -> None:
    """Report a result.

    Raises ``failure``, with ``keys`` as the state of the keys, when it cannot be written.
    """
    try:
        report.publish(content)
    except OSError as error:
        raise failure(
            f"The result could not be reported ({os_reason(error)}).",
            keys=keys,
            next_step="Make stdout and the step's files writable, and run the command again.",
        ) from None


@contextmanager
def keys_after_failure(keys: str, *, but: type[SignotaurError] | tuple[()] = ()) -> Iterator[None]:
    """Give every error raised inside this statement about the keys; ``but`` keeps its own."""
    try:
        yield
    except but:
        raise
    except SignotaurError as error:
        raise error.with_keys(keys).with_traceback(error.__traceback__) from None


def warn_of_access(settings: Settings, server: ServerAddress, console: Console) -> None:
    """Warn of secrets on the command line and of a server that is not checked, every time."""
    warn_of_arguments(settings, console)
    warn_of_trust(server, console)


def warn_of_arguments(settings: Settings, console: Console) -> None:
    """Warn of secrets on the command line, every time."""
    if settings.is_on_command_line(API_KEY):
        console.warn(
            "--api-key shows the key in process lists and shell histories; "
            "prefer --api-key-file or a variable."
        )
    if settings.is_on_command_line(GITHUB_TOKEN):
        console.warn(
            "--github-token shows the token in process lists and shell histories; "
            "prefer the variable GH_TOKEN."
        )


def warn_of_trust(server: ServerAddress, console: Console) -> None:
    """Warn of a server whose certificate is not checked."""
    if server.allow_untrusted:
        console.warn(
            "--allow-untrusted: the server's certificate is not checked, so anyone on the "
            "network path can read the key; prefer --ca-file."
        )
