"""Verify one file: its digest, each signature in it, their certificates and timestamps."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from signotaur_action.errors import os_reason
from signotaur_action.ports import Clock, FileFormats
from signotaur_action.signing import der
from signotaur_action.signing.cat_files import is_catalog
from signotaur_action.signing.certificate import SigningCertificate
from signotaur_action.signing.cms import Unsigned
from signotaur_action.signing.countersignatures import verified_countersignature
from signotaur_action.signing.file_check import FileCheck
from signotaur_action.signing.indirect_data import IndirectData
from signotaur_action.signing.outcomes import FileResult, FileStatus, FormatError
from signotaur_action.signing.revocation import RevocationSource, require_not_revoked
from signotaur_action.signing.revocation_status import CLOCKS_DIFFER
from signotaur_action.signing.signed_message import CATALOG, SignedMessage, signer_of, verified
from signotaur_action.signing.timestamps import Timestamp, verified_timestamp
from signotaur_action.signing.trust import Trust, Usage, ends_with_certificate, owner_of
from signotaur_wire.members import format_time
from signotaur_wire.signing import DigestAlgorithm

NOT_SIGNED = "it is not signed"
_MOST_TIMESTAMPS = 16
"""Of a signature: anybody can add timestamps to it, and each costs time."""

Signatures = Sequence[tuple[SigningCertificate, SignedMessage]]
"""The certificate and the message of each signature in a file."""


@dataclass(frozen=True)
class FileVerifier:
    """Verifies files, one per call; threads may share it."""

    trust: Trust
    formats: FileFormats
    check: FileCheck
    clock: Clock
    strict_lifetime: bool = False
    """Accept no signature whose certificate has ended, even with a timestamp."""
    revocation: RevocationSource | None = None
    """Where to look for revoked certificates; None: nowhere."""

    def verify(self, path: Path) -> FileResult:
        """Verify a file, which stays as it is. ``FAILED`` means: do not trust it."""
        try:
            with tempfile.TemporaryDirectory(prefix="signotaur-") as folder:
                signers = self._verify(path.resolve(), Path(folder))
        except (FormatError, der.DerError) as fault:
            return FileResult(path, FileStatus.FAILED, str(fault))
        except OSError as error:
            return FileResult(path, FileStatus.FAILED, os_reason(error))
        return FileResult(path, FileStatus.VERIFIED, "; ".join(signers))

    def _verify(self, file: Path, folder: Path) -> list[str]:
        message = (
            b"" if self.check.is_signed(file) is False else self.formats.signature(file, folder)
        )
        if not message:
            raise FormatError(NOT_SIGNED)
        found = signatures(self.formats, file, message, folder)
        return [self._trusted(certificate, signed) for certificate, signed in found]

    def _trusted(self, certificate: SigningCertificate, signed: SignedMessage) -> str:
        """Return who signed, and when. Raises FormatError if that is not to be trusted."""
        timestamped_at = self._timestamped_at(signed)
        is_strict = self.strict_lifetime or ends_with_certificate(certificate.encoded)
        moment = self.clock.now() if timestamped_at is None or is_strict else timestamped_at
        chain = self.trust.require(certificate.encoded, signed.certificates, moment, Usage.CODE)
        if self.revocation:
            proven = None if is_strict else timestamped_at
            lists = signed.revocation_lists
            require_not_revoked(self.revocation, chain, lists, proven, Usage.CODE)
        when = (
            "no timestamp" if timestamped_at is None else f"timestamp {format_time(timestamped_at)}"
        )
        return f"{owner_of(chain[0])}, {when}"

    def _timestamped_at(self, signed: SignedMessage) -> datetime | None:
        """Return the time of the earliest timestamp; every one must be right."""
        if len(signed.timestamps) + len(signed.countersignatures) > _MOST_TIMESTAMPS:
            raise FormatError(f"it has more than {_MOST_TIMESTAMPS} timestamps")
        try:
            found = [verified_timestamp(each, signed.signature) for each in signed.timestamps]
            found += [verified_countersignature(each, signed) for each in signed.countersignatures]
            return min((self._moment(each, signed) for each in found), default=None)
        except (FormatError, der.DerError) as fault:
            raise FormatError(f"its timestamp is not valid: {fault}") from None

    def _moment(self, timestamp: Timestamp, signed: SignedMessage) -> datetime:
        if timestamp.moment > self.clock.now() + CLOCKS_DIFFER:
            raise FormatError(f"it is dated {format_time(timestamp.moment)}, in the future")
        moment, certificates = timestamp.moment, timestamp.certificates
        chain = self.trust.require(
            timestamp.authority.encoded, certificates, moment, Usage.TIMESTAMPS
        )
        if self.revocation:
            lists = (*timestamp.revocation_lists, *signed.revocation_lists)
            require_not_revoked(self.revocation, chain, lists, moment, Usage.TIMESTAMPS)
        return moment


def signatures(formats: FileFormats, file: Path, message: bytes, folder: Path) -> Signatures:
    """Return every signature of a file. Raises FormatError if one is not right, or of another file.

    Whether to trust the certificates is another question.
    """
    if is_catalog(file):
        if der.first(message)[1]:
            raise FormatError("it has data after its signature that no signature covers")
        catalog = SignedMessage.read(message, CATALOG)
        return [(signer_of(catalog, CATALOG), catalog)]

    @cache
    def content(algorithm: DigestAlgorithm) -> IndirectData:
        unsigned = formats.content(file, algorithm, folder)
        return IndirectData.read(Unsigned.read(unsigned, algorithm).content_info)

    found = verified(message, lambda algorithm: content(algorithm).digest)
    for _, signed in found:
        data = IndirectData.read(signed.content_info)
        if data.algorithm and _kind(data) != _kind(content(data.algorithm)):
            raise FormatError("its signature was made for a file of another format")
    return found


def _kind(data: IndirectData) -> bytes:
    """Return the object identifier of the kind of file; what follows differs between signers."""
    return der.first(der.contents(data.kind))[0]
