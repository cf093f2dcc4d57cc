"""``guard``: is this key good for a while longer? It changes no key; 13: a limit is passed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from signotaur_action.commands.key_provider import KeyProvider, key_provider
from signotaur_action.commands.runner import (
    keys_after_failure,
    publish,
    run_with_report,
    warn_of_access,
)
from signotaur_action.console.console import Console
from signotaur_action.errors import (
    DestinationRefusedError,
    ExitCode,
    ServerError,
    SignotaurError,
    UsageError,
)
from signotaur_action.github.expiry_issue import ExpiryIssue, IssueError
from signotaur_action.github.rest import GitHubRest
from signotaur_action.http import HttpError
from signotaur_action.key_server import HttpKeyService, ServerAddress
from signotaur_action.key_server.signing import HttpSigningService
from signotaur_action.model import CertificateSelector, KeyInfo, Secret
from signotaur_action.options.common import (
    CERTIFICATE_EXPIRING_WITHIN,
    EMIT_SECRET,
    FAIL_IF_EXPIRING_WITHIN,
    MAX_AGE,
    OIDC,
    REPORT_ISSUE,
    WARN_IF_EXPIRING_WITHIN,
)
from signotaur_action.policy.certificate import CertificateUnreadableError, certificate_info
from signotaur_action.policy.expiry import (
    Level,
    Limits,
    Verdict,
    Window,
    parse_window,
    verdict,
    with_certificate,
    with_tokens,
)
from signotaur_action.ports import Clock, Sink, TokenHolder
from signotaur_action.reporting import Report
from signotaur_action.reporting.guard import expiry_issue, guard_report
from signotaur_action.settings.certificate import SELECTORS, certificate_selector
from signotaur_action.settings.destinations import named_destinations
from signotaur_action.settings.invocation import Invocation
from signotaur_action.settings.key import require_no_arguments
from signotaur_action.settings.layers import Settings
from signotaur_action.settings.server import github_token, server_address, store_access
from signotaur_action.settings.tool import refuse_tool
from signotaur_wire.durations import parse_duration

_OF_KEYS = (FAIL_IF_EXPIRING_WITHIN, WARN_IF_EXPIRING_WITHIN, MAX_AGE)
_LIMITS = (*_OF_KEYS, CERTIFICATE_EXPIRING_WITHIN, EMIT_SECRET)
_UNCHANGED = "Unchanged: the guard only reads."


@dataclass(frozen=True)
class IssuePlace:
    """Where the issue is kept, and by whom."""

    github: GitHubRest
    repository: str


@dataclass(frozen=True)
class CertificateLimit:
    """How near the end of a certificate may come."""

    selector: CertificateSelector
    window: Window


@dataclass(frozen=True)
class Guard:
    """The checked settings of one ``guard``."""

    key: KeyProvider
    server: ServerAddress
    limits: Limits
    certificate: CertificateLimit | None
    destinations: Sequence[Sink]
    """Whose tokens are watched."""
    issue: IssuePlace | None


def run(invocation: Invocation) -> ExitCode:
    """Check the key against the limits. Returns EXPIRING when one is passed."""

    def work(settings: Settings, console: Console, report: Report) -> ExitCode:
        with keys_after_failure(_UNCHANGED):
            command = _read(settings, console, invocation.clock)
            key = command.key()
            warn_of_access(settings, command.server, console)
            return _guard(command, key, invocation, console, report)

    return run_with_report(invocation, work, outputs={"state": "unknown"}, document={"good": False})


def _guard(
    command: Guard, key: Secret, invocation: Invocation, console: Console, report: Report
) -> ExitCode:
    report.check()
    service = HttpKeyService(command.server, invocation.clock)
    found = _judged(command, key, service.describe(key), invocation.clock)
    found = with_tokens(found, _token_concerns(command.destinations, console))
    _annotate(found, console)
    issue = _keep_issue(command, found, invocation.environ, console)
    publish(report, guard_report(found, issue))
    return ExitCode.EXPIRING if found.level is Level.FAILURE else ExitCode.DONE


def _judged(command: Guard, key: Secret, described: KeyInfo, clock: Clock) -> Verdict:
    found = verdict(described, command.limits)
    if command.certificate is None:
        return found
    service = HttpSigningService(command.server, clock)
    encoded = service.certificate(key, command.certificate.selector)
    try:
        certificate = certificate_info(encoded, command.certificate.selector)
    except CertificateUnreadableError as error:
        raise ServerError(f"{service.address} sent no valid certificate: {error}.") from None
    return with_certificate(found, certificate, command.certificate.window)


def _token_concerns(destinations: Sequence[Sink], console: Console) -> Sequence[str]:
    """Return what is wrong with tokens; the same token may be for several destinations."""
    concerns: list[str] = []
    for sink in destinations:
        if not isinstance(sink, TokenHolder):
            console.note(f"{sink.name}: it needs no token, or the end of its token is not known.")
            continue
        try:
            concerns += sink.token_concerns()
        except DestinationRefusedError as fault:
            console.warn(f"The token could not be checked: {fault.what}")
    return list(dict.fromkeys(concerns))


def _annotate(found: Verdict, console: Console) -> None:
    text = " ".join(found.findings)
    if found.level is Level.FAILURE:
        error = SignotaurError(text, keys=_UNCHANGED, next_step=found.next_step)
        console.fail(error)
    elif found.level is Level.WARNING:
        console.warn(f"{text} Next: {found.next_step}")


def _keep_issue(
    command: Guard, found: Verdict, environ: Mapping[str, str], console: Console
) -> str:
    """Open, update or close the issue, and return what was done. An error changes no verdict."""
    place = command.issue
    if place is None:
        return ""
    subject = f"{command.server.url}\n{found.key.owner}\n{found.key.name}"
    kept = ExpiryIssue(place.github, place.repository, subject)
    try:
        if found.limit_passed:
            return kept.keep_open(expiry_issue(found, environ))
        return kept.close(f"{guard_report(found).headline} The key is now {found.key.id}.")
    except IssueError as fault:
        console.warn(f"The issue could not be updated: {fault}")
        return ""


def _read(settings: Settings, console: Console, clock: Clock) -> Guard:
    server = server_address(settings)
    key = key_provider(settings, server, console, clock, _OF_KEYS)
    require_no_arguments(settings)
    refuse_tool(settings, "guard")
    limits = Limits(
        fail_within=settings.checked(FAIL_IF_EXPIRING_WITHIN, parse_window, None),
        warn_within=settings.checked(WARN_IF_EXPIRING_WITHIN, parse_window, None),
        max_age=settings.checked(MAX_AGE, _age, None),
    )
    certificate = _certificate_limit(settings)
    # With an identity there is always one: whether the server gives this job a key.
    if not settings.flag(OIDC) and not any(map(settings.is_given, _LIMITS)):
        settings.faults.append("the guard needs a limit, such as --fail-if-expiring-within 7d")
    sinks = named_destinations(settings, console, clock)
    issue = _issue_place(settings, clock) if settings.flag(REPORT_ISSUE) else None
    if settings.faults or key is None:
        raise UsageError(settings.faults)
    return Guard(key, server, limits, certificate, sinks, issue)


def _certificate_limit(settings: Settings) -> CertificateLimit | None:
    window = settings.checked(CERTIFICATE_EXPIRING_WITHIN, parse_window, None)
    if not settings.is_given(CERTIFICATE_EXPIRING_WITHIN):
        # A variable or config.json may select one for sign.
        settings.faults.extend(
            f"{option} needs {CERTIFICATE_EXPIRING_WITHIN}"
            for option in SELECTORS
            if settings.is_on_command_line(option)
        )
        return None
    selector = certificate_selector(settings)
    return None if selector is None or window is None else CertificateLimit(selector, window)


def _issue_place(settings: Settings, clock: Clock) -> IssuePlace | None:
    token = github_token(settings)
    repository = settings.environ.get("GITHUB_REPOSITORY", "")
    if token is None:
        settings.faults.append("--report-issue needs --github-token, or the variable GH_TOKEN")
    if repository.count("/") != 1:
        settings.faults.append("--report-issue needs GITHUB_REPOSITORY, which a GitHub job has")
    if token is None or settings.faults:
        return None
    try:
        return IssuePlace(GitHubRest(store_access(settings, clock), token), repository)
    except (ValueError, HttpError) as error:
        settings.faults.append(f"--report-issue: {error}")
        return None


def _age(text: str) -> timedelta | None:
    return parse_duration(text) if text else None
