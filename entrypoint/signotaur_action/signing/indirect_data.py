"""SpcIndirectDataContent: what an Authenticode signature says of a file, its digest above all.

Microsoft's "Windows Authenticode Portable Executable Signature Format" defines it for PE files.
"""

from dataclasses import dataclass

from signotaur_action.signing import der
from signotaur_action.signing.cms import SIGNED_DATA
from signotaur_action.signing.outcomes import FormatError
from signotaur_action.signing.signature_schemes import DIGEST
from signotaur_wire.signing import DigestAlgorithm

INDIRECT_DATA = "1.3.6.1.4.1.311.2.1.4"
_OBSOLETE = der.tagged(2, der.text(0, "<<<Obsolete>>>"))
_RESOURCES = b"\x03\x02\x07\x80"
"""The flags of SpcPeImageData: includeResources, which all signers set and no verifier reads."""
PE_IMAGE = der.sequence(
    der.oid("1.3.6.1.4.1.311.2.1.15"),
    der.sequence(_RESOURCES, der.tagged(0, _OBSOLETE)),
)
SCRIPT = der.sequence(
    der.oid("1.3.6.1.4.1.311.2.1.30"),
    der.sequence(
        der.integer(0x10000),
        der.octets(bytes.fromhex("1fcc3b60594b084eb724d2c6297ef351")),
        *[der.integer(0)] * 5,
    ),
)
"""SpcSipInfo with the number of the Windows component that verifies scripts."""
_KNOWN = {der.oid(number): algorithm for algorithm, number in DIGEST.items()}
_OLD_SIZES = {der.oid("1.3.14.3.2.26"): 20, der.oid("1.2.840.113549.2.5"): 16}
"""SHA-1 and MD5, which proved anything only in the past."""


@dataclass(frozen=True)
class IndirectData:
    """What a signature covers."""

    kind: bytes
    """The kind of file, and what the signature says of that kind, DER."""
    algorithm: DigestAlgorithm | None
    """None for SHA-1 and MD5."""
    digest: bytes

    @classmethod
    def read(cls, content_info: bytes) -> "IndirectData":
        """Read the content of a message.

        Raises DerError, and FormatError for a digest that no algorithm has.
        """
        try:
            name, wrapped = der.children(content_info)
            [data] = der.children(wrapped, der.tag(0))
            kind, digest_info = der.children(data)
            algorithm, digest = der.children(digest_info)
            name_of_algorithm, *parameters = der.children(algorithm)
            content = der.contents(digest, der.OCTETS)
        except ValueError:
            raise der.DerError("its signature covers no file") from None
        if name != der.oid(INDIRECT_DATA) or parameters not in ([], [der.NULL]):
            raise der.DerError("its signature covers no file")
        known = _KNOWN.get(name_of_algorithm)
        size = known.size if known else _OLD_SIZES.get(name_of_algorithm)
        if len(content) != size:
            raise FormatError(
                f"its signature contains an impossible digest of {len(content)} bytes"
            )
        return cls(kind, known, content)


def unsigned_message(kind: bytes, digest: bytes, algorithm: DigestAlgorithm) -> bytes:
    """Return a PKCS #7 message with a file's digest and without a signer."""
    digest_info = der.sequence(
        der.sequence(der.oid(DIGEST[algorithm]), der.NULL), der.octets(digest)
    )
    content = der.sequence(der.oid(INDIRECT_DATA), der.tagged(0, der.sequence(kind, digest_info)))
    message = der.sequence(der.integer(1), der.set_of(), content, der.set_of())
    return der.sequence(der.oid(SIGNED_DATA), der.tagged(0, message))
