"""Lists of rights as Windows writes them, in SDDL. Texts in, texts out."""

import re

_ENTRY = re.compile(r"\([^()]*\)")
_THE_SYSTEM_ITSELF = "(A;;FA;;;SY)"


def owner_only(user: str) -> str:
    """Return the rights that give a file to this user alone, by SID, without inheritance."""
    return f"O:{user}D:P(A;;FA;;;{user})"


def are_kept(found: str, wanted: str) -> bool:
    """Return whether a file has the rights that were wanted, and no more.

    The system itself may also have rights: it can read every file anyway.
    """
    listed, demanded = _entries(found), _entries(wanted)
    return bool(demanded) and demanded <= listed <= demanded | {_THE_SYSTEM_ITSELF}


def _entries(rights: str) -> frozenset[str]:
    _, _, listed = rights.rpartition("D:")
    return frozenset(_ENTRY.findall(listed))
