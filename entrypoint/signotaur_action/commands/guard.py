"""``guard``: is this key good for a while longer? One call to the server, exit 0 or 13."""

from datetime import timedelta

from signotaur_action.commands.frame import reported, tell
from signotaur_action.console import Console
from signotaur_action.errors import ExitCode, SignotaurError, UsageFaults
from signotaur_action.guarding import Level, Limits, Verdict, parse_window, verdict
from signotaur_action.http_service import HttpKeyService, ServerAddress
from signotaur_action.invocation import Invocation
from signotaur_action.key_settings import KeySource, key_source
from signotaur_action.policy import parse_duration
from signotaur_action.reporting import Report
from signotaur_action.reporting.guard import guard_telling
from signotaur_action.server_settings import server_address
from signotaur_action.settings import Settings

_UNCHANGED = "Unchanged: the guard only asks."


def run(invocation: Invocation) -> ExitCode:
    """Judge the key and tell. Returns EXPIRING when a limit is passed."""

    def work(console: Console, report: Report) -> ExitCode:
        try:
            return _guard(invocation.settings(), console, report)
        except SignotaurError as error:
            error.keys = _UNCHANGED
            raise

    return reported(invocation, work, outputs={"state": "unknown"}, document={"good": False})


def _guard(settings: Settings, console: Console, report: Report) -> ExitCode:
    source, server, limits = _read(settings)
    console.mask(source.key)
    report.check()
    found = verdict(HttpKeyService(server).describe(source.key), limits)
    _annotate(found, console)
    tell(report, guard_telling(found))
    return ExitCode.EXPIRING if found.level is Level.FAILURE else ExitCode.DONE


def _annotate(found: Verdict, console: Console) -> None:
    text = " ".join(found.findings)
    if found.level is Level.FAILURE:
        error = SignotaurError(text, keys=_UNCHANGED, next_step=found.next_step)
        console.fail(error)
    elif found.level is Level.WARNING:
        console.warn(f"{text} Next: {found.next_step}")


def _read(settings: Settings) -> tuple[KeySource, ServerAddress, Limits]:
    source = key_source(settings)
    server = server_address(settings)
    limits = Limits(
        fail_within=settings.checked("fail-if-expiring-within", parse_window, None),
        warn_within=settings.checked("warn-if-expiring-within", parse_window, None),
        max_age=settings.checked("max-age", _age, None),
    )
    asked = ("fail-if-expiring-within", "warn-if-expiring-within", "max-age")
    if not any(settings.is_given(name) for name in asked):
        settings.faults.append("the guard needs a limit, such as --fail-if-expiring-within 7d")
    if settings.faults or source is None:
        raise UsageFaults(settings.faults)
    return source, server, limits


def _age(text: str) -> timedelta | None:
    return parse_duration(text) if text else None
