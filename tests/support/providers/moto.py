"""Amazon's services as moto has them: a process of its own, one for all tests of a worker."""

import socket
import subprocess
import sys
import threading
import time
from functools import cache
from http.client import HTTPConnection

_HOST = "127.0.0.1"
_SECONDS = 120.0
_ONE_CALL = threading.Lock()
_PROGRAM = """
import os, sys, threading
from moto.server import main
def end():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=end, daemon=True).start()
main(sys.argv[1:])
"""
"""moto's server, which ends with its input: however a worker ends, the system closes that."""


@cache
def _moto() -> tuple[int, "subprocess.Popen[bytes]"]:
    """Start moto, and return its port once it answers, and the process."""
    with socket.socket() as free:
        free.bind((_HOST, 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-c", _PROGRAM, "-H", _HOST, "-p", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.PIPE
    )
    limit = time.monotonic() + _SECONDS
    while not _answers(port):
        assert process.poll() is None, "moto ended at once"
        assert time.monotonic() < limit, "moto does not answer"
        time.sleep(0.1)
    return port, process


def ask_moto(
    method: str, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, bytes, str]:
    """Send moto a request as it is; return status, body and content type of the answer.

    One at a time: it answers 500 where another call changes the list that it goes through.
    """
    with _ONE_CALL:
        connection = HTTPConnection(_HOST, _moto()[0], timeout=_SECONDS)
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
