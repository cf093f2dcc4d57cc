"""Exit codes and the errors that carry them: what failed, the state of the keys, what to do next.

Every error that ends a command derives from ``SignotaurError``. Lower layers raise errors of their
own (``HttpError``, ``SinkError``, ``FormatError``, …); their callers turn them into one. Messages
never contain a key. Codes 0 to 3 are those of the documented command; ours begin at 10, so nothing
collides.
"""

import traceback
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path

from signotaur_wire.keyformat import without_keys
from signotaur_wire.members import format_time


class ExitCode(IntEnum):
    """What an exit code means."""

    DONE = 0
    FAILURE = 1
    UNAUTHORIZED = 2
    INVALID_OVERLAP = 3
    USAGE = 10
    DESTINATION_REFUSED = 11
    NOT_DELIVERED = 12
    EXPIRING = 13
    BUSY = 14
    ALREADY_ROTATED = 15
    INTERRUPTED = 130
    TERMINATED = 143


NOTHING_SENT = "Nothing was sent to the server; the key in use is unchanged."
OLD_KEY_UNTOUCHED = "The old key is untouched and still works."
BOTH_KEYS_VALID = (
    "The old and the new key both work, and the old key's revocation is not armed. "
    "The new key is in the journal until this rotation is finished."
)
ENDING_SCHEDULED = (
    "The new key works, and the old key works until its overlap ends: the server has scheduled "
    "that already. The new key is kept on this machine until this rotation is finished."
)
NEW_KEY_EVERYWHERE = (
    "Every destination has the new key, and the new key works. It is not known whether the old "
    "key's revocation is armed. The new key is in the journal until this rotation is finished."
)
NOTHING_SIGNED = "The key in use is unchanged. Nothing was signed, and no file was changed."
SAME_COMMAND = "Run the same command again."
CHECK_SERVER = (
    "Check --sign-server. If it is right, report this to the administrator of the server."
)


