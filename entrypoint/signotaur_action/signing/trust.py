"""Which certificates are trusted: what leads from one to a root, and what it may sign.

The chain is built and checked by the library cryptography. The rules of the web, which are its
defaults, are replaced by those of code signing where they differ.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.signing import der
from signotaur_action.signing.outcomes import FormatError
from signotaur_wire.members import format_time

_LIFETIME_SIGNING = ObjectIdentifier("1.3.6.1.4.1.311.10.3.13")
CERTIFICATE_FAULTS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for certificates that are damaged or unusual."""
_UNREADABLE = "its signer's certificate cannot be read"
_NO_ISSUER = "all candidates exhausted with no interior errors"
_FORBIDDEN = "Forbidden signature algorithm"
_DETAILS = re.compile(r"^validation failed: (?:candidates exhausted: )?|Python extension validator "
                      r"failed: \w+: | \(encountered processing .*$", re.DOTALL)  # fmt: skip


class Usage(Enum):
    """What a certificate is needed for."""

    CODE = ExtendedKeyUsageOID.CODE_SIGNING
    TIMESTAMPS = ExtendedKeyUsageOID.TIME_STAMPING


@dataclass(frozen=True)
class Trust:
    """The roots that are trusted. Threads may share it."""

    roots: tuple[x509.Certificate, ...]
    accepts_any_root: bool = False
    """Accept every root that comes with a signature."""

    @classmethod
    def of(cls, encoded: Sequence[bytes], *, accepts_any_root: bool = False) -> "Trust":
        """Return trust in these certificates, DER; those that cannot be read are left out."""
        with warnings.catch_warnings():
            # Some well-known roots have the serial number 0, of which the library warns.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return cls(tuple(_readable(encoded)), accepts_any_root)

    def require(
        self, certificate: bytes, others: Sequence[bytes], moment: datetime, usage: Usage
    ) -> Sequence[x509.Certificate]:
        """Return the chain from a certificate, DER, to a root that it is trusted by.

        ``others``: certificates that came with it, which may lead to a root. Raises FormatError
        if the certificate was not good for this usage at a moment.
        """
        leaf = next(_regular([certificate]), None)
        if leaf is None:
            raise FormatError(_UNREADABLE)
        _require_time(leaf, moment)
        found = [*_regular(others)]
        roots = [*self.roots, *(filter(_is_root, found) if self.accepts_any_root else ())]
        if not roots:
            raise FormatError(_untrusted(leaf, "no root is trusted"))
        verifier = (
            PolicyBuilder()
            .store(Store(roots))
            .time(moment)
            .extension_policies(ca_policy=_issuer_policy(usage), ee_policy=_signer_policy(usage))
            .build_client_verifier()
        )
        try:
            return verifier.verify(leaf, [each for each in found if each != leaf]).chain
        except (VerificationError, *CERTIFICATE_FAULTS) as error:
            raise FormatError(_untrusted(leaf, _reason(error, leaf))) from None


def ends_with_certificate(certificate: bytes) -> bool:
    """Return whether a certificate says that its signatures end with it, timestamp or not."""
    return any(_LIFETIME_SIGNING in _usages(each) for each in _regular([certificate]))


def _readable(encoded: Sequence[bytes]) -> Iterator[x509.Certificate]:
    for each in encoded:
        with suppress(*CERTIFICATE_FAULTS):
            yield x509.load_der_x509_certificate(each)


def _regular(encoded: Sequence[bytes]) -> Iterator[x509.Certificate]:
    """Yield the certificates with a positive serial number and a signature of whole bytes.

    Of other serial numbers the library warns on stderr; other signatures it takes as they are.
    """
    return _readable([each for each in encoded if _is_regular(each)])


def _is_regular(encoded: bytes) -> bool:
    try:
        signed, _algorithm, signature = der.children(encoded)
        version_or_serial, serial = der.children(signed)[:2]
        if not der.is_tagged(0, version_or_serial):
            serial = version_or_serial
        number = int.from_bytes(der.contents(serial), signed=True)
        return number > 0 and der.contents(signature)[:1] == b"\0"
    except ValueError:
        return False


