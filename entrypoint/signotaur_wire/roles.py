"""Roles of a key's owner."""

ROTATOR = "ApiKeyRotator"
ROTATOR_ALIAS = "ApiKeyRotation"
"""The name on the rotate-key page; other pages say ApiKeyRotator and mean the same role."""
AUDITOR = "Auditor"
"""Reads every page of the server, and changes nothing."""


def canonical(role: str) -> str:
    """Return the role's one name; unknown roles come back unchanged."""
    return ROTATOR if role == ROTATOR_ALIAS else role
