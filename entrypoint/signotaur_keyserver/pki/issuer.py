"""The one way in which certificates are made: as the strict checks of RFC 5280 want them.

Python 3.13 checks strictly by default.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from signotaur_keyserver.pki.material import PrivateKey


@dataclass(frozen=True)
class Issuer:
    """Who signs a certificate."""

    name: x509.Name
    key: PrivateKey


@dataclass(frozen=True)
class Validity:
    """From when until when a certificate is valid."""

    starts: datetime
    ends: datetime


def issue(
    subject: x509.Name,
    key: PrivateKey,
    issuer: Issuer,
    validity: Validity,
    extensions: Iterable[x509.ExtensionType] = (),
    *,
    is_authority: bool = False,
) -> x509.Certificate:
    """Return a certificate for a key: of an authority, or for digital signatures.

    Raises ValueError for a name or a time that no certificate can have.
    """
    public, path_length = key.public_key(), 0 if is_authority else None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.starts)
        .not_valid_after(validity.ends)
        .add_extension(x509.BasicConstraints(is_authority, path_length), critical=True)
        .add_extension(_usage(is_authority=is_authority), critical=True)
    )
    identifiers = (
        x509.SubjectKeyIdentifier.from_public_key(public),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
    )
    for extension in (*extensions, *identifiers):
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer.key, hashes.SHA256())


def common_name(text: str) -> x509.Name:
    """Return a name of one part."""
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def host_name(host: str) -> x509.GeneralName:
    """Return a host as certificates name it: an address or a DNS name."""
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
