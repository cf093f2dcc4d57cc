"""Rotations under load, and what must be left of them after a crash."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from uuid import uuid4

import requests
from sqlalchemy import select

from keyserver.harness import Client, NewKey
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import EventType
from signotaur_keyserver.domain.schema import rotations
from signotaur_keyserver.service import administration
from signotaur_wire.messages import RotationState

Acknowledged = dict[str, tuple[str, str]]
"""By old key: the new key, and the last step that was answered."""


def rotate_until_refused(url: str, keys: Sequence[str], acknowledged: Acknowledged) -> None:
    """Rotate keys until the server or its database is gone, and note each answer."""
    with closing(Client(url, [])) as client:
        for old in keys:
            rotation_id, new = uuid4(), NewKey()
            try:
                if client.put(old, rotation_id, new).status_code != 201:
                    return
                acknowledged[old] = (new.text, "opened")
                if client.confirm(new.text, rotation_id).status_code != 200:
                    return
                acknowledged[old] = (new.text, "confirmed")
            except requests.RequestException:
                return


def require_acknowledged(client: Client, acknowledged: Acknowledged) -> None:
    """Require that every answer holds."""
    for old, (new, step) in acknowledged.items():
        told = client.self(new).json()
        assert told["state"] in (["active"] if step == "confirmed" else ["candidate", "active"])
        assert (client.self(old).json()["revokesAt"] is not None) == (told["state"] == "active")


def require_matching_events(database: Database) -> None:
    """Require that every change has its event, and every event its change."""
    events = Counter(e.event.type for e in administration.list_events(database, 1_000_000))
    with database.read() as connection:
        states = Counter(connection.execute(select(rotations.c.state)).scalars())
    assert events[EventType.ROTATION_OPENED] == sum(states.values())
    assert events[EventType.ROTATION_CONFIRMED] == states[RotationState.CONFIRMED]
