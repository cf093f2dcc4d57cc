"""What a command can end with beside success."""


class CommandError(Exception):
    """The command cannot do this as it was called (exit 10); the message says how it could."""
