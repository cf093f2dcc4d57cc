"""The signer's certificate: what the signature needs of it, and whether a signature is its own.

The private key is elsewhere, so nothing here is secret, and nothing need take constant time.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, cast

from asn1crypto import algos, x509
from asn1crypto import pem as asn1_pem

from signotaur_action.signing import curves, der
from signotaur_wire.signing import DigestAlgorithm

_RSA = "1.2.840.113549.1.1.1"
_ECDSA = {
    DigestAlgorithm.SHA256: "1.2.840.10045.4.3.2",
    DigestAlgorithm.SHA384: "1.2.840.10045.4.3.3",
    DigestAlgorithm.SHA512: "1.2.840.10045.4.3.4",
}


class CertificateError(ValueError):
    """The certificate cannot sign files. The message says why."""


@dataclass(frozen=True)
class SigningCertificate:
    """A certificate with an RSA key or one on a NIST curve."""

    encoded: bytes

    @classmethod
    def read(cls, encoded: bytes) -> "SigningCertificate":
        """Read DER. Raises CertificateError."""
        certificate = cls(encoded)
        try:
            usable = certificate.is_rsa or certificate.curve in curves.CURVES
        except (ValueError, TypeError, KeyError):
            raise CertificateError("it is no certificate") from None
        if not usable:
            raise CertificateError("its key is neither RSA nor on the curve P-256, P-384 or P-521")
        return certificate

    @cached_property
    def _parsed(self) -> Any:
        return x509.Certificate.load(self.encoded, strict=True)

    @property
    def thumbprint(self) -> str:
        """Its SHA-1 in hexadecimal, as Windows shows it."""
        return hashlib.sha1(self.encoded, usedforsecurity=False).hexdigest().upper()

    @property
    def pem(self) -> bytes:
        """The certificate as text."""
        return cast("bytes", asn1_pem.armor("CERTIFICATE", self.encoded))

    @property
    def ends_at(self) -> datetime:
        """The moment after which it signs nothing that is believed."""
        return cast("datetime", self._parsed.not_valid_after)

    @property
    def subject(self) -> str:
        """Whose it is."""
        return cast("str", self._parsed.subject.human_friendly)

    @property
    def issuer_and_serial(self) -> bytes:
        """How a signature names it."""
        fields = self._parsed["tbs_certificate"]
        return der.sequence(fields["issuer"].dump(), fields["serial_number"].dump())

    @property
    def is_rsa(self) -> bool:
        """Whether its key is RSA; else it lies on a curve."""
        return cast("bool", self._parsed.public_key.algorithm == "rsa")

    @property
    def curve(self) -> str:
        """The name of the curve that its key lies on; empty for any other key."""
        key = self._parsed.public_key
        return str(key.curve[1]) if key.algorithm == "ec" and key.curve[0] == "named" else ""

    def signature_algorithm(self, algorithm: DigestAlgorithm) -> bytes:
        """Return the AlgorithmIdentifier of its signatures."""
        if self.is_rsa:
            return der.sequence(der.oid(_RSA), der.NULL)
        return der.sequence(der.oid(_ECDSA[algorithm]))

    def made(self, signature: bytes, digest: bytes, algorithm: DigestAlgorithm) -> bool:
        """Return whether its private key made this signature of a digest."""
        key = self._parsed.public_key
        if self.is_rsa:
            return _rsa_made(key["public_key"].parsed, signature, digest, algorithm)
        try:
            point = cast("tuple[int, int]", key["public_key"].to_coords())
            values = algos.DSASignature.load(signature, strict=True).native
        except ValueError:
            return False
        return curves.made(curves.CURVES[self.curve], point, values["r"], values["s"], digest)


def certificates_in(text: bytes) -> tuple[bytes, ...]:
    """Return the certificates in PEM text, DER. Raises CertificateError."""
    try:
        found = tuple(encoded for _, _, encoded in asn1_pem.unarmor(text, multiple=True))
        for each in found:
            x509.Certificate.load(each, strict=True).subject.human_friendly  # noqa: B018
    except (ValueError, TypeError, KeyError):
        raise CertificateError("it holds no certificates in PEM form") from None
    return found


def _rsa_made(key: Any, signature: bytes, digest: bytes, algorithm: DigestAlgorithm) -> bool:
    """PKCS#1 v1.5: the padded digest is rebuilt and compared, never parsed."""
    modulus, exponent = key["modulus"].native, key["public_exponent"].native
    size = (modulus.bit_length() + 7) // 8
    info = algos.DigestInfo(
        {"digest_algorithm": {"algorithm": algorithm.value.lower()}, "digest": digest}
    ).dump()
    padded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    number = int.from_bytes(signature)
    if len(signature) != size or number >= modulus:
        return False
    recovered: bytes = pow(number, exponent, modulus).to_bytes(size)
    return bool(recovered == padded)
