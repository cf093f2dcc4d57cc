"""Sign one file: digest, the server's signature, signed copy, verification, replacement."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from signotaur_action.errors import SignotaurError
from signotaur_action.model import DigestToSign
from signotaur_action.ports import Clock, FileFormats
from signotaur_action.signing import replacement
from signotaur_action.signing.cat_files import is_catalog
from signotaur_action.signing.certificate import SigningCertificate
from signotaur_action.signing.cms import Attributes, Unsigned
from signotaur_action.signing.copy_and_replace import change_by_copy
from signotaur_action.signing.file_check import FileCheck
from signotaur_action.signing.indirect_data import IndirectData
from signotaur_action.signing.outcomes import FileResult, FileStatus, FormatError
from signotaur_action.signing.plan import OnSigned, SigningPlan
from signotaur_action.signing.signed_message import verified
from signotaur_action.signing.timestamp_client import TimestampClient

ALREADY_SIGNED = "it is already signed; use --append or --replace to sign it again"


@dataclass(frozen=True)
class FileSigner:
    """Signs files, one per call; threads may share it."""

    plan: SigningPlan
    certificate: SigningCertificate
    formats: FileFormats
    check: FileCheck
    timestamp_client: TimestampClient
    sign_digest: Callable[[DigestToSign], bytes]
    clock: Clock

    def sign(self, path: Path) -> FileResult:
        """Sign a file, or leave it unchanged. Raises SignotaurError if no file can be signed."""
        return change_by_copy(path, lambda file, folder: self._sign(path, file, folder))

    def _sign(self, path: Path, file: Path, folder: Path) -> FileResult:
        is_signed = self.check.is_signed(file)
        if is_signed is None:
            is_signed = bool(self.formats.signature(file, folder))
        if is_signed and self.plan.on_signed is OnSigned.SKIP:
            return FileResult(path, FileStatus.SKIPPED, ALREADY_SIGNED)
        unsigned = self._content(file, folder)
        attributes = unsigned.attributes(self.clock.now(), self.plan.description)
        signature = self._signature(attributes, file)
        message = attributes.signed(
            signature,
            self.certificate,
            more_certificates=self.plan.more_certificates,
            timestamp=self.timestamp_client.timestamp(signature),
        )
        copy = folder / file.name
        nested = is_signed and self.plan.on_signed is OnSigned.APPEND
        self.formats.attach(file, message, copy, certificate=self.certificate.pem, nested=nested)
        self._verify(copy, unsigned, message, folder)
        replacement.publish(copy, file)
        return FileResult(path, FileStatus.SIGNED)

    def _content(self, file: Path, folder: Path) -> Unsigned:
        message = self.formats.content(file, self.plan.algorithm, folder)
        return Unsigned.read(message, self.plan.algorithm)

    def _signature(self, attributes: Attributes, file: Path) -> bytes:
        algorithm = self.plan.algorithm
        signature = self.sign_digest(
            DigestToSign(
                attributes.digest,
                algorithm,
                self.certificate.thumbprint,
                file_name=file.name,
                file_size=file.stat().st_size,
            )
        )
        if not self.certificate.verifies(signature, attributes.digest, algorithm):
            raise SignotaurError(
                "The server's signature was not made with the certificate's private key.",
                next_step="Report this to the administrator of the server; nothing was written.",
            )
        return signature

    def _verify(self, copy: Path, unsigned: Unsigned, message: bytes, folder: Path) -> None:
        """Verify that the finished copy carries the message, and has the content that it signs."""
        if message not in self.formats.signature(copy, folder):
            raise FormatError("the signed copy does not contain its signature")
        copied = self._content(copy, folder)
        if copied != unsigned:
            raise FormatError("the digest of the signed copy is not the one that was signed")
        if not is_catalog(copy):
            digest = IndirectData.read(copied.content_info).digest
            [(signer, _)] = verified(message, lambda _: digest)
            if signer.encoded != self.certificate.encoded:
                raise FormatError("the signed copy names another certificate")
