"""Certificate revocation lists (RFC 5280): what a list proves of a certificate. Bytes in.

Only complete lists of the issuer itself count: no delta lists, no indirect ones, and none that
leaves reasons out.
"""

from collections.abc import Iterator
from datetime import datetime

from cryptography import x509

from signotaur_action.signing.revocation_status import (
    Issued,
    NotKnownError,
    Revoked,
    accepted_digest,
    extension,
    require_current,
    require_known,
)
from signotaur_action.signing.trust import CERTIFICATE_FAULTS

_OF_ENTRIES = (x509.CRLReason, x509.InvalidityDate)


def addresses(certificate: x509.Certificate) -> list[str]:
    """Return the URLs of the lists that a certificate names, each of its issuer."""
    return [
        each.value
        for each in _names(certificate)
        if isinstance(each, x509.UniformResourceIdentifier)
    ]


def status(encoded: bytes, issued: Issued, now: datetime) -> Revoked | None:
    """Return what a list, DER, proves of a certificate; None: it was not revoked.

    Raises NotKnownError.
    """
    try:
        found = x509.load_der_x509_crl(encoded)
        _require_valid(found, issued.issuer, now)
        _require_covered(found, issued.certificate)
        return _entry(found, issued.certificate.serial_number)
    except CERTIFICATE_FAULTS:
        raise NotKnownError("it is not a revocation list") from None


def _require_valid(
    found: x509.CertificateRevocationList, issuer: x509.Certificate, now: datetime
) -> None:
    if found.issuer != issuer.subject:
        raise NotKnownError("it is a list of another authority")
    usage = extension(issuer.extensions, x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        raise NotKnownError("the issuer may not sign revocation lists")
    accepted_digest(found.signature_hash_algorithm)
    # Its chain was verified, so the issuer has a key of a kind that can sign.
    if not found.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
        raise NotKnownError("its signature is not right")
    require_current(found.last_update_utc, found.next_update_utc, now)
    require_known(found.extensions, (x509.IssuingDistributionPoint,))
    if extension(found.extensions, x509.DeltaCRLIndicator) is not None:
        raise NotKnownError("it is a delta list")


def _require_covered(found: x509.CertificateRevocationList, certificate: x509.Certificate) -> None:
    scope = extension(found.extensions, x509.IssuingDistributionPoint)
    if scope is None:
        return
    limits = extension(certificate.extensions, x509.BasicConstraints)
    is_authority = limits is not None and limits.ca
    is_partial = (
        scope.indirect_crl
        or scope.only_some_reasons
        or scope.only_contains_attribute_certs
        or scope.relative_name
        or (scope.only_contains_user_certs and is_authority)
        or (scope.only_contains_ca_certs and not is_authority)
    )
    named = scope.full_name
    if is_partial or (named and not any(each in named for each in _names(certificate))):
        raise NotKnownError("it does not cover the certificate, or not every reason")


def _entry(found: x509.CertificateRevocationList, number: int) -> Revoked | None:
    entries = []
    for entry in found:
        # RFC 5280, 5.3: what is critical in one entry may change the meaning of others.
        require_known(entry.extensions, _OF_ENTRIES)
        if entry.serial_number == number:
            entries.append(entry)
    if not entries:
        return None
    [entry] = entries
    reason = extension(entry.extensions, x509.CRLReason)
    return Revoked.read(
        entry.revocation_date_utc, reason.reason if reason else None, entry.extensions
    )


def _names(certificate: x509.Certificate) -> Iterator[x509.GeneralName]:
    """Yield the names of the complete lists of a certificate's own issuer."""
    for point in extension(certificate.extensions, x509.CRLDistributionPoints) or ():
        if not point.crl_issuer and not point.reasons:
            yield from point.full_name or ()
