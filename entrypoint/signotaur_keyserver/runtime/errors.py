"""Why a server does not run; without the server's libraries, so that every command may know it."""


class ServerError(Exception):
    """The server cannot listen, could not start, or lost one of its processes."""
