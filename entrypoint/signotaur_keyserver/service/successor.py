"""The first use of a key after its rotation was confirmed: it shows that the key is not lost.

An ``again`` rotation is the old key's word that its confirmed successor is lost. A thief of the old
key can give it as well, so the successor's use overrules it.
"""

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import rules
from signotaur_keyserver.domain.events import EventType, Level
from signotaur_keyserver.domain.records import REPLACED
from signotaur_keyserver.service.authentication import Caller
from signotaur_keyserver.service.rotation_transaction import Change, change
from signotaur_keyserver.store import keys, rotations


def record_use(database: Database, caller: Caller, source: str | None = None) -> Caller:
    """Record the caller's use of its key, if it is the first one that counts; return it updated.

    Raises RefusedError when the key died since it was authenticated.
    """
    with change(database, caller, source) as this:
        note_use(this)
        return Caller(keys.require(this.connection, this.key.id), this.now)


def note_use(this: Change) -> None:
    """Record a use in the transaction that it belongs to; writes nothing after the first one.

    From then on ``again`` is refused. What an ``again`` did before is undone as far as nobody
    can be locked out by it: a deadline of this key is taken away, and rotations that are still
    open are superseded. A rival that was confirmed stays, because only a person can tell which
    of the two keys is the owner's.
    """
    old_key_id = this.key.rotated_from_key_id
    if old_key_id is None or not this.key.is_unused_successor:
        return
    keys.mark_in_use(this.connection, this.key.id, this.now)
    competing = rotations.competing(this.connection, old_key_id)
    own = next(each for each in competing if each.new_key_id == this.key.id)
    rivals = [rival for rival in competing if rival.is_unconfirmed]
    was_replaced = this.key.revoke_reason == REPLACED
    level = Level.SECURITY if rivals or was_replaced else Level.INFORMATION
    message = f"Key {this.key.id} was used for the first time since its rotation was confirmed."
    if was_replaced:
        keys.disarm(this.connection, this.key.id)
        message += " It was reported as lost; it is not lost, and stays valid."
    this.log(level, EventType.SUCCESSOR_FIRST_USED, message, own)
    for rival in rivals:
        this.supersede(rival, rules.revocation_time(own, this.now), level)
