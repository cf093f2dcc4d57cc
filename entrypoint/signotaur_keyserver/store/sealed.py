"""Everything in the database that is sealed with the master key."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from signotaur_keyserver.domain.schema import certificates, webhooks
from signotaur_keyserver.store import event_chain, settings


@dataclass(frozen=True)
class Sealed:
    """One sealed secret, the name that it is bound to, and how to write it again."""

    name: str
    secret: bytes
    put: Callable[[Connection, bytes], object]


def every(connection: Connection) -> Iterator[Sealed]:
    """Return every sealed secret."""
    key = settings.find(connection, event_chain.KEY)
    if key is not None:
        yield Sealed(event_chain.SEALED_NAME, bytes.fromhex(key), _put_chain_key)
    sealed = certificates.c.sealed_key
    rows = select(certificates.c.id, certificates.c.thumbprint, sealed)
    for row in connection.execute(rows.where(sealed.is_not(None))).all():
        yield Sealed(row.thumbprint, row.sealed_key, _certificate(row.id))
    hooks = select(webhooks.c.id, webhooks.c.url, webhooks.c.sealed_secret)
    for row in connection.execute(hooks).all():
        yield Sealed(webhook_name(row.url), row.sealed_secret, _webhook(row.id))


def webhook_name(url: str) -> str:
    """Return what the secret of a webhook is bound to."""
    return f"webhook {url}"


def _put_chain_key(connection: Connection, secret: bytes) -> None:
    settings.put(connection, event_chain.KEY, secret.hex())


def _certificate(certificate_id: int) -> Callable[[Connection, bytes], object]:
    changed = update(certificates).where(certificates.c.id == certificate_id)
    return lambda connection, secret: connection.execute(changed.values(sealed_key=secret))


def _webhook(webhook_id: int) -> Callable[[Connection, bytes], object]:
    changed = update(webhooks).where(webhooks.c.id == webhook_id)
    return lambda connection, secret: connection.execute(changed.values(sealed_secret=secret))
