"""What every part of the server needs to report an error."""


def os_reason(error: Exception) -> str:
    """Return why a call of the operating system or of a library failed, for people.

    Without a text of the operating system it is the type: never "None", and never the exception's
    own text, which could repeat a secret.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
