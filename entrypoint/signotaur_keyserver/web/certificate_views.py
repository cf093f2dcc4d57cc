"""Certificates in the words of pages and calls: never a private key."""

from dataclasses import dataclass
from datetime import datetime

from signotaur_keyserver.domain.records import CertificateState
from signotaur_keyserver.service.certificates import CertificateOverview


@dataclass(frozen=True)
class CertificateView:
    """A certificate."""

    id: int
    label: str
    alias: str | None
    subject: str
    thumbprint: str
    state: CertificateState
    enabled: bool
    not_before: datetime
    not_after: datetime
    signs_for_label: bool
    """Whether it is the one that signs when somebody with access to all of them gives the label."""
    users: tuple[str, ...]
    """Users who may sign with it; administrators may anyway. Empty unless the visitor sees all."""


def certificate_view(
    overview: CertificateOverview,
    signing: set[int],
    sees_users: bool,  # noqa: FBT001
) -> CertificateView:
    """Describe a certificate at a moment; ``signing`` are those that sign for their label."""
    certificate = overview.certificate
    return CertificateView(
        id=certificate.id,
        label=certificate.label or "",
        alias=certificate.alias,
        subject=certificate.subject,
        thumbprint=certificate.thumbprint,
        state=certificate.state(overview.now),
        enabled=certificate.enabled,
        not_before=certificate.not_before_utc,
        not_after=certificate.not_after_utc,
        signs_for_label=certificate.id in signing,
        users=overview.users if sees_users else (),
    )
