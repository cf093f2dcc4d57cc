"""Servers that people would take instead of the key server: OpenBao, and Django with API keys."""

import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path

from load import Target
from processes import BenchmarkError, background, output_of

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))  # what starts OpenBao for the tests

from support.keyserver import lasting_port  # noqa: E402
from support.providers.openbao import OpenBao, server_program  # noqa: E402

_DJANGO = ROOT / ".cache" / "bench" / "bin"
_RAFT = """
storage "raft" {{
  path = "{folder}/data"
  node_id = "benchmark"
}}
cluster_addr = "https://127.0.0.1:{port}"
"""
_START = 60.0
_OK = 200


@contextmanager
def openbao(folder: Path, asked: int) -> Iterator[Target | None]:
    """Run OpenBao with so many tokens on raft storage; None without its program."""
    program = server_program()
    if program is None:
        yield None
        return
    (folder / "data").mkdir(parents=True)
    storage = _RAFT.format(folder=folder, port=lasting_port("127.0.0.1"))
    with OpenBao(folder, program, storage) as server:
        tokens = [
            server.must("POST", "auth/token/create", {"ttl": "1h"})["auth"]["client_token"]
            for _ in range(asked)
        ]
        yield Target(server.url, "/v1/auth/token/lookup-self", "X-Vault-Token", "", tuple(tokens))


@contextmanager
def django(folder: Path, tls: Path, stored: int, asked: int) -> Iterator[Target | None]:
    """Run Django on gunicorn with so many keys; ``tls`` has the key server's certificate.

    None where ``make bench`` did not install it.
    """
    if not (_DJANGO / "gunicorn").exists():
        yield None
        return
    folder.mkdir()
    database = folder / "django.db"
    script = str(Path(__file__).with_name("django_app.py"))
    make = (str(_DJANGO / "python"), script, str(database), str(stored), str(asked))
    keys = output_of(make, folder).split()
    port = lasting_port("127.0.0.1")
    serve = (
        *(str(_DJANGO / "gunicorn"), f"--bind=127.0.0.1:{port}", "--log-level=warning"),
        *("--workers=2", "--worker-class=gthread", "--threads=8", "--keep-alive=60"),
        *(f"--certfile={tls}/server.pem", f"--keyfile={tls}/server-key.pem"),
        *(f"--chdir={script.rpartition('/')[0]}", f"--env=BENCH_DATABASE={database}"),
        "django_app:application",
    )
    with background(serve, folder):
        target = Target(
            f"https://127.0.0.1:{port}",
            "/api/v1/keys/self",
            "Authorization",
            "Api-Key ",
            tuple(keys),
        )
        _wait(port, tls / "ca.pem", target)
        yield target


def _wait(port: int, authority: Path, target: Target) -> None:
    context = ssl.create_default_context(cafile=str(authority))
    end = time.monotonic() + _START
    while time.monotonic() < end:
        connection = HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
        try:
            headers = {target.header: target.scheme + target.keys[0]}
            connection.request("GET", target.path, headers=headers)
            if connection.getresponse().status == _OK:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise BenchmarkError("the peer did not start")
