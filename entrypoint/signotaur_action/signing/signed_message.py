"""Read the signature that a file carries, and verify what it says; no program sees it.

A message of Authenticode is PKCS #7 1.5 with one signer; ``cms`` says why no library for CMS reads
it. Everything that is read here was written by others: a form that no signer writes is refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from signotaur_action.signing import der
from signotaur_action.signing.certificate import SigningCertificate
from signotaur_action.signing.cms import SIGNED_DATA, TIMESTAMP
from signotaur_action.signing.indirect_data import INDIRECT_DATA, IndirectData
from signotaur_action.signing.outcomes import FormatError
from signotaur_action.signing.signer_info import Attributes, SignerInfo, attributes_in, digest_in
from signotaur_wire.signing import DigestAlgorithm

_NESTED = der.oid("1.3.6.1.4.1.311.2.4.1")
_TIMESTAMP = der.oid(TIMESTAMP)
_COUNTERSIGNATURE = der.oid("1.2.840.113549.1.9.6")
_DEPTH = 1
"""Signatures beside the first are inside it; no signer puts more inside those."""
_MOST_CERTIFICATES = 64
"""In a message: anybody can add some, and each costs time for every signature and timestamp."""
_TOO_DEEP = "its signatures are nested more deeply than is supported"


@dataclass(frozen=True)
class ContentKind:
    """A kind of content that messages sign."""

    type: bytes
    """Its object identifier, DER."""
    tag: int
    """The first byte of the content; a signature covers what is behind tag and length."""
    version: bytes
    """The version of the messages, DER."""


FILE = ContentKind(der.oid(INDIRECT_DATA), der.SEQUENCE, der.integer(1))
CATALOG = ContentKind(der.oid("1.3.6.1.4.1.311.10.1"), der.SEQUENCE, der.integer(1))
TIMESTAMP_INFO = ContentKind(der.oid("1.2.840.113549.1.9.16.1.4"), der.OCTETS, der.integer(3))


@dataclass(frozen=True)
class SignedMessage:
    """The parts of a message, DER, as they are in it."""

    version: bytes
    content_info: bytes
    digests: bytes
    certificates: tuple[bytes, ...]
    more: tuple[bytes, ...]
    """Certificates and revocation lists with their tags."""
    signer: tuple[bytes, ...]
    """Version, issuer and serial number, digest, attributes, signature algorithm, signature."""
    unsigned: Attributes
    """Attributes that the signature does not cover: each with its type and values."""

    @classmethod
    def read(cls, message: bytes, kind: ContentKind = FILE) -> "SignedMessage":
        """Read a message with one signer. Raises DerError, and FormatError for other forms."""
        try:
            name, wrapped = der.children(message)
            [body] = der.children(wrapped, der.tag(0))
            version, digests, content_info, *more, signers = der.children(body)
            [signer] = der.children(signers, der.SET)
            *parts, last = der.children(signer)
        except ValueError:
            raise der.DerError("its signature is not a PKCS #7 message with one signer") from None
        is_unsigned = der.is_tagged(1, last)
        fixed = tuple(parts if is_unsigned else [*parts, last])
        if (name, version) != (der.oid(SIGNED_DATA), kind.version) or len(fixed) != 6:  # noqa: PLR2004
            raise der.DerError("its signature is not PKCS #7 signed data")
        lists = [der.children(part, der.tag(0)) for part in more if der.is_tagged(0, part)]
        certificates = tuple(each for found in lists for each in found)
        if len(certificates) > _MOST_CERTIFICATES:
            raise FormatError(f"it has more than {_MOST_CERTIFICATES} certificates")
        attributes = attributes_in(last, 1) if is_unsigned else ()
        return cls(version, content_info, digests, certificates, tuple(more), fixed, attributes)

    @property
    def revocation_lists(self) -> tuple[bytes, ...]:
        """The revocation lists that came with it, DER. Raises DerError."""
        lists = [der.children(part, der.tag(1)) for part in self.more if der.is_tagged(1, part)]
        return tuple(each for found in lists for each in found)

    @property
    def content(self) -> bytes:
        """What it signs, DER. Raises DerError."""
        try:
            _name, wrapped = der.children(self.content_info)
            [content] = der.children(wrapped, der.tag(0))
        except ValueError:
            raise der.DerError("its signature covers nothing") from None
        return content

    @property
    def signature(self) -> bytes:
        """What the signer's private key made."""
        return der.contents(self.signer[5], der.OCTETS)

    @property
    def attributes(self) -> dict[bytes, tuple[bytes, ...]]:
        """The attributes that the signature covers: the values of each type."""
        return SignerInfo.read(self.signer).attributes

    @property
    def nested(self) -> tuple[bytes, ...]:
        """The messages of the signatures beside this one."""
        return self._unsigned(_NESTED)

    @property
    def timestamps(self) -> tuple[bytes, ...]:
        """The tokens of its RFC 3161 timestamps."""
        return self._unsigned(_TIMESTAMP)

    @property
    def countersignatures(self) -> tuple[bytes, ...]:
        """Its timestamps of the older kind, PKCS #9."""
        return self._unsigned(_COUNTERSIGNATURE)

    def with_unsigned(self, kind: bytes, value: bytes) -> bytes:
        """Return the message with one more value of an attribute that its signature ignores."""
        return self._with((*self.unsigned, (kind, (value,))))

    def with_timestamps(self, timestamp: Callable[[bytes], bytes]) -> bytes:
        """Return the message with a timestamp for each signature in it that has none.

        ``timestamp`` returns the token for a signature.
        """
        changed = [
            (name, tuple(self.read(each).with_timestamps(timestamp) for each in values))
            if name == _NESTED
            else (name, values)
            for name, values in self.unsigned
        ]
        if not self.timestamps:
            changed.append((_TIMESTAMP, (timestamp(self.signature),)))
        return self._with(changed)

    def _with(self, unsigned: Sequence[tuple[bytes, tuple[bytes, ...]]]) -> bytes:
        found: dict[bytes, list[bytes]] = {}
        for name, values in unsigned:
            found.setdefault(name, []).extend(values)
        attributes = [der.sequence(name, der.set_of(*values)) for name, values in found.items()]
        signer = der.sequence(*self.signer, der.tagged(1, b"".join(sorted(attributes))))
        body = der.sequence(
            self.version, self.digests, self.content_info, *self.more, der.set_of(signer)
        )
        return der.sequence(der.oid(SIGNED_DATA), der.tagged(0, body))

    def _unsigned(self, kind: bytes) -> tuple[bytes, ...]:
        return tuple(each for name, values in self.unsigned if name == kind for each in values)


