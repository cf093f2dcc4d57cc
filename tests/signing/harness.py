"""What the tests of ``sign`` share: a key server with certificates, the client, the judge."""

import hashlib
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import requests

from signotaur_wire.signing import CERT_GET, CertificateAnswer, CertificateRequest
from support.client import Finished, run_client
from support.keyserver import KeyServer

LABELS = {"production": "rsa-2048", "curve": "ec-p256", "larger-curve": "ec-p384"}


@dataclass(frozen=True)
class SigningServer:
    """A running key server and the key of a user who may sign with its certificates."""

    server: KeyServer
    key: str
    trusted: Path
    """All its certificates, PEM."""

    @classmethod
    def equip(cls, server: KeyServer) -> "SigningServer":
        """Add certificates and a key to a key server that runs."""
        for label, kind in LABELS.items():
            add_certificate(server, label, f"--key-type={kind}")
        trusted = server.data_dir.parent / f"{server.data_dir.name}-trusted.pem"
        equipped = cls(server, server.add_key(), trusted)
        trusted.write_text("".join(map(equipped.certificate, LABELS)))
        return equipped

    def encoded(self, label: str) -> bytes:
        """Return a certificate, DER, as any client gets it."""
        answer = requests.post(
            self.server.url + CERT_GET,
            json=CertificateRequest("test", label=label).to_json(),
            headers={"Authorization": f"Bearer {self.key}"},
            verify=str(self.server.ca_file) if self.server.tls else True,
            timeout=60,
        )
        return CertificateAnswer.from_json(answer.json()).certificate

    def certificate(self, label: str) -> str:
        """Return a certificate, PEM."""
        return ssl.DER_cert_to_PEM_cert(self.encoded(label))

    def thumbprint(self, label: str) -> str:
        """Return a certificate's thumbprint."""
        return hashlib.sha1(self.encoded(label), usedforsecurity=False).hexdigest().upper()

    def sign(
        self, *arguments: str | Path, cwd: Path | None = None, url: str = "", **env: str
    ) -> Finished:
        """Run ``sign`` with this server's key; with a label unless another selector is given."""
        server = ("--sign-server", url) if url else self.server.options
        return run_client(
            "sign", *server, *arguments, cwd=cwd, env={"SIGNOTAUR_API_KEY": self.key} | env
        )


def add_certificate(server: KeyServer, label: str, *options: str) -> None:
    """Add a certificate that its user may sign with."""
    given = () if "--cert" in options else ("--self-signed", f"--subject=CN={label}")
    server.command("cert", "add", "--label", label, "--user", "build", *given, *options)


@dataclass(frozen=True)
class Judgement:
    """What ``osslsigncode verify`` says of a file."""

    told: str
    good: bool

    @property
    def signatures(self) -> int:
        """How many signatures are good."""
        return self.told.count("Signature verification: ok")


def judge(file: Path, trusted: Path, *options: str | Path) -> Judgement:
    """Verify a file as others would."""
    done = subprocess.run(
        ["osslsigncode", "verify", "-CAfile", trusted, *map(str, options), "-in", file],
        capture_output=True, text=True, errors="replace", timeout=120, check=False,
    )  # fmt: skip
    return Judgement(done.stdout + done.stderr, done.returncode == 0)
