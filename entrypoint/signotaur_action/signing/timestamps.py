"""RFC 3161 timestamps: the request, the token in its response, a token in a file.

Bytes in and out.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import cms, tsp

from signotaur_action.signing import der
from signotaur_action.signing.certificate import SigningCertificate
from signotaur_action.signing.cms import digest_of
from signotaur_action.signing.outcomes import FormatError
from signotaur_action.signing.signed_message import TIMESTAMP_INFO, SignedMessage, signer_of
from signotaur_wire.signing import DigestAlgorithm

_GRANTED = (b"\x00", b"\x01")
"""The statuses "granted" and "granted with modifications"."""


_SIGNING_CERTIFICATE_V2 = der.oid("1.2.840.113549.1.9.16.2.47")
_SIGNING_CERTIFICATE = der.oid("1.2.840.113549.1.9.16.2.12")
"""The older form, with SHA-1."""


class TimestampError(ValueError):
    """A response contains no timestamp for the request. The message says why."""


def request(signature: bytes, algorithm: DigestAlgorithm, nonce: int) -> bytes:
    """Return the request for a timestamp of a signature."""
    asked: bytes = tsp.TimeStampReq(
        {
            "version": "v1",
            "message_imprint": _imprint(signature, algorithm),
            "nonce": nonce,
            "cert_req": True,
        }
    ).dump()
    return asked


def token(answer: bytes, signature: bytes, algorithm: DigestAlgorithm, nonce: int) -> bytes:
    """Return the timestamp in a response, if it is for this signature. Raises TimestampError.

    The timestamp's own signature is not verified: the verifier of the file decides whom to trust.
    """
    try:
        info, *tokens = der.children(answer)
        status = der.contents(der.children(info)[0])
        refusal = "" if status in _GRANTED else str(int.from_bytes(status))
        found = None if refusal else _Token.read(tokens[0])
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise TimestampError("the response is not a timestamp") from None
    if found is None:
        raise TimestampError(f"the request was refused (status {refusal})")
    if found.nonce != nonce or found.digest != digest_of(signature, algorithm):
        raise TimestampError("the response is not a timestamp of this request")
    return found.encoded


@dataclass(frozen=True)
class _Token:
    encoded: bytes
    digest: object
    nonce: object

    @classmethod
    def read(cls, token: bytes) -> "_Token":
        signed = cms.ContentInfo.load(token, strict=True)["content"]
        content = signed["encap_content_info"]["content"].parsed
        return cls(
            token,
            content["message_imprint"]["hashed_message"].native,
            content["nonce"].native,
        )


@dataclass(frozen=True)
class Timestamp:
    """A timestamp whose own signature is right."""

    moment: datetime
    authority: SigningCertificate
    certificates: tuple[bytes, ...]
    """What came with it, DER."""
    revocation_lists: tuple[bytes, ...]
    """What came with it, DER."""


def verified_timestamp(token: bytes, signature: bytes) -> Timestamp:
    """Return the timestamp in a token, if it is one of this signature.

    Raises FormatError and DerError. Whether to trust its authority is another question.
    """
    signed = SignedMessage.read(token, TIMESTAMP_INFO)
    authority = signer_of(signed, TIMESTAMP_INFO)
    try:
        info = tsp.TSTInfo.load(der.contents(signed.content), strict=True)
        imprint = info["message_imprint"]
        algorithm = DigestAlgorithm(imprint["hash_algorithm"]["algorithm"].native.upper())
        digest, moment = imprint["hashed_message"].native, in_utc(info["gen_time"].native)
        is_named = _names(signed.attributes, authority.encoded)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise FormatError("it is damaged, or uses a digest that proves nothing any more") from None
    if digest != digest_of(signature, algorithm):
        raise FormatError("it is a timestamp of another signature")
    if not is_named:
        raise FormatError("it names another certificate than the one that comes with it")
    return Timestamp(moment, authority, signed.certificates, signed.revocation_lists)


def in_utc(moment: object) -> datetime:
    """Return a time that asn1crypto read. Raises FormatError if it is none on any calendar."""
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise FormatError("it does not say when it was made, or in which time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise FormatError("its time is not a valid date") from None


def _names(attributes: dict[bytes, tuple[bytes, ...]], certificate: bytes) -> bool:
    """Return whether signed attributes name a certificate by its digest, as RFC 3161 demands."""
    for value in attributes.get(_SIGNING_CERTIFICATE_V2, ()):
        named = tsp.SigningCertificateV2.load(value, strict=True)["certs"][0]
        digest = hashlib.new(named["hash_algorithm"]["algorithm"].native, certificate).digest()
        return bool(named["cert_hash"].native == digest)
    for value in attributes.get(_SIGNING_CERTIFICATE, ()):
        named = tsp.SigningCertificate.load(value, strict=True)["certs"][0]
        digest = hashlib.sha1(certificate, usedforsecurity=False).digest()
        return bool(named["cert_hash"].native == digest)
    return False


def _imprint(signature: bytes, algorithm: DigestAlgorithm) -> dict[str, Any]:
    return {
        "hash_algorithm": {"algorithm": algorithm.value.lower()},
        "hashed_message": digest_of(signature, algorithm),
    }
