"""One signer's part of a message: whose signature it is, and what it says."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import HashAlgorithm

from signotaur_action.signing import der
from signotaur_action.signing.certificate import CertificateError, SigningCertificate
from signotaur_action.signing.cms import CONTENT_TYPE, MESSAGE_DIGEST
from signotaur_action.signing.outcomes import FormatError
from signotaur_action.signing.signature_schemes import (
    DIGEST,
    HASHES,
    OTHER_DIGEST,
    SHA1,
    scheme_of,
)

Attributes = tuple[tuple[bytes, tuple[bytes, ...]], ...]
"""Attributes as they are in a message: each with its type and values."""

_OBJECT_IDENTIFIER = re.compile(
    rb"\x06[\x01-\x7f](?:(?:[\x81-\xff][\x80-\xff]*)?[\x00-\x7f])+", re.DOTALL
)
"""One that other readers accept too, with its tag and a short length."""
_VERSION = der.integer(1)
_CONTENT_TYPE, _MESSAGE_DIGEST = der.oid(CONTENT_TYPE), der.oid(MESSAGE_DIGEST)
_SHA2 = {der.oid(number): HASHES[algorithm] for algorithm, number in DIGEST.items()}
_SHA1 = {der.oid("1.3.14.3.2.26"): SHA1}


@dataclass(frozen=True)
class SignerInfo:
    """The parts, DER, that a signature covers or is made of."""

    issuer_and_serial: bytes
    digest: HashAlgorithm
    signed: bytes
    """The attributes that the signature covers."""
    algorithm: bytes
    signature: bytes

    @classmethod
    def read(cls, parts: Sequence[bytes], *, accepts_sha1: bool = False) -> "SignerInfo":
        """Take its parts, without unsigned attributes. Raises FormatError and DerError."""
        try:
            version, issuer_and_serial, used, signed, algorithm, signature = parts
        except ValueError:
            raise der.DerError("its signature does not have the fields of a signature") from None
        digest = digest_in(used, accepts_sha1=accepts_sha1)
        if version != _VERSION:
            raise FormatError("its signature is of an unknown version")
        if not der.is_tagged(0, signed):
            raise FormatError("its signature has no signed attributes")
        return cls(
            issuer_and_serial, digest, signed, algorithm, der.contents(signature, der.OCTETS)
        )

    @property
    def attributes(self) -> dict[bytes, tuple[bytes, ...]]:
        """The values of each attribute that the signature covers.

        Raises FormatError and DerError.
        """
        found = attributes_in(self.signed, 0)
        once = dict(found)
        if len(once) != len(found):
            raise FormatError("its signature has an attribute twice")
        return once

    def covers(self, kind: bytes, content: bytes) -> bool:
        """Return whether it is one of content of this type.

        ``kind``: an object identifier, DER. Raises FormatError and DerError.
        """
        digest = der.octets(self._digest_of(content))
        found = self.attributes
        return found.get(_CONTENT_TYPE) == (kind,) and found.get(_MESSAGE_DIGEST) == (digest,)

    def certificate(self, certificates: Sequence[bytes]) -> SigningCertificate:
        """Return the one of these certificates, DER, whose key made the signature.

        Raises FormatError and DerError if there is none.
        """
        certificate = self._named(certificates)
        scheme = scheme_of(self.algorithm, self.digest, certificate.key)
        covered = self._digest_of(der.set_of(*der.children(self.signed, der.tag(0))))
        if not scheme.verifies(certificate.key, self.signature, covered):
            raise FormatError("its signature was not made with its certificate's key")
        return certificate

    def _named(self, certificates: Sequence[bytes]) -> SigningCertificate:
        for encoded in certificates:
            try:
                certificate = SigningCertificate.read(encoded)
            except CertificateError:  # perhaps one that is not the signer's
                continue
            if certificate.issuer_and_serial == self.issuer_and_serial:
                return certificate
        raise FormatError("its signature does not contain a usable certificate of its signer")

    def _digest_of(self, content: bytes) -> bytes:
        return hashlib.new(self.digest.name, content).digest()


def digest_in(encoded: bytes, *, accepts_sha1: bool = False) -> HashAlgorithm:
    """Return the digest of an AlgorithmIdentifier, DER. Raises FormatError and DerError."""
    number, *parameters = der.children(encoded) or [b""]
    accepted = _SHA2 | _SHA1 if accepts_sha1 else _SHA2
    if number not in accepted or parameters not in ([], [der.NULL]):
        raise FormatError(OTHER_DIGEST)
    return accepted[number]


def attributes_in(encoded: bytes, number: int) -> Attributes:
    """Return the attributes in ``[number]``, DER. Raises DerError."""
    found: list[tuple[bytes, tuple[bytes, ...]]] = []
    for each in der.children(encoded, der.tag(number)):
        parts = der.children(each)
        if len(parts) != 2 or not _OBJECT_IDENTIFIER.fullmatch(parts[0]):  # noqa: PLR2004
            raise der.DerError("its signature has damaged attributes")
        found.append((parts[0], tuple(der.children(parts[1], der.SET))))
    return tuple(found)
