"""The signer's certificate: what a signature needs of it, and whether a signature is its own.

Its bytes are read with asn1crypto, because a signature repeats some of them exactly; signatures
are verified by the library cryptography.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from asn1crypto import pem as asn1_pem
from asn1crypto import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.signing import der
from signotaur_action.signing.signature_schemes import ECDSA_WITH, HASHES, RSA, Key, Scheme
from signotaur_wire.signing import DigestAlgorithm

_CURVES = [("named", name) for name in ("secp256r1", "secp384r1", "secp521r1")]
_REMEMBERED = 64
"""Certificates that are not read again: most files of a run have the same few."""


class CertificateError(ValueError):
    """The certificate cannot sign files. The message says why."""


@dataclass(frozen=True)
class SigningCertificate:
    """A certificate with an RSA key or one on a NIST curve. It never changes: threads share it."""

    encoded: bytes
    subject: str
    ends_at: datetime
    """When it expires."""
    issuer_and_serial: bytes
    """Its issuer and serial number, DER: how a signature refers to it."""
    key: Key

    @classmethod
    @lru_cache(_REMEMBERED)
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
            raise CertificateError("it is not a certificate") from None

    @property
    def thumbprint(self) -> str:
        """Its SHA-1 digest in hexadecimal, as Windows shows it."""
        return hashlib.sha1(self.encoded, usedforsecurity=False).hexdigest().upper()

    @property
    def pem(self) -> bytes:
        """The certificate as text."""
        return cast("bytes", asn1_pem.armor("CERTIFICATE", self.encoded))

    def signature_algorithm(self, algorithm: DigestAlgorithm) -> bytes:
        """Return the AlgorithmIdentifier of its signatures, DER."""
        if isinstance(self.key, RSAPublicKey):
            return der.sequence(der.oid(RSA), der.NULL)
        return der.sequence(der.oid(ECDSA_WITH[algorithm]))

    def verifies(self, signature: bytes, digest: bytes, algorithm: DigestAlgorithm) -> bool:
        """Return whether a signature of a digest was made with its private key.

        The signature is PKCS #1 v1.5, or ECDSA as DER.
        """
        return Scheme(HASHES[algorithm]).verifies(self.key, signature, digest)


def _public_key(info: Any) -> Key:
    is_rsa = info.algorithm == "rsa"
    if not is_rsa and not (info.algorithm == "ec" and info.curve in _CURVES):
        raise CertificateError("its key is neither RSA nor ECDSA on P-256, P-384 or P-521")
    try:
        key = load_der_public_key(info.dump())
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError("its public key is not valid") from None
    return cast("Key", key)


def certificates_in(text: bytes) -> tuple[bytes, ...]:
    """Return the certificates in PEM text, or the one in DER, as DER. Raises CertificateError."""
    try:
        if asn1_pem.detect(text):
            found = tuple(encoded for _, _, encoded in asn1_pem.unarmor(text, multiple=True))
        else:
            found = (text,)
        for each in found:
            x509.Certificate.load(each, strict=True).subject.human_friendly  # noqa: B018
    except (ValueError, TypeError, KeyError):
        raise CertificateError("it contains no certificate in PEM or DER") from None
    return found
