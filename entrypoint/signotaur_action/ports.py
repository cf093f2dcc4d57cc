"""What the use cases need from the outside world, as protocols.

A key service need not speak HTTP, and need not let the client make the key.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable
from uuid import UUID

from signotaur_action.model import (
    CertificateSelector,
    Delivery,
    DigestToSign,
    JournalEntry,
    KeyInfo,
    OpenRotation,
    Rotation,
    RotationIntent,
    Secret,
)
from signotaur_wire.messages import DestinationOutcome
from signotaur_wire.signing import DigestAlgorithm


class Clock(Protocol):
    """Time and sleep. Tests pass a clock whose sleep takes no time."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; they never decrease."""

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""


class KeyDescriptions(Protocol):
    """A server that describes keys. Raises as a KeyService does."""

    def describe(self, key: Secret) -> KeyInfo:
        """Return what the server knows of this key."""


class KeyService(Protocol):
    """A server that keeps keys. Every call is safe to repeat.

    All methods raise ServerError when no valid answer came within the deadline, and
    UnauthorizedError when the key they authenticate with is refused.
    """

    @property
    def address(self) -> str:
        """The server's address, as shown and as remembered in the journal."""

    @property
    def arms_at_once(self) -> bool:
        """Whether ``open_rotation`` already schedules the old key's end."""

    def describe(self, key: Secret) -> KeyInfo | None:
        """Return what the service knows about this key; None if it cannot describe keys."""

    def new_key(self) -> Secret | None:
        """Make the candidate, or return None when the server makes it in ``open_rotation``."""

    def open_rotation(self, key: Secret, intent: RotationIntent) -> OpenRotation | None:
        """Open the rotation, or repeat it and renew its lease.

        ``key`` is the old key, or the candidate when an interrupted rotation is continued. Returns
        None if the service itself found that the key is not due.
        Raises BusyError, AlreadyRotatedError, InvalidOverlapError; each means that nothing was
        opened.
        """

    def rotation(self, key: Secret, rotation_id: UUID) -> Rotation | None:
        """Return a rotation to its old or new key; None if it was never opened."""

    def confirm(
        self, key: Secret, rotation_id: UUID, destinations: Sequence[DestinationOutcome] = ()
    ) -> Rotation:
        """Arm the old key's revocation; ``key`` is the NEW key, delivered everywhere.

        ``destinations``: what the service may keep of the delivery.
        """


class Journal(Protocol):
    """What survives a killed run. Every change is durable on return; each may raise OSError."""

    @property
    def path(self) -> Path:
        """Where it is, for messages."""

    @property
    def entry(self) -> JournalEntry | None:
        """The rotation in it, or None."""

    def begin(self, entry: JournalEntry) -> None:
        """Remember a rotation before the key service is asked for it.

        Raises DestinationRefusedError, and forgets the entry, when it cannot be written.
        """

    def record_key(self, key: Secret) -> None:
        """Remember the new key that the service made."""

    def record_delivered(self, sink: str) -> None:
        """Remember that a destination has the new key."""

    def clear(self) -> None:
        """Forget the rotation: it is finished, or was never opened."""


class SigningService(Protocol):
    """A server that signs with private keys it never gives away. Every call is safe to repeat.

    Several threads may call at once. All methods raise ServerError and UnauthorizedError as a
    KeyService does, and SigningRefusedError if the server refuses to sign with this certificate.
    """

    @property
    def address(self) -> str:
        """The server's address, as shown."""

    def certificate(self, key: Secret, selector: CertificateSelector) -> bytes:
        """Return the certificate that a selector names, DER."""

    def sign(self, key: Secret, request: DigestToSign) -> bytes:
        """Return the raw signature of a digest: PKCS #1 v1.5, or ECDSA as DER."""


class TimestampServer(Protocol):
    """A server that proves by RFC 3161 when it saw a digest."""

    @property
    def address(self) -> str:
        """The server's address, as shown."""

    def ask(self, request: bytes) -> bytes:
        """Return the answer to a request, both DER. Raises ServerError."""


class RevocationAuthorities(Protocol):
    """What those who issue certificates publish about them, at addresses in the certificates.

    Both methods raise ServerError. Answers are anybody's until their signature is verified.
    """

    def ask(self, url: str, request: bytes) -> bytes:
        """Return the answer of an OCSP responder to a request, both DER."""

    def revocation_list(self, url: str) -> bytes:
        """Return a revocation list, DER."""


class FileFormats(Protocol):
    """Reads and writes signatures in files; messages are PKCS #7, DER.

    The folders belong to the caller, for temporary files. All methods raise FormatError.
    """

    def content(self, file: Path, algorithm: DigestAlgorithm, folder: Path) -> bytes:
        """Return a message with the file's digest and no signer."""

    def signature(self, file: Path, folder: Path) -> bytes:
        """Return the message that signs a file; empty when none does."""

    def attach(
        self, file: Path, message: bytes, out: Path, *, certificate: bytes, nested: bool
    ) -> None:
        """Write a copy of a file that this message signs; ``certificate`` is its signer's, PEM.

        ``nested``: beside the signature that the file has, instead of replacing it.
        """


class Sink(Protocol):
    """One destination of the new key. A class, one file, registered in ``sinks``."""

    @property
    def name(self) -> str:
        """How messages and the journal call this destination."""

    @property
    def durable(self) -> bool:
        """Whether the key is still there when the job has ended."""

    def check(self) -> Sequence[str]:
        """Prove, without changing anything, that ``deliver`` will work.

        Returns warnings for a person, mostly none. Raises DestinationRefusedError.
        """

    def deliver(self, delivery: Delivery) -> None:
        """Write the key: wholly or not at all. Raises DeliveryError."""

    def read_back(self) -> Secret | None:
        """Return the key that the destination has now; None if that cannot be read."""


@runtime_checkable
class TokenHolder(Protocol):
    """A sink whose store tells when the token for it ends."""

    @property
    def name(self) -> str:
        """See ``Sink``."""

    def token_concerns(self) -> Sequence[str]:
        """Return a warning if the token ends soon or is refused; changes nothing.

        Empty too where no token is stored. Raises DestinationRefusedError when the store does not
        tell.
        """


class ProgressLog(Protocol):
    """Receives the progress of the use cases. It never gets a key, except to mask it."""

    def mask(self, key: Secret) -> None:
        """Make the CI system hide this key and its encodings, before anything can show it."""

    def note(self, text: str) -> None:
        """Say one line of progress."""

    def warn(self, text: str) -> None:
        """Say something that a person should look at."""


class ProgressDisplay(ProgressLog, Protocol):
    """A ProgressLog for long work, which also shows how far it has come."""

    @property
    def is_live(self) -> bool:
        """Whether a person watches, who prefers one changing line to many."""

    def progress(self, text: str) -> None:
        """Say how far the work has come, in place of what was said of it before."""
