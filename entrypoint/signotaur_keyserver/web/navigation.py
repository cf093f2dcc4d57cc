"""The pages that the head of each page leads to."""

from dataclasses import dataclass

from signotaur_keyserver.domain.authorization import Action


@dataclass(frozen=True)
class Item:
    """A link, shown to those who may open it."""

    path: str
    label: str
    action: Action


NAVIGATION = (
    Item("/events", "Events", Action.SEE_EVENTS),
    Item("/users", "Users", Action.SEE_USERS),
    Item("/settings", "Settings", Action.SEE_SETTINGS),
)
HOME = "/profile"
"""Where a person begins."""
