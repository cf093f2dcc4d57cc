"""Amazon's services as moto has them: a process of its own, one for all tests of a worker."""

import atexit
import socket
import subprocess
import sys
import time
from functools import cache
from http.client import HTTPConnection

_HOST = "127.0.0.1"
_SECONDS = 120.0


@cache
def moto_port() -> int:
    """Start moto, and return its port once it answers."""
    with socket.socket() as free:
        free.bind((_HOST, 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", _HOST, "-p", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    atexit.register(process.wait)
    atexit.register(process.kill)
    limit = time.monotonic() + _SECONDS
    while not _answers(port):
        assert process.poll() is None, "moto ended at once"
        assert time.monotonic() < limit, "moto does not answer"
        time.sleep(0.1)
    return port


def ask_moto(
    method: str, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, bytes, str]:
    """Send moto a request as it is; return status, body and content type of the answer."""
    connection = HTTPConnection(_HOST, moto_port(), timeout=_SECONDS)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("Content-Type", "")
    finally:
        connection.close()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((_HOST, port), timeout=1):
            return True
    except OSError:
        return False