def _is_root(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, *CERTIFICATE_FAULTS):
        return False
    return True


def _require_time(leaf: x509.Certificate, moment: datetime) -> None:
    try:
        begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    except ValueError:  # a year that no calendar has
        raise FormatError(_UNREADABLE) from None
    if not begins <= moment <= ends:
        raise FormatError(
            f"the certificate {owner_of(leaf)} is valid from {format_time(begins)} to "
            f"{format_time(ends)}, not on {format_time(moment)}"
        )


def _signer_policy(usage: Usage) -> ExtensionPolicy:
    def has_usage(_policy: object, _leaf: object, extension: x509.ExtendedKeyUsage) -> None:
        if usage.value not in extension:
            raise ValueError(f"it is not for {_PURPOSE[usage]}")
        # RFC 3161, 2.3. Otherwise who signs code could choose the time of the signatures.
        if usage is Usage.TIMESTAMPS and len(extension) > 1:
            raise ValueError("it is not for timestamps alone")

    def may_sign(_policy: object, _leaf: object, extension: x509.KeyUsage | None) -> None:
        if extension is not None and not extension.digital_signature:
            raise ValueError("its key is not for signatures")

    return (
        ExtensionPolicy.permit_all()
        .require_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, has_usage)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, may_sign)
    )


def _issuer_policy(usage: Usage) -> ExtensionPolicy:
    allowed = {usage.value, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}

    def passes_usage(
        _policy: object, _issuer: object, extension: x509.ExtendedKeyUsage | None
    ) -> None:
        if extension is not None and allowed.isdisjoint(extension):
            raise ValueError(f"an issuer is not for {_PURPOSE[usage]}")

    def may_issue(_policy: object, _issuer: object, extension: x509.KeyUsage | None) -> None:
        if extension is not None and not extension.key_cert_sign:
            raise ValueError("an issuer may not issue certificates")

    def is_limited(
        _policy: object, _issuer: object, extension: x509.NameConstraints | None
    ) -> None:
        # The library refuses these where they are critical, and otherwise ignores them.
        limits = () if extension is None else _subtrees(extension)
        if any(isinstance(each, x509.DirectoryName) for each in limits):
            raise ValueError("an issuer may issue to some names only, which is not supported")

    return (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
        .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, passes_usage)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, may_issue)
        .may_be_present(x509.NameConstraints, Criticality.AGNOSTIC, is_limited)
    )


def _subtrees(limits: x509.NameConstraints) -> list[x509.GeneralName]:
    return [*(limits.permitted_subtrees or ()), *(limits.excluded_subtrees or ())]


_PURPOSE = {Usage.CODE: "signing code", Usage.TIMESTAMPS: "timestamps"}


def _usages(certificate: x509.Certificate) -> x509.ExtendedKeyUsage | tuple[()]:
    try:
        return certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except CERTIFICATE_FAULTS:
        return ()


def _untrusted(leaf: x509.Certificate, reason: str) -> str:
    return f"the certificate {owner_of(leaf)} is not trusted: {reason}"


def _reason(error: Exception, leaf: x509.Certificate) -> str:
    if _NO_ISSUER in str(error):
        issuer = _shown(lambda: leaf.issuer)
        if issuer == owner_of(leaf):
            return "it is self-signed, and not among the trusted roots"
        return f"no trusted root leads to it; its issuer is {issuer}"
    if _FORBIDDEN in str(error):
        return "a certificate of its chain is signed with SHA-1, or in another way that is refused"
    return escape_untrusted(_DETAILS.sub("", str(error)))


def owner_of(certificate: x509.Certificate) -> str:
    """Return the name of a certificate's owner, as messages show it."""
    return _shown(lambda: certificate.subject)


def _shown(name: Callable[[], x509.Name]) -> str:
    try:
        return escape_untrusted(name().rfc4514_string())
    except CERTIFICATE_FAULTS:  # the library reads names only when they are asked for
        return "with a name that cannot be read"
