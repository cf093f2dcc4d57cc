"""How one kind of server is talked to."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from signotaur_action.http.answer import Answer
from signotaur_wire.limits import MAX_BODY_BYTES

TEMPORARY = frozenset({408, 425, 500, 502, 503, 504})
"""Statuses of a failure that may soon be over."""


@dataclass(frozen=True)
class ApiProfile:
    """How one kind of server is talked to."""

    kind: str
    """What should answer, as messages say: ``a key server``, ``GitHub``."""
    repeatable: Collection[str]
    """Methods that may be sent again when it is unknown whether they arrived."""
    temporary: Collection[int] = TEMPORARY
    """Statuses after which these methods are sent again."""
    tries: int = 7
    """How often a request is sent at most, within the time limit."""
    headers: Mapping[str, str] = field(default_factory=dict)
    json_only: bool = True
    """Whether an answer must be JSON; if not, answers may be empty, and refusals prose."""
    verbatim: bool = False
    """Whether successful answers are not redacted, because the caller writes parts of them back.
    Do not show their texts. All other answers are redacted."""
    text_type: str = ""
    """A Content-Type whose successful answers are text: the document is a string then."""
    longest_answer: int = MAX_BODY_BYTES
    """In bytes."""
    pause: Callable[[Answer], float | None] = lambda _answer: None
    """How many seconds an answer asks to wait before the same call again; None: it is final."""
    also_trusted: Sequence[Path] = ()
    """PEM files of authorities that are trusted besides the usual ones."""
