"""The signer's certificate: what the signature needs of it, and whether a signature is its own.

The private key is elsewhere, so nothing here is secret, and nothing need take constant time.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from asn1crypto import algos, x509
from asn1crypto import pem as asn1_pem

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.signing import curves, der
from signotaur_wire.signing import DigestAlgorithm

DIGEST = {
    DigestAlgorithm.SHA256: "2.16.840.1.101.3.4.2.1",
    DigestAlgorithm.SHA384: "2.16.840.1.101.3.4.2.2",
    DigestAlgorithm.SHA512: "2.16.840.1.101.3.4.2.3",
}
"""The object identifiers of the digests."""

_RSA = "1.2.840.113549.1.1.1"
_ECDSA = {
    DigestAlgorithm.SHA256: "1.2.840.10045.4.3.2",
    DigestAlgorithm.SHA384: "1.2.840.10045.4.3.3",
    DigestAlgorithm.SHA512: "1.2.840.10045.4.3.4",
}


class CertificateError(ValueError):
    """The certificate cannot sign files. The message says why."""


@dataclass(frozen=True)
class RsaKey:
    """A public key."""

    modulus: int
    exponent: int

    def made(self, signature: bytes, digest: bytes, algorithm: DigestAlgorithm) -> bool:
        """Return whether the private key made this PKCS#1 v1.5 signature of a digest.

        The padded digest is rebuilt and compared, never parsed.
        """
        size = (self.modulus.bit_length() + 7) // 8
        info = der.sequence(der.sequence(der.oid(DIGEST[algorithm]), der.NULL), der.octets(digest))
        padded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
        number = int.from_bytes(signature)
        if len(signature) != size or number >= self.modulus:
            return False
        return pow(number, self.exponent, self.modulus).to_bytes(size) == padded


@dataclass(frozen=True)
class CurveKey:
    """A public key on a curve."""

    curve: curves.Curve
    point: tuple[int, int]

    def made(self, signature: bytes, digest: bytes, algorithm: DigestAlgorithm) -> bool:
        """Return whether the private key made this ECDSA signature of a digest."""
        del algorithm
        try:
            values = algos.DSASignature.load(signature, strict=True).native
        except ValueError:
            return False
        return curves.made(self.curve, self.point, values["r"], values["s"], digest)


@dataclass(frozen=True)
class SigningCertificate:
    """A certificate with an RSA key or one on a NIST curve. Plain values: threads share it."""

    encoded: bytes
    subject: str
    ends_at: datetime
    """The moment after which it signs nothing that is believed."""
    issuer_and_serial: bytes
    """How a signature names it."""
    key: RsaKey | CurveKey

    @classmethod
    def read(cls, encoded: bytes) -> "SigningCertificate":
        """Read DER. Raises CertificateError."""
        try:
            parsed = x509.Certificate.load(encoded, strict=True)
            fields = parsed["tbs_certificate"]
            return cls(
                encoded,
                escape_untrusted(parsed.subject.human_friendly),
                parsed.not_valid_after,
                der.sequence(fields["issuer"].dump(), fields["serial_number"].dump()),
                _public_key(parsed.public_key),
            )
        except CertificateError:
            raise
        except (ValueError, TypeError, KeyError):
            raise CertificateError("it is no certificate") from None

    @property
    def thumbprint(self) -> str:
        """Its SHA-1 in hexadecimal, as Windows shows it."""
        return hashlib.sha1(self.encoded, usedforsecurity=False).hexdigest().upper()

    @property
    def pem(self) -> bytes:
        """The certificate as text."""
        return cast("bytes", asn1_pem.armor("CERTIFICATE", self.encoded))

    def signature_algorithm(self, algorithm: DigestAlgorithm) -> bytes:
        """Return the AlgorithmIdentifier of its signatures."""
        if isinstance(self.key, RsaKey):
            return der.sequence(der.oid(_RSA), der.NULL)
        return der.sequence(der.oid(_ECDSA[algorithm]))

    def made(self, signature: bytes, digest: bytes, algorithm: DigestAlgorithm) -> bool:
        """Return whether its private key made this signature of a digest."""
        return self.key.made(signature, digest, algorithm)


def _public_key(info: Any) -> RsaKey | CurveKey:
    if info.algorithm == "rsa":
        numbers = info["public_key"].parsed.native
        return RsaKey(numbers["modulus"], numbers["public_exponent"])
    name = info.curve[1] if info.algorithm == "ec" and info.curve[0] == "named" else ""
    if name not in curves.CURVES:
        raise CertificateError("its key is neither RSA nor on the curve P-256, P-384 or P-521")
    return CurveKey(curves.CURVES[name], info["public_key"].to_coords())


def certificates_in(text: bytes) -> tuple[bytes, ...]:
    """Return the certificates in PEM text, DER. Raises CertificateError."""
    try:
        found = tuple(encoded for _, _, encoded in asn1_pem.unarmor(text, multiple=True))
        for each in found:
            x509.Certificate.load(each, strict=True).subject.human_friendly  # noqa: B018
    except (ValueError, TypeError, KeyError):
        raise CertificateError("it holds no certificates in PEM form") from None
    return found
