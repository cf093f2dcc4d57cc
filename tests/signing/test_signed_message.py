"""The reader of signatures, with messages that somebody else made."""

import os
from contextlib import suppress
from pathlib import Path
from random import Random

from signing import samples
from signing.local import LocalSigner
from signotaur_action.signing.der import DerError
from signotaur_action.signing.outcomes import FileStatus, FormatError
from signotaur_action.signing.pe_files import PeFiles
from signotaur_action.signing.plan import OnSigned
from signotaur_action.signing.signed_message import verified, with_nested
from signotaur_wire.signing import DigestAlgorithm

MUTANTS = 2000 * int(os.environ.get("SIGNOTAUR_FAULT_FACTOR", "1"))
BYTES = (0, 1, 2, 4, 5, 6, 0x17, 0x30, 0x31, 0x7F, 0x80, 0x81, 0x84, 0xA0, 0xA1, 0xFF)


def test_a_damaged_message_is_refused_by_a_documented_error(tmp_path: Path) -> None:
    """Nothing but the two documented errors, whatever the message holds."""
    first, second = LocalSigner(name="first"), LocalSigner(name="second")
    file = samples.tiny_pe(tmp_path / "a.exe")
    assert first.sign(file).status is FileStatus.SIGNED
    digest = PeFiles().content(file, DigestAlgorithm.SHA256, tmp_path)[-34:-2]
    assert second.sign(file, OnSigned.APPEND).status is FileStatus.SIGNED
    message = PeFiles().signature(file, tmp_path)
    assert len(verified(message, lambda _: digest)) == 2

    random = Random(20261126)  # noqa: S311 - repeatable
    accepted = 0
    for _ in range(MUTANTS):
        damaged = bytearray(message)
        for _ in range(random.choice([1, 1, 2, 4])):
            damaged[random.randrange(len(damaged))] = random.choice(BYTES)
        for read in (lambda m: verified(m, lambda _: digest), lambda m: with_nested(m, message)):
            with suppress(FormatError, DerError):
                read(bytes(damaged))
                accepted += 1
    assert accepted  # such as those in which a certificate's own signature is damaged
