"""The two ends of the chain of events, and the key that links it.

The key is made at random and stored sealed with the master key. So a change of the master key
seals it again, and leaves every mac as it is.
"""

import secrets
from typing import Any

from sqlalchemy import Connection

from signotaur_keyserver.domain.event_chain import KEY_BYTES, Link, StoredLink
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.store import certificates, settings

SEALED_NAME = "event chain"
"""What the sealed key is bound to."""
KEY = "event-chain-key"
_HEAD = "event-chain"
_ANCHOR = "event-chain-anchor"


class ChainKey:
    """The key of one database's events, opened with a sealer and remembered."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._key: bytes | None = None

    def __call__(self, connection: Connection) -> bytes:
        """Return the key; the first call ever makes it, in this transaction.

        Raises MasterKeyError.
        """
        if self._key is not None:
            return self._key
        sealed = settings.find(connection, KEY)
        if sealed is None:
            return self._made(connection)  # not remembered: the transaction may be rolled back
        self._key = self._sealer.unseal(bytes.fromhex(sealed), SEALED_NAME)
        return self._key

    def _made(self, connection: Connection) -> bytes:
        end = lock_head(connection).link
        sealed = settings.find(connection, KEY)
        if sealed is not None:  # another transaction made it meanwhile
            return self._sealer.unseal(bytes.fromhex(sealed), SEALED_NAME)
        certificate = certificates.any_sealed(connection)
        if certificate is None or certificate.sealed_key is None:
            self._sealer.create()
        else:
            self._sealer.unseal(certificate.sealed_key, certificate.thumbprint)
        key = secrets.token_bytes(KEY_BYTES)
        settings.put(connection, KEY, self._sealer.seal(key, SEALED_NAME).hex())
        start = Link(end.id, "")
        put_head(connection, start, key)
        put_anchor(connection, start, key)
        return key


def lock_head(connection: Connection) -> StoredLink:
    """Return the end of the log, which no other transaction can extend until this one ends."""
    return _stored(settings.lock(connection, _HEAD))


def head(connection: Connection) -> StoredLink:
    """Return the end of the log."""
    return _stored(settings.find(connection, _HEAD))


def put_head(connection: Connection, link: Link, key: bytes | None) -> None:
    """Write the new end of the log."""
    _put(connection, _HEAD, link, None if key is None else link.proof(key, "head"))


def anchor(connection: Connection) -> StoredLink:
    """Return where the chain begins: the latest event that was deleted, or that has no mac."""
    return _stored(settings.find(connection, _ANCHOR))


def put_anchor(connection: Connection, link: Link, key: bytes | None) -> None:
    """Write where the chain begins."""
    _put(connection, _ANCHOR, link, None if key is None else link.proof(key, "anchor"))


def _put(connection: Connection, name: str, link: Link, proof: str | None) -> None:
    settings.put(connection, name, StoredLink(link, proof).to_json())


def _stored(value: Any) -> StoredLink:
    if value is None:
        return StoredLink(Link(0, ""), None)
    return StoredLink(Link(value["id"], value["mac"]), value["proof"])
