"""An authority that revokes: OpenSSL's own responder and lists, and a web server for them."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509

from signing.local import LocalSigner

_CONFIGURATION = """
[ca]
default_ca = it
[it]
database = {folder}/index.txt
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
crl_extensions = of_lists
[of_lists]
{extensions}
"""
_DAY = ("-ndays", "1")


class RevokingAuthority:
    """What OpenSSL says of the certificates of one issuer. Not for several threads."""

    def __init__(self, folder: Path, issuer: LocalSigner) -> None:
        folder.mkdir()
        self._folder = folder
        self.certificate = self._write("ca", issuer)
        self._entries: dict[int, str] = {}

    def add(self, certificate: bytes) -> None:
        """List a certificate that was issued, DER."""
        self._list(certificate, "V", "")

    def revoke(self, certificate: bytes, since: datetime, reason: str = "") -> None:
        """Revoke a certificate, DER. ``reason`` is one of OpenSSL's, perhaps with a time."""
        self._list(certificate, "R", f"{since:%y%m%d%H%M%SZ}" + (f",{reason}" if reason else ""))

    def answer(self, request: bytes, *options: str, signer: LocalSigner | None = None) -> bytes:
        """Return the answer to a question by OCSP; the issuer signs it unless it is another."""
        certificate = self._write("signer", signer) if signer else self.certificate
        asked, answer = self._folder / "request", self._folder / "answer"
        asked.write_bytes(request)
        _openssl(
            *("ocsp", "-index", self._index(), "-CA", self.certificate),
            *("-rsigner", certificate, "-rkey", certificate.with_suffix(".key")),
            *("-reqin", asked, "-respout", answer),
            *(options or _DAY),
        )
        return answer.read_bytes()

    def question(self, certificate: LocalSigner) -> bytes:
        """Return the question about a certificate, as OpenSSL asks it."""
        asked, file = self._folder / "question", self._write("asked", certificate)
        _openssl("ocsp", "-issuer", self.certificate, "-cert", file, "-no_nonce", "-reqout", asked)
        return asked.read_bytes()

    def signed_again(self, certificate: LocalSigner, digest: str) -> bytes:
        """Return a certificate, PEM, that the issuer signs with another digest."""
        file, made = self._write("again", certificate), self._folder / "made.pem"
        request, keeps = self._folder / "again.csr", ("-copy_extensions", "copyall")
        own, key = file.with_suffix(".key"), self.certificate.with_suffix(".key")
        _openssl("x509", "-in", file, "-x509toreq", "-signkey", own, *keeps, "-out", request)
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", key, *keeps),
            *("-set_serial", "5", "-days", "9", f"-{digest}", "-out", made),
        )
        return made.read_bytes()

    def revocation_list(self, extensions: str = "", *, digest: str = "sha256") -> bytes:
        """Return its list, DER, which is valid for a day; ``extensions`` as OpenSSL writes them."""
        self._index()
        configuration, made = self._folder / "ca.cnf", self._folder / "crl.pem"
        configuration.write_text(_CONFIGURATION.format(folder=self._folder, extensions=extensions))
        options = ("-config", configuration, "-crldays", "1", "-md", digest, "-out", made)
        _openssl("ca", "-gencrl", *options)
        encoded = self._folder / "crl.der"
        _openssl("crl", "-in", made, "-outform", "DER", "-out", encoded)
        return encoded.read_bytes()

    def _list(self, encoded: bytes, letter: str, revoked: str) -> None:
        found = x509.load_der_x509_certificate(encoded)
        number = f"{found.serial_number:X}"
        padded = number.zfill(len(number) + len(number) % 2)
        end = f"{found.not_valid_after_utc:%y%m%d%H%M%SZ}"
        self._entries[found.serial_number] = "\t".join(
            [letter, end, revoked, padded, "unknown", f"/CN={padded}"]
        )

    def _index(self) -> Path:
        index = self._folder / "index.txt"
        index.write_text("".join(f"{line}\n" for line in self._entries.values()))
        return index

    def _write(self, name: str, signer: LocalSigner) -> Path:
        file = self._folder / f"{name}.pem"
        file.write_bytes(signer.pem)
        file.with_suffix(".key").write_bytes(signer.private_pem)
        return file


@dataclass(frozen=True)
class Page:
    """What a web server answers; without a status it ends the connection."""

    content: bytes = b""
    status: int = 200
    location: str = ""
    times: int = 1
    """How often it sends the content."""


def _missing(_request: bytes) -> Page:
    return Page(status=404)


@dataclass
class Site:
    """A web server of authorities. Its pages get the body of a request."""

    url: str = ""
    pages: dict[str, Callable[[bytes], Page]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Method and path of each request."""

    @contextmanager
    def running(self) -> Iterator["Site"]:
        """Serve on a free port."""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                site.asked.append(f"{self.command} {self.path}")
                assert self.headers["Authorization"] is None
                page = site.pages.get(self.path, _missing)(body)
                if not page.status:
                    return
                self.send_response(page.status)
                if page.location:
                    self.send_header("Location", page.location)
                self.end_headers()
                with suppress(ConnectionError):  # the client may have read enough
                    for _ in range(page.times):
                        self.wfile.write(page.content)

            do_POST = do_GET  # noqa: N815 - the name is the library's

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=120)
