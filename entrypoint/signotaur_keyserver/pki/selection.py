"""Which certificate a request means, and whether it may be used now. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from signotaur_keyserver.domain.events import Level
from signotaur_keyserver.domain.records import Certificate, CertificateState
from signotaur_keyserver.pki.subjects import without_spaces
from signotaur_wire.members import format_time
from signotaur_wire.signing import CertificateRequest, normal_thumbprint


@dataclass(frozen=True, slots=True)
class Candidate:
    """A certificate, and whether the caller may use it."""

    certificate: Certificate
    granted: bool


class CertificateRefusedError(Exception):
    """The caller gets no certificate. The message is for the caller, and repeats nothing."""

    def __init__(self, message: str, level: Level, certificate: Certificate | None = None) -> None:
        super().__init__(message)
        self.level = level
        self.certificate = certificate
        """Which it was, for the event alone."""
        self.expired_at: datetime | None = None
        """When it expired, if that is the reason."""


def select(
    candidates: Iterable[Candidate], request: CertificateRequest, now: datetime
) -> Certificate:
    """Return the certificate that a request means. Raises CertificateRefusedError.

    The first selector that is given decides: thumbprint, label (or alias), subject. Of several
    certificates that fit it is a valid one, and of those the one that lasts longest.
    """
    fitting = [candidate for candidate in candidates if _fits(candidate.certificate, request)]
    if not _is_specific(request):
        raise CertificateRefusedError(
            "Select a certificate by its thumbprint, label or subject.", Level.WARNING
        )
    granted = [candidate.certificate for candidate in fitting if candidate.granted]
    if not granted:
        denied = fitting[0].certificate if fitting else None
        raise CertificateRefusedError(
            "There is no such certificate, or this key may not use it.", Level.SECURITY, denied
        )
    chosen = max(
        granted, key=lambda each: (each.state(now) is CertificateState.VALID, each.not_after_utc)
    )
    require_valid(chosen, now)
    return chosen


def require_valid(certificate: Certificate, now: datetime) -> None:
    """Raise CertificateRefusedError for a disabled certificate, and outside its time."""
    state = certificate.state(now)
    if state is CertificateState.DISABLED:
        message = "The certificate is disabled."
        raise CertificateRefusedError(message, Level.WARNING, certificate)
    if state is CertificateState.EXPIRED:
        message = f"The certificate expired at {format_time(certificate.not_after_utc)}."
        refused = CertificateRefusedError(message, Level.WARNING, certificate)
        refused.expired_at = certificate.not_after_utc
        raise refused
    if state is CertificateState.NOT_YET_VALID:
        message = f"The certificate is not valid before {format_time(certificate.not_before_utc)}."
        raise CertificateRefusedError(message, Level.WARNING, certificate)


def _is_specific(request: CertificateRequest) -> bool:
    return any(_given(each) for each in (request.thumbprint, request.label, request.subject))


def _fits(certificate: Certificate, request: CertificateRequest) -> bool:
    if thumbprint := _given(request.thumbprint):
        return certificate.thumbprint == normal_thumbprint(thumbprint)
    if label := _given(request.label):
        return same_text(certificate.label, label) or same_text(certificate.alias, label)
    if subject := _given(request.subject):
        return same_text(certificate.common_name, subject) or same_text(
            without_spaces(certificate.subject), without_spaces(subject)
        )
    return False


def same_text(text: str | None, other: str) -> bool:
    """Return whether two texts differ in nothing but case."""
    return text is not None and text.casefold() == other.casefold()


def _given(selector: str | None) -> str:
    return (selector or "").strip()
