"""What an authority says of a certificate, and what every such answer must fulfil."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.hashes import HashAlgorithm

from signotaur_action.signing.signature_schemes import OTHER_DIGEST
from signotaur_wire.members import format_time
from signotaur_wire.signing import DigestAlgorithm

E = TypeVar("E", bound=x509.ExtensionType)
CLOCKS_DIFFER = timedelta(minutes=5)
"""How far the clock of an authority may be from ours."""


class NotKnownError(Exception):
    """A source does not tell whether a certificate was revoked. The message says why."""


class UnknownCertificateError(NotKnownError):
    """The authority itself does not know the certificate, so no other source is asked."""


@dataclass(frozen=True)
class Issued:
    """A certificate of a chain that leads to a trusted root, and the next one of that chain."""

    certificate: x509.Certificate
    issuer: x509.Certificate


@dataclass(frozen=True)
class Revoked:
    """That a certificate was revoked."""

    since: datetime
    """From when on nothing that its key made is valid."""
    reason: x509.ReasonFlags | None = None

    @classmethod
    def read(
        cls, moment: datetime, reason: x509.ReasonFlags | None, details: x509.Extensions
    ) -> "Revoked":
        """Return what an entry says; ``details`` may say that the key was lost before ``moment``.

        Raises NotKnownError for an entry of a delta list, which only changes another list.
        """
        if reason is x509.ReasonFlags.remove_from_crl:
            raise NotKnownError("it has the reason removeFromCRL, which only delta lists may have")
        lost = extension(details, x509.InvalidityDate)
        return cls(min(moment, lost.invalidity_date_utc) if lost else moment, reason)


def extension(extensions: x509.Extensions, kind: type[E]) -> E | None:
    """Return the extension of this kind, or None."""
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def require_known(extensions: x509.Extensions, known: Collection[type[x509.ExtensionType]]) -> None:
    """Raise NotKnownError if a critical extension is of none of these kinds."""
    for each in extensions:
        if each.critical and type(each.value) not in known:
            number = each.oid.dotted_string
            raise NotKnownError(f"it has the critical extension {number}, which is not supported")


def require_current(begins: datetime, ends: datetime | None, now: datetime) -> None:
    """Raise NotKnownError unless an answer counts now. One without an end counts for minutes."""
    if begins > now + CLOCKS_DIFFER:
        raise NotKnownError(f"it is dated {format_time(begins)}, in the future")
    if (ends or begins) < now - CLOCKS_DIFFER:
        raise NotKnownError(f"it was valid until {format_time(ends or begins)}")


def accepted_digest(algorithm: HashAlgorithm | None) -> DigestAlgorithm:
    """Return the digest that a signature uses. Raises NotKnownError for all but SHA-2."""
    try:
        return DigestAlgorithm(algorithm.name.upper() if algorithm else "")
    except ValueError:
        raise NotKnownError(OTHER_DIGEST) from None
