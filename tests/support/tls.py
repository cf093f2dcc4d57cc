"""Certificates of every kind, and the real key server behind them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.keyserver import KeyServer

_PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Certificate:
    """The files of a certificate and its private key."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority that signs what it is asked to."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        self._certificate = _signed(
            _builder(subject, subject, self._key, timedelta(days=-30), timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_signs_certificates(), critical=True),
            self._key,
            self._key,
        )
        self.ca_file = folder / "authority.pem"
        self.ca_file.write_bytes(self._certificate.public_bytes(_PEM))

    def issue(
        self,
        host: str = "127.0.0.1",
        *,
        starts: timedelta = timedelta(hours=-1),
        ends: timedelta = timedelta(days=1),
    ) -> Certificate:
        """Sign a server's certificate; the times count from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(_name(host), self._certificate.subject, key, starts, ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([_host(host)]), critical=False)
        )
        files = Certificate(self._folder / f"{host}.pem", self._folder / f"{host}.key")
        private = key.private_bytes(
            _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        files.certificate.write_bytes(_signed(builder, key, self._key).public_bytes(_PEM))
        files.key.touch(mode=0o600)  # the server refuses a key that others can read
        files.key.write_bytes(private)
        return files


class CertifiedKeyServer(KeyServer):
    """A key server that shows a given certificate."""

    def __init__(self, data_dir: Path, files: Certificate, ca_file: Path) -> None:
        super().__init__(data_dir)
        self.ca_file = ca_file
        self._files = files

    def serve_options(self) -> list[str]:
        """Return the options for the given certificate."""
        return [f"--tls-cert={self._files.certificate}", f"--tls-key={self._files.key}"]


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    starts: timedelta,
    ends: timedelta,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
    )


def _signed(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    issuer: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    # Both identifiers, because Python 3.13 demands them.
    subject_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    builder = builder.add_extension(subject_id, critical=False)
    return builder.add_extension(issuer_id, critical=False).sign(issuer, hashes.SHA256())


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
