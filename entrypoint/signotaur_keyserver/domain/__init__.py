"""The rules of keys and rotations, without HTTP or SQL statements."""
