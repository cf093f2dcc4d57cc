"""The signature of a file: Microsoft's Authenticode form of a PKCS #7 message. Bytes in and out.

It starts as a PKCS #7 message with the digest of the file and without a signer. ``Unsigned``
returns the attributes that the server signs, and ``Attributes`` builds the message with the
certificate and the server's signature.

The messages are built with ``der`` and not with ``asn1crypto.cms``, for two reasons. The content
must stay exactly as osslsigncode wrote it, since the file's digest and the signature cover those
bytes; it is PKCS #7 version 1.5, whose content is a SEQUENCE and not the OCTET STRING of CMS
(RFC 5652, section 5.2.1). And osslsigncode writes further bytes behind the message of a
CAB file, which a strict parser refuses.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import core

from signotaur_action.signing import der
from signotaur_action.signing.certificate import SigningCertificate
from signotaur_action.signing.plan import Description
from signotaur_action.signing.signature_schemes import DIGEST
from signotaur_wire.signing import DigestAlgorithm

SIGNED_DATA = "1.2.840.113549.1.7.2"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
_STATEMENT_TYPE = "1.3.6.1.4.1.311.2.1.11"
_OPUS_INFO = "1.3.6.1.4.1.311.2.1.12"
_INDIVIDUAL_CODE_SIGNING = "1.3.6.1.4.1.311.2.1.21"
TIMESTAMP = "1.3.6.1.4.1.311.3.3.1"
_VERSION = 1


def digest_of(content: bytes, algorithm: DigestAlgorithm) -> bytes:
    """Return a digest."""
    return hashlib.new(algorithm.value, content).digest()


@dataclass(frozen=True)
class Unsigned:
    """The content that a signature is made for."""

    content_info: bytes
    """Its type and the content itself, DER, exactly as in the message."""
    algorithm: DigestAlgorithm

    @classmethod
    def read(cls, message: bytes, algorithm: DigestAlgorithm) -> "Unsigned":
        """Take the content out of a PKCS #7 message, with or without signers.

        Bytes behind the message are ignored, see above. Raises DerError.
        """
        try:
            kind, wrapped = der.children(message)[:2]
            _version, _digests, content_info = der.children(der.contents(wrapped))[:3]
        except ValueError:
            raise der.DerError("it is not a PKCS #7 message") from None
        if kind != der.oid(SIGNED_DATA):
            raise der.DerError("it is not PKCS #7 signed data")
        return cls(content_info, algorithm)

    def attributes(self, moment: datetime, description: Description) -> "Attributes":
        """Return what the server signs: the content's digest, the time and the description."""
        kind, content = der.children(self.content_info)
        # The digest covers the content's octets without its own tag and length.
        digest = digest_of(der.contents(der.contents(content)), self.algorithm)
        return Attributes(
            self,
            der.set_of(
                _attribute(CONTENT_TYPE, kind),
                _attribute(SIGNING_TIME, core.UTCTime(moment.replace(microsecond=0)).dump()),
                _attribute(MESSAGE_DIGEST, der.octets(digest)),
                _attribute(_STATEMENT_TYPE, der.sequence(der.oid(_INDIVIDUAL_CODE_SIGNING))),
                _attribute(_OPUS_INFO, _opus_info(description)),
            ),
        )


@dataclass(frozen=True)
class Attributes:
    """The signed attributes; the server signs their digest."""

    unsigned: Unsigned
    encoded: bytes

    @property
    def digest(self) -> bytes:
        """What is sent to the server."""
        return digest_of(self.encoded, self.unsigned.algorithm)

    def signed(
        self,
        signature: bytes,
        certificate: SigningCertificate,
        *,
        more_certificates: Sequence[bytes] = (),
        timestamp: bytes = b"",
    ) -> bytes:
        """Return the whole message: content, certificates, signature and timestamp."""
        algorithm = der.sequence(der.oid(DIGEST[self.unsigned.algorithm]), der.NULL)
        stamps = der.tagged(1, _attribute(TIMESTAMP, timestamp)) if timestamp else b""
        signer = der.sequence(
            der.integer(_VERSION),
            certificate.issuer_and_serial,
            algorithm,
            der.tagged(0, der.contents(self.encoded)),
            certificate.signature_algorithm(self.unsigned.algorithm),
            der.octets(signature),
            stamps,
        )
        message = der.sequence(
            der.integer(_VERSION),
            der.set_of(algorithm),
            self.unsigned.content_info,
            der.tagged(0, b"".join(sorted({certificate.encoded, *more_certificates}))),
            der.set_of(signer),
        )
        return der.sequence(der.oid(SIGNED_DATA), der.tagged(0, message))


def _attribute(kind: str, value: bytes) -> bytes:
    return der.sequence(der.oid(kind), der.set_of(value))


def _opus_info(description: Description) -> bytes:
    # SpcSpOpusInfo: programName [0] with SpcString [0], moreInfo [1] with SpcLink's url [0].
    name = der.tagged(0, der.text(0, description.text)) if description.text else b""
    more = der.tagged(1, der.ascii_text(0, description.url)) if description.url else b""
    return der.sequence(name, more)
