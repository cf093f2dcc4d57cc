"""What can sign: a certificate, its private key and its chain, read from files and checked."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

RSA_MIN_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1)
_PEM = b"-----BEGIN"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class MaterialError(Exception):
    """A file or a key cannot be used to sign. The message contains nothing of it."""


@dataclass(frozen=True)
class Material:
    """A certificate with the private key that belongs to it. Make it with ``checked``."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def thumbprint(self) -> str:
        """SHA-1 of the certificate, upper-case hexadecimal: its name on Windows, no protection."""
        return hashlib.sha1(self.certificate_der, usedforsecurity=False).hexdigest().upper()

    @property
    def common_name(self) -> str | None:
        """The subject's common name, if it has one."""
        names = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else None

    @property
    def certificate_der(self) -> bytes:
        """The certificate as DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def chain_der(self) -> bytes | None:
        """The chain as a PKCS#7 without signature; None when there is none."""
        if not self.chain:
            return None
        return pkcs7.serialize_certificates(list(self.chain), serialization.Encoding.DER)

    @property
    def key_der(self) -> bytes:
        """The private key as PKCS#8, in clear."""
        return self.key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def signs_code(self) -> bool:
        """Whether the certificate says that it is for code signing."""
        try:
            usage = self.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
            return False
        return ExtendedKeyUsageOID.CODE_SIGNING in usage.value


def checked(
    certificate: x509.Certificate, key: object, chain: Sequence[x509.Certificate] = ()
) -> Material:
    """Put certificate and key together. Raises MaterialError for a weak or another one's key."""
    usable = _usable_key(key)
    try:
        belongs = certificate.public_key() == usable.public_key()
        certificate.subject.rfc4514_string()
    except (ValueError, UnsupportedAlgorithm):
        raise MaterialError(
            "the certificate is damaged, or its key is of a different kind"
        ) from None
    if not belongs:
        raise MaterialError("the private key does not belong to the certificate")
    return Material(certificate, usable, tuple(chain))


def from_pfx(content: bytes, password: bytes | None) -> Material:
    """Read a PFX (PKCS#12) file. Raises MaterialError."""
    # Without a password means two things in PKCS#12, and both are in use.
    for attempt in (password,) if password else (None, b""):
        try:
            key, certificate, chain = pkcs12.load_key_and_certificates(content, attempt)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if key is None or certificate is None:
            raise MaterialError("the PFX file does not contain a certificate and its private key")
        return checked(certificate, key, chain)
    reason = "the password is wrong" if password else "it needs a password"
    raise MaterialError(f"the PFX file cannot be opened: {reason}, or it is not a PFX file")


def from_files(certificates: bytes, key: bytes) -> Material:
    """Read a certificate with what follows it as its chain, and a key; each PEM or DER.

    Raises MaterialError.
    """
    first, *chain = _certificates(certificates)
    return checked(first, _private_key(key), chain)


def load_chain(chain_der: bytes | None) -> list[x509.Certificate]:
    """Return the certificates of ``Material.chain_der``."""
    return [] if chain_der is None else list(pkcs7.load_der_pkcs7_certificates(chain_der))


def load_key(key_der: bytes) -> PrivateKey:
    """Return the private key of ``Material.key_der``."""
    return _usable_key(serialization.load_der_private_key(key_der, password=None))


def _usable_key(key: object) -> PrivateKey:
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < RSA_MIN_BITS:
            raise MaterialError(f"an RSA key needs at least {RSA_MIN_BITS} bits")
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES):
        return key
    raise MaterialError("only RSA keys and ECDSA keys on P-256 or P-384 can be used")


def _certificates(content: bytes) -> list[x509.Certificate]:
    try:
        if _PEM in content:
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]
    except ValueError:
        raise MaterialError("the certificate's file is neither PEM nor DER") from None


def _private_key(content: bytes) -> object:
    try:
        if _PEM in content:
            return serialization.load_pem_private_key(content, password=None)
        return serialization.load_der_private_key(content, password=None)
    except TypeError:
        raise MaterialError("the key's file is encrypted: use a PFX file") from None
    except (ValueError, UnsupportedAlgorithm):
        raise MaterialError("the key's file is neither PEM nor DER") from None
