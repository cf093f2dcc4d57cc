"""Change the master key: seal everything again, without a moment in which something is lost."""

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.store import event_chain, events, sealed


def rotate_master_key(database: Database, sealer: Sealer) -> int:
    """Make a new master key; return how many secrets it seals now.

    Killed at any moment, everything can still be opened: while the database may hold secrets of
    both keys, the sealer has both files. The next run ends what was cut. Raises MasterKeyError.
    """
    if sealer.has_former:
        with database.write() as connection:
            event_chain.lock_head(connection)
            _seal_again(connection, sealer)
        sealer.forget_former()
    with database.write() as connection:
        now = database.clock.now(connection)
        opened = [
            (each, sealer.unseal(each.secret, each.name)) for each in sealed.every(connection)
        ]
        event = Event(Level.SECURITY, EventType.MASTER_KEY_ROTATED, "The master key was replaced.")
        events.write(connection, now, event)
        sealer.replace()
        for each, secret in opened:
            each.put(connection, sealer.seal(secret, each.name))
    sealer.forget_former()
    return len(opened)


def _seal_again(connection: Connection, sealer: Sealer) -> None:
    for each in list(sealed.every(connection)):
        each.put(connection, sealer.seal(sealer.unseal(each.secret, each.name), each.name))
