"""The signing calls: the vendor's own v2 REST surface, field for field.

Their form is not ours to choose, so they differ from the rest: an answer carries ``result``
(0: done) and ``message``, bytes are standard base64, and refusals of the key are HTTP statuses
with problem documents as everywhere. Source: the vendor's open client for this surface.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from signotaur_wire.members import Json, Members, WireError, format_time
from signotaur_wire.paths import API

CERT_GET = f"{API}/cert/get"
SIGN = f"{API}/sign"
DONE = 0
FAILED = 1
_SHA1_DIGITS = 40
TEXT_MAX_LENGTH = 1024
"""For versions and file names, which are only recorded."""


class DigestAlgorithm(StrEnum):
    """The digests that can be signed; the value is what travels and what ``--fd`` takes."""

    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"

    @property
    def size(self) -> int:
        """Length of a digest in bytes."""
        return int(self.value.removeprefix("SHA")) // 8


@dataclass(frozen=True)
class CertificateRequest:
    """Body of ``POST /cert/get``. Of several selectors the first in this order decides."""

    client_version: str
    thumbprint: str | None = None
    """Hexadecimal SHA-1 of the certificate, as Windows shows it; case and spaces do not count."""
    label: str | None = None
    subject: str | None = None

    def to_json(self) -> Json:
        """Return the body; selectors that are not given are left out."""
        selectors = {"thumbprint": self.thumbprint, "label": self.label, "subject": self.subject}
        given = {name: value for name, value in selectors.items() if value is not None}
        return {"clientVersion": self.client_version, **given}

    @classmethod
    def from_json(cls, value: object) -> "CertificateRequest":
        """Read a received body. Raises WireError."""
        members = Members(value)
        request = cls(
            client_version=members.text("clientVersion"),
            thumbprint=members.optional_text("thumbprint"),
            label=members.optional_text("label"),
            subject=members.optional_text("subject"),
        )
        _require_short(clientVersion=request.client_version)
        return request


@dataclass(frozen=True)
class CertificateAnswer:
    """Answer of ``POST /cert/get``; without a certificate unless ``result`` is 0."""

    result: int
    message: str
    certificate: bytes = b""
    """The certificate, DER."""
    thumbprint: str = ""
    expired_at: datetime | None = None
    """When the certificate expired, if that is why there is none. Ours, not the vendor's."""

    def to_json(self) -> Json:
        """Return the answer as a JSON object; ``expiredAt`` is in no other refusal."""
        answer: Json = {
            "result": self.result,
            "message": self.message,
            "certificate": _encoded(self.certificate),
            "thumbprint": self.thumbprint or None,
        }
        if self.expired_at is not None:
            answer["expiredAt"] = format_time(self.expired_at)
        return answer

    @classmethod
    def from_json(cls, value: object) -> "CertificateAnswer":
        """Read a received answer. Raises WireError."""
        members = Members(value)
        return cls(
            result=members.integer("result"),
            message=members.optional_text("message") or "",
            certificate=_decoded(members, "certificate"),
            thumbprint=members.optional_text("thumbprint") or "",
            expired_at=members.optional_time("expiredAt"),
        )


@dataclass(frozen=True)
class SignRequest:
    """Body of ``POST /sign``: a digest to sign, and what it is the digest of, for the record."""

    client_version: str
    thumbprint: str
    digest: bytes
    algorithm: DigestAlgorithm
    file_name: str | None = None
    file_size: int | None = None
    file_version: str | None = None

    def to_json(self) -> Json:
        """Return the body; what is not known is left out."""
        record = {
            "fileName": self.file_name,
            "fileSizeInBytes": self.file_size,
            "fileVersion": self.file_version,
        }
        return {
            "clientVersion": self.client_version,
            "thumbprint": self.thumbprint,
            "digest": _encoded(self.digest),
            "digestHashAlgorithm": self.algorithm.value,
            **{name: value for name, value in record.items() if value is not None},
        }

    @classmethod
    def from_json(cls, value: object) -> "SignRequest":
        """Read a received body. Raises WireError, also when the digest has another length."""
        members = Members(value)
        try:
            algorithm = DigestAlgorithm(members.text("digestHashAlgorithm"))
        except ValueError:
            raise WireError("digestHashAlgorithm is not SHA256, SHA384 or SHA512") from None
        request = cls(
            client_version=members.text("clientVersion"),
            thumbprint=members.text("thumbprint"),
            digest=_decoded(members, "digest"),
            algorithm=algorithm,
            file_name=members.optional_text("fileName"),
            file_size=members.optional_integer("fileSizeInBytes"),
            file_version=members.optional_text("fileVersion"),
        )
        if len(request.digest) != algorithm.size:
            raise WireError("digest does not have the length of its algorithm")
        _require_short(
            clientVersion=request.client_version,
            fileName=request.file_name,
            fileVersion=request.file_version,
        )
        return request


@dataclass(frozen=True)
class SignAnswer:
    """Answer of ``POST /sign``; without a signature unless ``result`` is 0."""

    result: int
    message: str
    signature: bytes = b""
    """The raw signature: PKCS#1 v1.5, or ECDSA as DER."""

    def to_json(self) -> Json:
        """Return the answer as a JSON object."""
        return {
            "result": self.result,
            "message": self.message,
            "signedData": _encoded(self.signature),
        }

    @classmethod
    def from_json(cls, value: object) -> "SignAnswer":
        """Read a received answer. Raises WireError."""
        members = Members(value)
        return cls(
            result=members.integer("result"),
            message=members.optional_text("message") or "",
            signature=_decoded(members, "signedData"),
        )


def normal_thumbprint(text: str) -> str:
    """Return a thumbprint in the one form that is compared: upper case, no separators.

    Windows' certificate dialog puts an invisible mark before what is copied from it.
    """
    return "".join(letter for letter in text if letter.isalnum()).upper()


def is_thumbprint(text: str) -> bool:
    """Return whether a text is the SHA-1 of a certificate, with separators or without."""
    digits = normal_thumbprint(text)
    return len(digits) == _SHA1_DIGITS and set(digits) <= set("0123456789ABCDEF")


def _require_short(**texts: str | None) -> None:
    for name, text in texts.items():
        if text is not None and len(text) > TEXT_MAX_LENGTH:
            raise WireError(f"{name} is longer than {TEXT_MAX_LENGTH} characters")


def _encoded(content: bytes) -> str | None:
    return base64.b64encode(content).decode() if content else None


def _decoded(members: Members, name: str) -> bytes:
    text = members.optional_text(name)
    try:
        return base64.b64decode(text, validate=True) if text else b""
    except ValueError:  # also characters outside ASCII
        raise WireError(f"{name} is not standard base64") from None
