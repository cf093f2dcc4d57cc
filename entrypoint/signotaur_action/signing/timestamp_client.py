"""Timestamps from the first server that gives one; the one that did is asked first next time."""

import secrets
from collections.abc import Sequence

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.errors import ServerError
from signotaur_action.ports import TimestampServer
from signotaur_action.signing import timestamps
from signotaur_action.signing.timestamps import TimestampError
from signotaur_wire.signing import DigestAlgorithm

_NONCE_BITS = 63


class TimestampClient:
    """Timestamps signatures; without servers it gives empty timestamps. Threads may share it."""

    def __init__(self, servers: Sequence[TimestampServer], algorithm: DigestAlgorithm) -> None:
        self._servers = list(servers)
        self._algorithm = algorithm

    def timestamp(self, signature: bytes) -> bytes:
        """Return the token for a signature. Raises ServerError when no server gives one."""
        failures = []
        for server in self._servers:
            try:
                token = self._ask(server, signature)
            except (ServerError, TimestampError) as error:
                failures.append(f"{server.address}: {escape_untrusted(str(error)).rstrip('.')}")
            else:
                # A new list: other threads may be going through the old one.
                self._servers = [server, *(each for each in self._servers if each is not server)]
                return token
        if failures:
            raise ServerError(f"No timestamp server returned a timestamp ({'; '.join(failures)}).")
        return b""

    def _ask(self, server: TimestampServer, signature: bytes) -> bytes:
        nonce = secrets.randbits(_NONCE_BITS)
        answer = server.ask(timestamps.request(signature, self._algorithm, nonce))
        return timestamps.token(answer, signature, self._algorithm, nonce)