def with_nested(message: bytes, added: bytes) -> bytes:
    """Return a message that carries a second signature beside its own.

    Raises FormatError or DerError if the first one cannot be a signature of any file.
    """
    if not message:
        raise FormatError("it has no signature to add one to")
    require_possible_digests(message)
    return SignedMessage.read(message).with_unsigned(_NESTED, added)


def require_possible_digests(message: bytes, *, depth: int = 0) -> None:
    """Raise FormatError or DerError if a digest in a message has a length that none can have.

    It proves nothing else: the message may be anybody's, and of any file.
    """
    if depth > _DEPTH:
        raise FormatError(_TOO_DEEP)
    signed = SignedMessage.read(message)
    IndirectData.read(signed.content_info)
    for each in signed.nested:
        require_possible_digests(each, depth=depth + 1)


def verified(
    message: bytes, digest: Callable[[DigestAlgorithm], bytes], *, depth: int = 0
) -> list[tuple[SigningCertificate, SignedMessage]]:
    """Verify that every signature in a message is its signer's, and is of the file.

    ``digest`` computes the file's digest. Returns each signer's certificate and message; whether
    to trust the certificates, and the timestamps, is another question. Raises FormatError and
    DerError.
    """
    if depth > _DEPTH:
        raise FormatError(_TOO_DEEP)
    signed = SignedMessage.read(message)
    data = IndirectData.read(signed.content_info)
    if data.algorithm is None:
        raise FormatError("its signature uses SHA-1 or MD5, which prove nothing any more")
    if digest(data.algorithm) != data.digest:
        raise FormatError("it was changed after it was signed")
    found = [(signer_of(signed, FILE), signed)]
    for each in signed.nested:
        found += verified(each, digest, depth=depth + 1)
    return found


def signer_of(signed: SignedMessage, kind: ContentKind) -> SigningCertificate:
    """Return the certificate that a message of this kind was signed with.

    Raises FormatError and DerError if it is not a signature of its content.
    """
    signer = SignerInfo.read(signed.signer)
    if [digest_in(each) for each in der.children(signed.digests, der.SET)] != [signer.digest]:
        raise FormatError("its signature names digests that it does not use")
    content = der.contents(signed.content, kind.tag)
    name = der.children(signed.content_info)[0]
    if name != kind.type or not signer.covers(name, content):
        raise FormatError("its signature does not cover this content")
    return signer.certificate(signed.certificates)
