"""Change the master key: seal everything again, without a moment in which something is lost."""

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.pki.master_key import Vault
from signotaur_keyserver.store import event_chain, events, sealed


def rotate_master_key(database: Database, vault: Vault) -> int:
    """Make a new master key; return how many secrets it seals now.

    Killed at any moment, everything can still be opened: while the database may hold secrets of
    both keys, the vault has both files. The next run ends what was cut. Raises MasterKeyError.
    """
    if vault.has_former:
        with database.write() as connection:
            event_chain.lock_head(connection)
            _seal_again(connection, vault)
        vault.forget_former()
    with database.write() as connection:
        now = database.clock.now(connection)
        opened = [(each, vault.unseal(each.secret, each.name)) for each in sealed.every(connection)]
        event = Event(Level.SECURITY, EventType.MASTER_KEY_ROTATED, "The master key was replaced.")
        events.write(connection, now, event)
        vault.replace()
        for each, secret in opened:
            each.put(connection, vault.seal(secret, each.name))
    vault.forget_former()
    return len(opened)


def _seal_again(connection: Connection, vault: Vault) -> None:
    for each in list(sealed.every(connection)):
        each.put(connection, vault.seal(vault.unseal(each.secret, each.name), each.name))
