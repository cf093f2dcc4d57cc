"""A key that no server made, with the checksum that real ones have."""

from signotaur_wire import keyformat

BODY = "sig_0123456789ABCDE_" + "Qk7" * 14 + "z"
KEY = BODY + keyformat.checksum(BODY)
