"""A timestamp authority over HTTP around ``openssl ts``, and what certificates it needs."""

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509

from signing.local import LocalSigner

_CONFIGURATION = """
[tsa]
default_tsa = it
[it]
dir = {folder}
serial = $dir/serial
crypto_device = builtin
signer_cert = $dir/tsa.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""

Answer = Callable[[bytes], tuple[int, bytes]]


class Authority:
    """Makes timestamps. Its certificate signs itself, unless it has one that somebody issued."""

    def __init__(self, folder: Path, issued: LocalSigner | None = None) -> None:
        folder.mkdir()
        self._folder = folder
        self.certificate = folder / "tsa.pem"
        if issued is None:
            _openssl(
                *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-keyout", folder / "tsa.key", "-out", self.certificate, "-subj", "/CN=TSA"),
                *("-addext", "extendedKeyUsage=critical,timeStamping"),
                *("-addext", "keyUsage=critical,digitalSignature"),
            )
        else:
            self.certificate.write_bytes(issued.pem)
            (folder / "tsa.key").write_bytes(issued.private_pem)
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(_CONFIGURATION.format(folder=folder))
        self._lock = threading.Lock()

    @property
    def encoded(self) -> bytes:
        """Its certificate, DER."""
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())

    def twin(self) -> bytes:
        """Return another certificate with its key, name and serial number, DER."""
        number = x509.load_der_x509_certificate(self.encoded).serial_number
        twin = self._folder / "twin.pem"
        _openssl(
            *("req", "-x509", "-new", "-key", self._folder / "tsa.key", "-days", "9"),
            *("-set_serial", str(number), "-out", twin, "-subj", "/CN=TSA"),
            *("-addext", "extendedKeyUsage=critical,timeStamping"),
            *("-addext", "keyUsage=critical,digitalSignature"),
        )
        return ssl.PEM_cert_to_DER_cert(twin.read_text())

    def answer(self, request: bytes) -> tuple[int, bytes]:
        """Return status and body of a timestamp."""
        with self._lock:
            query, reply = self._folder / "query", self._folder / "reply"
            query.write_bytes(request)
            _openssl(
                *("ts", "-reply", "-config", self._folder / "tsa.cnf"),
                *("-queryfile", query, "-out", reply),
            )
            return 200, reply.read_bytes()


@contextmanager
def served(
    answer: Answer, content_type: str = "application/timestamp-reply"
) -> Iterator[tuple[str, list[bytes]]]:
    """Serve timestamps; give the URL, and the requests as they come."""
    asked: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(request)
            assert self.headers["Authorization"] is None
            status, body = answer(request)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsa", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=120)
