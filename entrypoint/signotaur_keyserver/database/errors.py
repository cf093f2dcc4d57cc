"""What can be wrong with a database, in texts that contain no URL and no password."""


class DatabaseUnavailableError(Exception):
    """The database cannot be reached, or is busy. Nothing was changed."""


class UnsupportedDatabaseError(Exception):
    """This version cannot use the database."""
