"""Check that the event log is what the server wrote, and make checkpoints of it."""

from signotaur_keyserver.database.database import Database, chain_key_of
from signotaur_keyserver.domain.event_chain import (
    BrokenChainError,
    Link,
    Verified,
    checkpoint_text,
    verify,
)
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.store import event_chain, events


def verify_events(database: Database, checkpoint: Link | None = None) -> Verified:
    """Read the whole log and check it. Raises AdministrationError that names the first fault.

    Raises MasterKeyError when the key of the chain cannot be opened.
    """
    with database.read() as connection:
        key = chain_key_of(connection)
        if key is None:
            raise AdministrationError("this database has no master key: nothing can be verified")
        head, anchor = event_chain.head(connection), event_chain.anchor(connection)
        try:
            head.require_proven(key, "head")
            anchor.require_proven(key, "anchor")
            return verify(key, events.chained(connection), anchor.link, head.link, checkpoint)
        except BrokenChainError as error:
            raise AdministrationError(f"the event log is not intact: {error}") from None


def make_checkpoint(database: Database) -> str:
    """Verify the log and return a checkpoint of its end. Raises as ``verify_events`` does."""
    return checkpoint_text(verify_events(database).head)
