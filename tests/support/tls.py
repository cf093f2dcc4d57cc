"""Certificates of every kind, and the real key server behind them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from signotaur_keyserver.pki.issuer import Issuer, Validity, common_name, host_name, issue
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
        subject = common_name(name)
        self._issuer = Issuer(subject, ec.generate_private_key(ec.SECP256R1()))
        days = timedelta(days=30)
        certificate = issue(
            subject, self._issuer.key, self._issuer, _around_now(-days, days), is_authority=True
        )
        self.ca_file = folder / "authority.pem"
        self.ca_file.write_bytes(certificate.public_bytes(_PEM))

    def issue(
        self,
        host: str = "127.0.0.1",
        *,
        starts: timedelta = timedelta(hours=-1),
        ends: timedelta = timedelta(days=1),
    ) -> Certificate:
        """Sign a server's certificate; the times count from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([host_name(host)])
        validity = _around_now(starts, ends)
        certificate = issue(common_name(host), key, self._issuer, validity, [names])
        files = Certificate(self._folder / f"{host}.pem", self._folder / f"{host}.key")
        private = key.private_bytes(
            _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        files.certificate.write_bytes(certificate.public_bytes(_PEM))
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


def _around_now(starts: timedelta, ends: timedelta) -> Validity:
    now = datetime.now(UTC)
    return Validity(now + starts, now + ends)
