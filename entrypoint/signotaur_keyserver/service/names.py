"""What a name of a user or a key may be. Pure."""

NAME_MAX_LENGTH = 100
NAME_RULE = f"A name has 1 to {NAME_MAX_LENGTH} printable characters."


def is_name(text: str) -> bool:
    """Return whether a text may be the name of a user or a key."""
    return 0 < len(text) <= NAME_MAX_LENGTH and text.isprintable()
