"""Whether a signer's certificate leads to one that the caller trusts, by the library cryptography.

The library checks signatures, names, times, name constraints and lengths of paths as RFC 5280 has
them, and refuses weak keys and digests; the purpose of each certificate is checked here.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from signotaur_action.signing.outcomes import FormatError

CODE_SIGNING, TIME_STAMPING = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.TIME_STAMPING
_UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension)


class TrustedRoots:
    """Certificates that are trusted. It never changes: threads share it."""

    def __init__(self, roots: Iterable[bytes]) -> None:
        """``roots`` are DER. Raises ValueError for one that cannot be read."""
        self._store = Store([x509.load_der_x509_certificate(each) for each in roots])

    def require_chain(
        self,
        leaf: bytes,
        others: Sequence[bytes],
        moment: datetime,
        purpose: x509.ObjectIdentifier = CODE_SIGNING,
    ) -> None:
        """Raise FormatError unless a certificate had this purpose, and a trusted root, then."""
        authorities = _for_purpose(purpose).require_present(
            x509.BasicConstraints, Criticality.AGNOSTIC, _require_authority
        )
        policy = (
            PolicyBuilder()
            .store(self._store)
            .time(moment)
            .extension_policies(ca_policy=authorities, ee_policy=_for_purpose(purpose))
        )
        try:
            signer = x509.load_der_x509_certificate(leaf)
            policy.build_client_verifier().verify(signer, _readable(others))
        except VerificationError as fault:
            raise FormatError(
                f"its signer's certificate is not trusted ({_reason(fault)})"
            ) from None
        except _UNREADABLE:
            raise FormatError("its signer's certificate cannot be read") from None


def _for_purpose(purpose: x509.ObjectIdentifier) -> ExtensionPolicy:
    def check(_: Policy, __: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
        allowed = (purpose, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
        if usage is not None and not any(each in usage for each in allowed):
            raise ValueError("a certificate is for another purpose")

    return ExtensionPolicy.permit_all().may_be_present(
        x509.ExtendedKeyUsage, Criticality.AGNOSTIC, check
    )


def _require_authority(
    _: Policy, certificate: x509.Certificate, basic: x509.BasicConstraints
) -> None:
    if not basic.ca:
        raise ValueError("an issuer is no authority")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.key_cert_sign:
        raise ValueError("an issuer may not sign certificates")


def _readable(certificates: Sequence[bytes]) -> list[x509.Certificate]:
    found = []
    for each in certificates:
        try:
            found.append(x509.load_der_x509_certificate(each))
        except _UNREADABLE:  # perhaps one that no chain needs
            continue
    return found


def _reason(fault: VerificationError) -> str:
    """Return what the library says, without what it tried and without its own types."""
    said = str(fault).partition(" (encountered")[0]
    return said if "ParseError" not in said else "it is damaged"
