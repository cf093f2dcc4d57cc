"""Lists of rights as Windows writes them, in SDDL. Texts in, texts out."""

import re

_ENTRY = re.compile(r"\([^()]*\)")
_THE_SYSTEM_ITSELF = "(A;;FA;;;SY)"


def owner_only(user: str) -> str:
    """Return that a file is this user's, by SID, and nobody else may use it, nor inherits it."""
    return f"O:{user}D:P(A;;FA;;;{user})"


def are_kept(found: str, wanted: str) -> bool:
    """Return whether a file has the rights that were wanted, and no more.

    What the system itself may do is no more: it reads every file.
    """
    listed, demanded = _entries(found), _entries(wanted)
    return bool(demanded) and demanded <= listed <= demanded | {_THE_SYSTEM_ITSELF}


def _entries(rights: str) -> frozenset[str]:
    _, _, listed = rights.rpartition("D:")
    return frozenset(_ENTRY.findall(listed))
