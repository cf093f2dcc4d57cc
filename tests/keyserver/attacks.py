"""What a stranger without a key may try against a server of this machine.

Bounded in number and time, to the loopback range alone, and over when the block ends.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import repeat
from pathlib import Path

HALF_A_REQUEST = b"GET /api/v1/keys/self HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: "
_SHUTDOWN_TIMEOUT = 20.0


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    """Open one TCP connection from an address of the loopback range."""
    return socket.create_connection(
        ("127.0.0.1", port), timeout=_SHUTDOWN_TIMEOUT, source_address=(source, 0)
    )


@contextmanager
def silent_connections(port: int, amount: int, source: str) -> Iterator[None]:
    """Hold TCP connections that never send a byte, not even of a TLS handshake."""
    with ExitStack() as held:
        for _ in range(amount):
            with suppress(OSError):
                held.enter_context(connect(port, source))
        yield


@contextmanager
def half_requests(port: int, authority: Path, amount: int, source: str) -> Iterator[None]:
    """Hold TLS connections that have sent half a request each."""
    context = ssl.create_default_context(cafile=authority)
    with ExitStack() as held:
        for _ in range(amount):
            with suppress(OSError):
                plain = held.enter_context(connect(port, source))
                secure = context.wrap_socket(plain, server_hostname="127.0.0.1")
                held.enter_context(secure).sendall(HALF_A_REQUEST)
        yield


def stream(port: int, start: bytes, more: bytes, amount: int) -> tuple[int, bytes]:
    """Send ``start`` and then ``more`` until the server ends it, or ``amount`` bytes are sent.

    Return how many bytes were sent, and what the server said.
    """
    with connect(port) as plain:
        plain.settimeout(5)
        sent = len(start)
        with suppress(OSError):
            plain.sendall(start)
            for part in repeat(more):
                if sent >= amount:
                    break
                plain.sendall(part)
                sent += len(part)
        plain.settimeout(0.5)
        answer = b""
        with suppress(OSError):
            while received := plain.recv(65536):
                answer += received
        return sent, answer


def resident_mib(process_id: int) -> float:
    """Return the memory that a process of this machine holds."""
    lines = Path(f"/proc/{process_id}/status").read_text("ascii").splitlines()
    kib = next(line for line in lines if line.startswith("VmRSS:")).split()[1]
    return int(kib) / 1024
