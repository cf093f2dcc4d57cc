"""Countersignatures (PKCS #9): an authority of Authenticode's older kind, and crafted ones."""

import base64
import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from asn1crypto import core
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from signing.local import LocalSigner
from signotaur_action.signing import der
from signotaur_action.signing.pe_files import PeFiles
from signotaur_action.signing.pe_image import PeImage
from signotaur_action.signing.signed_message import SignedMessage

COUNTERSIGNATURE = der.oid("1.2.840.113549.1.9.6")
CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
SIGNING_TIME = der.oid("1.2.840.113549.1.9.5")
DATA = der.oid("1.2.840.113549.1.7.1")
RSA = der.sequence(der.oid("1.2.840.113549.1.1.1"), der.NULL)
DIGESTS = {
    "md5": "1.2.840.113549.2.5",
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(),  # noqa: S303
    "sha1": hashes.SHA1(),  # noqa: S303
    "sha256": hashes.SHA256(),
    "sha512": hashes.SHA512(),
}


class OldAuthority:
    """Answers Authenticode's own requests for timestamps, with OpenSSL's PKCS #7."""

    def __init__(self, folder: Path, signer: LocalSigner, digest: str) -> None:
        folder.mkdir()
        self._folder = folder
        self._digest = digest
        (folder / "tsa.pem").write_bytes(signer.pem)
        (folder / "tsa.key").write_bytes(signer.private_pem)

    def answer(self, request: bytes) -> tuple[int, bytes]:
        """Return status and body of a timestamp. Not for several threads."""
        kind, asked = der.children(base64.b64decode(request))
        assert kind == der.oid("1.3.6.1.4.1.311.3.2.1")
        name, wrapped = der.children(asked)
        assert name == DATA
        [signature] = der.children(wrapped, der.tag(0))
        content, made = self._folder / "content", self._folder / "made"
        content.write_bytes(der.contents(signature, der.OCTETS))
        subprocess.run(
            ["openssl", "smime", "-sign", "-binary", "-nodetach", "-md", self._digest,
             "-signer", self._folder / "tsa.pem", "-inkey", self._folder / "tsa.key",
             "-in", content, "-outform", "DER", "-out", made],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        return 200, base64.encodebytes(made.read_bytes())


@dataclass(frozen=True)
class Countersignature:
    """What one says, right in every part unless a test changes it."""

    signer: LocalSigner
    content: bytes
    """The signature that it is over."""
    moment: datetime
    digest: str = "sha256"
    version: int = 1
    algorithm: bytes = RSA
    leaves_out: tuple[bytes, ...] = ()
    """The types of signed attributes that are missing."""
    more: tuple[bytes, ...] = ()
    """More signed attributes."""
    unsigned: bytes = b""

    @property
    def attributes(self) -> tuple[bytes, ...]:
        """The signed attributes, DER."""
        digest = hashlib.new(self.digest, self.content).digest()
        values = {
            CONTENT_TYPE: DATA,
            MESSAGE_DIGEST: der.octets(digest),
            SIGNING_TIME: core.UTCTime(self.moment.replace(microsecond=0)).dump(),
        }
        kept = [attribute(kind, values[kind]) for kind in values if kind not in self.leaves_out]
        return (*kept, *self.more)

    def encoded(self) -> bytes:
        """Return it, DER."""
        attributes = der.set_of(*self.attributes)
        digest = der.sequence(der.oid(DIGESTS[self.digest]), der.NULL)
        return der.sequence(
            der.integer(self.version),
            self.signer.certificate.issuer_and_serial,
            digest,
            der.tagged(0, der.contents(attributes)) if self.attributes else b"",
            self.algorithm,
            der.octets(self._signature(attributes)),
            self.unsigned,
        )

    def _signature(self, attributes: bytes) -> bytes:
        known = Prehashed(_HASHES[self.digest])
        covered = hashlib.new(self.digest, attributes).digest()
        private = self.signer.private
        if isinstance(private, rsa.RSAPrivateKey):
            return private.sign(covered, padding.PKCS1v15(), known)
        return private.sign(covered, ec.ECDSA(known))


def attribute(kind: bytes, *values: bytes) -> bytes:
    """Return an attribute, DER."""
    return der.sequence(kind, der.set_of(*values))


def general_time(moment: datetime) -> bytes:
    """Return a signing time of another type."""
    return attribute(SIGNING_TIME, core.GeneralizedTime(moment.astimezone(UTC)).dump())


def message_of(file: Path) -> SignedMessage:
    """Return the message of a signed program."""
    with file.open("rb") as stream:
        return SignedMessage.read(PeImage.read(stream).message())


def with_message(unsigned: Path, message: bytes) -> Path:
    """Return a copy of an unsigned program with a message as its signature."""
    out = unsigned.with_name(f"signed-{unsigned.name}")
    out.unlink(missing_ok=True)
    PeFiles().attach(unsigned, message, out, certificate=b"", nested=False)
    return out


def with_values(
    message: SignedMessage,
    values: Sequence[bytes],
    *certificates: bytes,
    lists: Sequence[bytes] = (),
) -> bytes:
    """Return a message with more countersignatures, certificates and revocation lists."""
    carried = der.tagged(0, b"".join([*message.certificates, *certificates]))
    more = (carried, der.tagged(1, b"".join(lists))) if lists else (carried,)
    changed, whole = replace(message, more=more), b""
    for value in values:
        whole = changed.with_unsigned(COUNTERSIGNATURE, value)
        changed = SignedMessage.read(whole)
    return whole
