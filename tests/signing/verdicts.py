"""Signed files, and what ``verify`` says of them at another time."""

import os
from datetime import timedelta
from pathlib import Path

from signing.authority import Authority, served
from signing.local import LocalSigner
from signotaur_action.key_server.signing import HttpTimestampServer
from signotaur_action.signing.file_check import FileCheck
from signotaur_action.signing.formats import SupportedFormats
from signotaur_action.signing.outcomes import FileResult, FileStatus
from signotaur_action.signing.plan import OnSigned
from signotaur_action.signing.revocation import EmbeddedLists
from signotaur_action.signing.trust import Trust
from signotaur_action.signing.verification import FileVerifier
from support.clock import VirtualClock

TWO_MONTHS = timedelta(days=60).total_seconds()
MUTANTS = 130 * int(os.environ.get("SIGNOTAUR_FAULT_FACTOR", "1"))


def signed_with_timestamp(file: Path, signer: LocalSigner, authority: Authority) -> Path:
    with served(authority.answer) as (url, _):
        server = HttpTimestampServer(url, VirtualClock())
        assert signer.sign(file, servers=(server,)).status is FileStatus.SIGNED
    return file


def verdict(
    file: Path,
    *roots: LocalSigner,
    after: float = TWO_MONTHS,
    strict: bool = False,
    ignore: bool = False,
    offline: bool = False,
) -> FileResult:
    clock = VirtualClock()
    clock.sleep(after)
    return FileVerifier(
        Trust.of([each.encoded for each in roots], accepts_any_root=ignore),
        SupportedFormats(None),
        FileCheck(OnSigned.REPLACE, "", reads_signatures=False),
        clock,
        strict_lifetime=strict,
        revocation=EmbeddedLists(clock) if offline else None,
    ).verify(file)
