"""Look-ups of host names that end in time.

``getaddrinfo`` has no time-out and cannot be cancelled: with a name server that does not answer
it takes as long as ``/etc/resolv.conf`` says, often 10 seconds for each name server.
"""

import errno
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from urllib3.util.connection import allowed_gai_family

LookUp = Callable[[str], list[Any]]
"""Returns what ``getaddrinfo`` returns. May raise gaierror or UnicodeError."""


def _get_addresses(host: str) -> list[Any]:
    return socket.getaddrinfo(host, None, allowed_gai_family(), socket.SOCK_STREAM)


def addresses(host: str, seconds: float, look_up: LookUp = _get_addresses) -> list[str]:
    """Return the addresses of a host in the order to try them.

    Raises TimeoutError after so many seconds, and gaierror when the name cannot be resolved.
    """
    answers: SimpleQueue[list[Any] | socket.gaierror] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(look_up(host))
        except socket.gaierror as error:
            answers.put(error)
        except UnicodeError:  # a label that is empty or too long
            answers.put(socket.gaierror(socket.EAI_NONAME, "invalid host name"))

    # A daemon, because nothing else ends it when the time is over.
    threading.Thread(target=ask, name="name look-up", daemon=True).start()
    answer = None
    with suppress(Empty):
        answer = answers.get(timeout=seconds)
    if answer is None:
        raise TimeoutError(errno.ETIMEDOUT, "the name look-up did not end in time")
    if isinstance(answer, socket.gaierror):
        raise answer
    return list(dict.fromkeys(str(address[0]) for *_, address in answer))


def is_address(host: str) -> bool:
    """Return whether a host is an IP address and needs no look-up."""
    try:
        socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return True
