"""A certificate authority of one use: it signs the server's certificate and is thrown away.

The certificates pass strict X.509 checks (RFC 5280, as Python 3.13 does by default). Validity is
the one thing here that goes by the machine's clock: certificates know no other.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = timedelta(days=825)
_RENEW_BEFORE = timedelta(days=30)
_SKEW = timedelta(hours=1)
_ALWAYS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class TlsFiles:
    """Where the certificate and its key are, and the authority to trust (None: a public one)."""

    certificate: Path
    key: Path
    authority: Path | None = None


def ensure_self_signed(folder: Path, hosts: Sequence[str]) -> TlsFiles:
    """Return certificates for the hosts and loopback in ``folder``, created again where needed.

    ``ca.pem`` (0644) is what clients trust; ``server-key.pem`` is 0600 from its first byte.
    """
    files = TlsFiles(folder / "server.pem", folder / "server-key.pem", folder / "ca.pem")
    names = [_general_name(host) for host in dict.fromkeys([*_ALWAYS, *hosts])]
    if not _usable(folder, names):
        _make(folder, names)
    return files


def _usable(folder: Path, names: Sequence[x509.GeneralName]) -> bool:
    try:
        authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        server = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
        key_text = (folder / "server-key.pem").read_bytes()
        key = serialization.load_pem_private_key(key_text, password=None)
        server.verify_directly_issued_by(authority)
        covered = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, InvalidSignature, x509.ExtensionNotFound):
        return False
    lasts = server.not_valid_after_utc - datetime.now(UTC) > _RENEW_BEFORE
    return lasts and key.public_key() == server.public_key() and set(names) <= set(covered)


def _make(folder: Path, names: Sequence[x509.GeneralName]) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key)
    server = _server(server_key, authority, authority_key, names)
    private = server_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem = serialization.Encoding.PEM
    _write(folder / "server-key.pem", private, 0o600)
    _write(folder / "server.pem", server.public_bytes(pem), 0o644)
    _write(folder / "ca.pem", authority.public_bytes(pem), 0o644)


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name("Signotaur key server, local authority")
    builder = _builder(name, name, key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return _signed(builder, key.public_key(), key)


def _server(
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    names: Sequence[x509.GeneralName],
) -> x509.Certificate:
    server_auth = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = (
        _builder(_name("Signotaur key server"), authority.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(server_auth, critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    return _signed(builder, key.public_key(), authority_key)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _LIFETIME)
    )


def _signed(
    builder: x509.CertificateBuilder,
    public_key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    subject_id = x509.SubjectKeyIdentifier.from_public_key(public_key)
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = builder.add_extension(subject_id, critical=False)
    return builder.add_extension(issuer_id, critical=False).sign(issuer_key, hashes.SHA256())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(path: Path, content: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    # Exclusive creation with its mode: never readable by others, not even for a moment.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, mode)
        file.write(content)
