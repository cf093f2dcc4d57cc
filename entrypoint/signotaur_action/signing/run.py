"""The use case: check the files and the key, fetch the certificate, sign files in parallel."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from signotaur_action.errors import (
    CertificateExpiredError,
    KeyExpiringError,
    SigningRefusedError,
    SignotaurError,
)
from signotaur_action.model import Secret
from signotaur_action.policy.expiry import Level, Limits, verdict
from signotaur_action.ports import (
    Clock,
    FileFormats,
    KeyDescriptions,
    ProgressDisplay,
    SigningService,
)
from signotaur_action.signing.certificate import CertificateError, SigningCertificate
from signotaur_action.signing.file_check import FileCheck
from signotaur_action.signing.file_signer import FileSigner
from signotaur_action.signing.outcomes import Outcome
from signotaur_action.signing.parallel import ParallelWork
from signotaur_action.signing.plan import SigningPlan
from signotaur_action.signing.timestamp_client import TimestampClient
from signotaur_wire.members import format_time


class SigningRun:
    """One run of ``sign``. Files that it does not sign are left unchanged."""

    def __init__(
        self,
        plan: SigningPlan,
        keys: KeyDescriptions,
        service: SigningService,
        formats: FileFormats,
        check: FileCheck,
        timestamp_client: TimestampClient,
        display: ProgressDisplay,
        clock: Clock,
    ) -> None:
        self._plan = plan
        self._keys = keys
        self._service = service
        self._formats = formats
        self._check = check
        self._timestamp_client = timestamp_client
        self._display = display
        self._clock = clock
        self._parallel: ParallelWork | None = None

    def sign(self, key: Secret, files: Sequence[Path]) -> Outcome:
        """Sign the files. Raises KeyExpiringError, SigningRefusedError and others if none can be.

        Raises UsageError, before the key is used, for files that must not be signed. What fails
        with single files later is in the outcome; see ``cause``.
        """
        began = self._clock.monotonic()
        self._check.require_signable(files)
        self._guard(key)
        certificate = self._certificate(key)
        signer = FileSigner(
            self._plan,
            certificate,
            self._formats,
            self._check,
            self._timestamp_client,
            lambda request: self._service.sign(key, request),
            self._clock,
        )
        self._parallel = ParallelWork(signer.sign, self._plan.parallelism, self._display)
        results = self._parallel.run(files)
        took = timedelta(seconds=self._clock.monotonic() - began)
        return Outcome(results, took, certificate.thumbprint)

    @property
    def cause(self) -> SignotaurError | None:
        """What ended the run before all files were tried, such as a server that died."""
        return None if self._parallel is None else self._parallel.cause

    def _guard(self, key: Secret) -> None:
        if self._plan.window is None:
            return
        found = verdict(self._keys.describe(key), Limits(fail_within=self._plan.window))
        if found.level is Level.FAILURE:
            raise KeyExpiringError(" ".join(found.findings), next_step=found.next_step)
        if found.level is Level.WARNING:
            self._display.warn(" ".join([*found.findings, found.next_step]))

    def _certificate(self, key: Secret) -> SigningCertificate:
        encoded = self._service.certificate(key, self._plan.selector)
        try:
            certificate = SigningCertificate.read(encoded)
        except CertificateError as error:
            raise SigningRefusedError(
                f"{self._service.address} returned a certificate that cannot be used: {error}.",
                next_step="Select another certificate, or ask the administrator of the server.",
            ) from None
        if certificate.ends_at <= self._clock.now():
            raise CertificateExpiredError(
                f"The certificate {certificate.subject} expired on "
                f"{format_time(certificate.ends_at)}."
            )
        return certificate