class SignotaurError(Exception):
    """Base of all expected errors: ``what`` failed, the ``keys``' state, the ``next`` step."""

    code = ExitCode.FAILURE
    keys = OLD_KEY_UNTOUCHED
    next = SAME_COMMAND

    def __init__(
        self,
        what: str,
        *,
        keys: str | None = None,
        next_step: str | None = None,
        code: ExitCode | None = None,
        results: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """``results``: each destination and what became of it, if a delivery was begun."""
        # The cause may be a key that was given in place of a path, a name or a command.
        what = without_keys(what)
        super().__init__(what)
        self.what = what
        if keys is not None:
            self.keys = keys
        if next_step is not None:
            self.next = without_keys(next_step)
        if code is not None:
            self.code = code
        self.results = results

    def with_keys(self, keys: str) -> "SignotaurError":
        """Return an error that says the same, except for the state of the keys."""
        return SignotaurError(
            self.what, keys=keys, next_step=self.next, code=self.code, results=self.results
        )


class ServerError(SignotaurError):
    """The server cannot be reached, cannot be trusted, or gave no answer of the protocol."""


class UnauthorizedError(SignotaurError):
    """The server refuses the key or its owner."""

    code = ExitCode.UNAUTHORIZED


class SuspendedError(UnauthorizedError):
    """The server refuses the key for now, and may accept it again: an administrator decides."""


class SigningRefusedError(SignotaurError):
    """The server will not sign with this certificate, for this key."""

    keys = NOTHING_SIGNED


class CertificateExpiredError(SigningRefusedError):
    """The certificate to sign with has expired."""

    code = ExitCode.EXPIRING
    next = "Add the renewed certificate to the server, or select another one."


class KeyExpiringError(SignotaurError):
    """The key ends within the limit that was given."""

    code = ExitCode.EXPIRING
    keys = NOTHING_SIGNED


class FilesFailedError(SignotaurError):
    """Some files could not be signed; the others are."""


class InvalidOverlapError(SignotaurError):
    """The overlap is outside 0 to 30 days."""

    code = ExitCode.INVALID_OVERLAP
    next = "Give --overlap-days a whole number from 0 to 30."


class UsageError(SignotaurError):
    """The command or its configuration is wrong; lists every problem that was found."""

    code = ExitCode.USAGE
    keys = NOTHING_SENT
    next = "Correct the command; --help lists every option."

    def __init__(self, faults: Sequence[str], *, next_step: str | None = None) -> None:
        super().__init__(listed(faults), next_step=next_step)
        self.faults = tuple(faults)


class DestinationRefusedError(SignotaurError):
    """A destination, or the place for the journal, cannot be used; found before the rotation."""

    code = ExitCode.DESTINATION_REFUSED
    keys = NOTHING_SENT
    next = "Fix the destination or choose another one, then run the command again."


class DeliveryError(SignotaurError):
    """One destination could not be written. The use case gathers these into ``UnfinishedError``."""

    code = ExitCode.NOT_DELIVERED
    keys = BOTH_KEYS_VALID


class UnfinishedError(SignotaurError):
    """The key was rotated, but not delivered everywhere or not confirmed."""

    code = ExitCode.NOT_DELIVERED
    keys = BOTH_KEYS_VALID
    next = "Run the same command again: it finishes this rotation with the same new key."


class BusyError(SignotaurError):
    """Another run is rotating this key now."""

    code = ExitCode.BUSY
    keys = "This run changed nothing; the key in use still works."

    def __init__(self, what: str, *, retry_after: timedelta | None = None) -> None:
        when = "when it has ended" if retry_after is None else f"in {_seconds(retry_after)}"
        super().__init__(what, next_step=f"Run the same command again {when}.")
        self.retry_after = retry_after


class SupersededError(SignotaurError):
    """The server no longer takes this rotation: it was aborted or replaced by another one."""


class AlreadyRotatedError(SignotaurError):
    """The key already has a confirmed successor.

    ``in_use_since``: when the successor was first used, if the server says so. Then it is not
    lost, and the server refuses ``--again``.
    """

    code = ExitCode.ALREADY_ROTATED
    keys = "This run changed nothing; the key in use works until its overlap ends."
    next = (
        "Use the successor where this key is used. If the successor was lost, "
        "run the command again with --again."
    )

    def __init__(
        self, successor_key_id: int | None, *, in_use_since: datetime | None = None
    ) -> None:
        what = ["This key was already rotated and confirmed."]
        if successor_key_id is not None:
            what.append(f"Its successor is key {successor_key_id}.")
        keys = next_step = None
        if in_use_since is not None:
            what.append(
                f"The successor has been in use since {format_time(in_use_since)}: "
                "it is not lost, and --again cannot replace it."
            )
            keys = "This run changed nothing; the key that you gave works until its overlap ends."
            next_step = (
                "Use the successor where this key is used. If you cannot, or do not know who uses "
                "it, ask an administrator to revoke it (signotaur-keyserver key revoke "
                f"{successor_key_id or 'ID'}), and run the command with --again."
            )
        super().__init__(" ".join(what), keys=keys, next_step=next_step)
        self.successor_key_id = successor_key_id
        self.in_use_since = in_use_since


class OsslsigncodeMissingError(SignotaurError):
    """Osslsigncode is not there, or too old."""

    keys = "Nothing was sent to the server, and no file was changed."
    next = (
        "Install osslsigncode: 2.13 or newer for files that already have a signature (verify, "
        "timestamp, --append, --replace), at least 2.8 otherwise. Debian 13, Debian 12 from "
        "bookworm-backports, and Ubuntu 24.10 or newer have at least 2.8 (apt-get install "
        "osslsigncode). For newer versions see https://github.com/mtrojnar/osslsigncode."
    )


class RunInterruptedError(SignotaurError):
    """SIGINT or SIGTERM ended the run."""

    def __init__(self, code: ExitCode, *, open_keys: str | None = None) -> None:
        """``open_keys``: the state of the keys if a rotation is open."""
        how = "interrupted (SIGINT)" if code is ExitCode.INTERRUPTED else "terminated (SIGTERM)"
        next_step = None if open_keys is None else UnfinishedError.next
        super().__init__(f"The run was {how}.", keys=open_keys, next_step=next_step, code=code)


class StopSignal(BaseException):
    """Raised by the signal handlers, so it can appear anywhere.

    Not an ``Exception``, so that no library takes it for an error of its own and goes on.
    """

    def __init__(self, code: ExitCode, *, open_keys: str | None = None) -> None:
        """``open_keys``: the state of the keys if a rotation is open."""
        super().__init__(code)
        self.code = code
        self.open_keys = open_keys

    def as_error(self) -> RunInterruptedError:
        """Return the error to report."""
        return RunInterruptedError(self.code, open_keys=self.open_keys)


def os_reason(error: OSError) -> str:
    """Return why a call of the operating system failed, for the middle of a sentence."""
    return (error.strerror or type(error).__name__).lower()


def internal_error(bug: BaseException) -> str:
    """Describe an unexpected exception by its type and place; its text could contain a secret."""
    frames = traceback.extract_tb(bug.__traceback__)
    place = frames[-1] if frames else None
    where = "" if place is None else f" in {place.name}, {Path(place.filename).name}:{place.lineno}"
    return f"Internal error: {type(bug).__name__}{where}."


def listed(faults: Sequence[str]) -> str:
    """Return all faults in one message: one as it is, more as a list."""
    if len(faults) == 1:
        return faults[0]
    return "\n- ".join([f"{len(faults)} problems were found:", *faults])


def _seconds(duration: timedelta) -> str:
    return f"{max(1, round(duration.total_seconds()))} s"
