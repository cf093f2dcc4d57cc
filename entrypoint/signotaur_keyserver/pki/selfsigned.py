"""Self-signed code-signing certificates, for rehearsals and tests. Nobody else trusts them."""

from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from signotaur_keyserver.pki.material import Material, MaterialError, PrivateKey, checked

_SKEW = timedelta(hours=1)
_EXPONENT = 65537


class KeyType(StrEnum):
    """What kind of key is made."""

    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    EC_P256 = "ec-p256"
    EC_P384 = "ec-p384"


def self_signed(
    subject: x509.Name, key_type: KeyType, now: datetime, lifetime: timedelta
) -> Material:
    """Make a key and its certificate, valid from an hour ago. Raises MaterialError."""
    key = _new_key(key_type)
    try:
        certificate = _builder(subject, key, now, lifetime).sign(key, hashes.SHA256())
    except ValueError:
        raise MaterialError("these values are not valid in a certificate") from None
    return checked(certificate, key)


def _new_key(key_type: KeyType) -> PrivateKey:
    if key_type is KeyType.EC_P256:
        return ec.generate_private_key(ec.SECP256R1())
    if key_type is KeyType.EC_P384:
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(_EXPONENT, int(key_type.value.removeprefix("rsa-")))


def _builder(
    subject: x509.Name, key: PrivateKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    public = key.public_key()
    code_signing = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    subject_id = x509.SubjectKeyIdentifier.from_public_key(public)
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_id)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_digital_signature(), critical=True)
        .add_extension(code_signing, critical=False)
        .add_extension(subject_id, critical=False)
        .add_extension(issuer_id, critical=False)
    )


def _digital_signature() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
