"""The report of a guard. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.github.expiry_issue import Issue
from signotaur_action.model import CertificateInfo
from signotaur_action.policy.expiry import Level, Verdict
from signotaur_action.reporting.key_rows import key_rows
from signotaur_action.reporting.report_content import ReportContent, Rows
from signotaur_wire.members import Json, format_optional_time, format_time

_ONLY_CERTIFICATE = "The certificate must be renewed."
_ONLY_TOKENS = "The token for a destination needs attention."
_HEADLINES = {
    Level.GOOD: "The key is good.",
    Level.WARNING: "The key needs attention.",
    Level.FAILURE: "The key must be replaced.",
}


def guard_report(verdict: Verdict, issue: str = "") -> ReportContent:
    """Return the report of a verdict; ``issue`` is what became of the issue, if anything."""
    ends_at = format_optional_time(verdict.key.ends_at)
    days = verdict.days_left
    left = "" if days is None else str(days)
    certificate = verdict.certificate
    return ReportContent(
        headline=_headline(verdict),
        rows=(
            *key_rows(verdict.key),
            ("Days left", left or "no end"),
            *(() if certificate is None else _certificate_rows(certificate)),
            *(("Finding", finding) for finding in verdict.findings),
            *((("Issue", issue),) if issue else ()),
        ),
        next_step=verdict.next_step,
        outputs=MappingProxyType(
            {
                "key-id": str(verdict.key.id),
                "state": verdict.state,
                "expires-at": ends_at or "",
                "days-left": left,
                **({} if certificate is None else _certificate_outputs(certificate)),
            }
        ),
        document=MappingProxyType(
            {
                "keyId": verdict.key.id,
                "name": verdict.key.name,
                "state": verdict.state,
                "expiresAt": ends_at,
                "daysLeft": days,
                "good": verdict.level is Level.GOOD,
                "findings": list(verdict.findings),
                "next": verdict.next_step,
                **({} if certificate is None else {"certificate": _document(certificate)}),
            }
        ),
    )


def _headline(verdict: Verdict) -> str:
    if verdict.only_tokens:
        return _ONLY_TOKENS
    return _ONLY_CERTIFICATE if verdict.only_certificate else _HEADLINES[verdict.level]


def _certificate_rows(certificate: CertificateInfo) -> Rows:
    return (
        ("Certificate", f"{escape_untrusted(certificate.shown_name)} ({certificate.thumbprint})"),
        ("Certificate expires", format_time(certificate.ends_at)),
    )


def _certificate_outputs(certificate: CertificateInfo) -> dict[str, str]:
    return {
        "certificate-thumbprint": certificate.thumbprint,
        "certificate-expires-at": format_time(certificate.ends_at),
    }


def _document(certificate: CertificateInfo) -> Json:
    return {
        "thumbprint": certificate.thumbprint,
        "expiresAt": format_time(certificate.ends_at),
    }


def expiry_issue(verdict: Verdict, environ: Mapping[str, str]) -> Issue:
    """Return the issue about a limit that was passed: dates and ids, never a key."""
    lines = [guard_report(verdict).markdown(), _run_link(environ)]
    return Issue(_title(verdict), "\n".join(filter(None, lines)).rstrip())


def _title(verdict: Verdict) -> str:
    certificate, ends_at = verdict.certificate, verdict.key.ends_at
    if verdict.only_tokens:
        return f"A token for the destinations of signing key {verdict.key.name} needs attention"
    if verdict.only_certificate and certificate is not None:
        name = escape_untrusted(certificate.selector.value)
        return f"Signing certificate {name} ends on {certificate.ends_at:%Y-%m-%d}"
    when = "is too old" if ends_at is None else f"ends on {ends_at:%Y-%m-%d}"
    return f"Signing key {verdict.key.name} {when}"


def _run_link(environ: Mapping[str, str]) -> str:
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (escape_untrusted(environ.get(name, "")) for name in names)
    return f"Found by {server}/{repository}/actions/runs/{run}" if server and run else ""
