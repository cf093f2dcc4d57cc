"""A certificate authority of one use: it signs the server's certificate and is thrown away.

Validity is
the one thing here that goes by the machine's clock: certificates know no other.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from signotaur_keyserver.pki.issuer import Issuer, Validity, common_name, host_name, issue

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
    names = [host_name(host) for host in dict.fromkeys([*_ALWAYS, *hosts])]
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
    now = datetime.now(UTC)
    validity = Validity(now - _SKEW, now + _LIFETIME)
    name = common_name("Signotaur key server, local authority")
    issuer = Issuer(name, ec.generate_private_key(ec.SECP256R1()))
    authority = issue(name, issuer.key, issuer, validity, is_authority=True)
    key = ec.generate_private_key(ec.SECP256R1())
    extensions = (
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.SubjectAlternativeName(names),
    )
    server = issue(common_name("Signotaur key server"), key, issuer, validity, extensions)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(folder / "server-key.pem", private, 0o600)
    _write(folder / "server.pem", server.public_bytes(pem), 0o644)
    _write(folder / "ca.pem", authority.public_bytes(pem), 0o644)


def _write(path: Path, content: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    # Exclusive creation with its mode: never readable by others, not even for a moment.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, mode)
        file.write(content)
