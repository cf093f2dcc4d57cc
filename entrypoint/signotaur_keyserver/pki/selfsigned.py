"""Self-signed code-signing certificates, for rehearsals and tests. Nobody else trusts them."""

from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from signotaur_keyserver.pki.issuer import Issuer, Validity, issue
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
    code_signing = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    validity = Validity(now - _SKEW, now + lifetime)
    try:
        certificate = issue(subject, key, Issuer(subject, key), validity, [code_signing])
    except ValueError:
        raise MaterialError("these values are not valid in a certificate") from None
    return checked(certificate, key)


def _new_key(key_type: KeyType) -> PrivateKey:
    if key_type is KeyType.EC_P256:
        return ec.generate_private_key(ec.SECP256R1())
    if key_type is KeyType.EC_P384:
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(_EXPONENT, int(key_type.value.removeprefix("rsa-")))
