"""The new key in the output of the tool, found by markers of its own for each rotation.

The output may also contain a banner, log lines, colours, a byte order mark, other line ends, or
be UTF-16. The variables of the template are those of the documented command.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.files.keytext import KeyTextError, parse_key
from signotaur_action.model import Secret

_FIELDS = ("secret", "keyId", "expiry", "overlapEnd", "name")
_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
"""Colours and titles (ECMA-48, 5.4; xterm's OSC)."""
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_KEY_ID = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Answer:
    """What the tool returned. Times are aware UTC; None where the tool gave no valid one."""

    key: Secret
    key_id: int | None
    expires_at: datetime | None
    overlap_end: datetime | None
    name: str
    """Made harmless for terminals and CI systems."""


def template(marker: str) -> str:
    """Return the template to ask the tool for; ``marker`` is letters and digits."""
    fields = (f"[{marker}:{number}]{{{{{field}}}}}" for number, field in enumerate(_FIELDS))
    return "".join(fields) + f"[{marker}:end]"


def find_answer(output: bytes, marker: str) -> Answer | None:
    """Return the last answer between the markers; None if there is none with a valid key.

    A tool that prints its own command line prints the template too: that has no valid key.
    """
    pattern = re.compile(
        "".join(rf"\[{marker}:{number}\](.*?)" for number in range(len(_FIELDS)))
        + rf"\[{marker}:end\]",
        re.DOTALL,
    )
    for text in _texts(output):
        for match in reversed(list(pattern.finditer(text))):
            try:
                return _answer(*match.groups())
            except KeyTextError:
                continue
    return None


def _answer(secret: str, key_id: str, expiry: str, overlap_end: str, name: str) -> Answer:
    return Answer(
        # No key contains white space: what is there is a line break of a console.
        key=parse_key("".join(secret.split())),
        key_id=int(key_id.strip()) if _KEY_ID.fullmatch(key_id.strip()) else None,
        expires_at=_moment(expiry),
        overlap_end=_moment(overlap_end),
        name=escape_untrusted(" ".join(name.split())),
    )


def _texts(output: bytes) -> list[str]:
    """Return the ways to read the output: as UTF-16 if it says so, else as UTF-8.

    Parts of it may be UTF-16 without saying so: without NUL bytes these are ASCII.
    """
    texts = [output.replace(b"\0", b"").decode(errors="replace")]
    if output.startswith(_BYTE_ORDER_MARKS):
        texts.insert(0, output.decode("utf-16", errors="replace"))
    return [_CONTROL_SEQUENCE.sub("", text) for text in texts]


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
