"""The KeyService of a server that is reached through SignotaurTool.

The server makes the new key and schedules the end of the old one in one step, so there is
nothing to confirm, and a rotation cannot be repeated. What replaces the protocol is the file
that the tool writes to: while it contains the answer, the same command finishes the delivery.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from signotaur_action.errors import (
    InvalidOverlapError,
    ServerError,
    SignotaurError,
    UnauthorizedError,
    UnfinishedError,
    os_reason,
)
from signotaur_action.model import OpenRotation, Rotation, RotationIntent, Secret
from signotaur_action.ports import Clock
from signotaur_action.program import Ended, last_lines
from signotaur_action.vendor_tool.answer import Answer, find_answer
from signotaur_action.vendor_tool.answer_file import AnswerFile
from signotaur_action.vendor_tool.command import ToolCommand, marker_of
from signotaur_wire.messages import DestinationOutcome, RotationState

_FAILURE, _UNAUTHORIZED, _INVALID_OVERLAP = 1, 2, 3
"""The documented exit codes of the tool besides 0."""
_UNKNOWN = (
    "It is not known whether the server rotated the key. If it did, the old key works until its "
    "overlap ends, and the new key is known to nobody."
)
_PROBABLY_NOT = (
    "The tool reports a failure, so the key in use was probably not rotated. If the API Keys page "
    "of the server shows a new key, that key is lost, and the key in use works until its overlap "
    "ends."
)
_WINDOW_VERSION = "2.0, or a late 1.x"
_LOOK = (
    "Look at the API Keys page of the server. If there is no new key, or it was lost, run the "
    "same command with --again; it rotates the key once more."
)


class ToolKeyService:
    """See ``ports.KeyService``. ``journal`` is the path of the run's journal."""

    arms_at_once = True

    def __init__(self, tool: ToolCommand, journal: Path, clock: Clock) -> None:
        self.address = tool.server.url
        self._tool = tool
        self._journal = journal
        self._clock = clock
        self._open: dict[UUID, Rotation] = {}

    def describe(self, key: Secret) -> None:
        """See ``ports.KeyService``. The tool has no command that describes a key."""

    def new_key(self) -> None:
        """See ``ports.KeyService``. The server makes the key."""

    def open_rotation(self, key: Secret, intent: RotationIntent) -> OpenRotation | None:
        """Rotate, or return the rotation whose answer a killed run left.

        The tool is started at most once for an intent. Returns None if it succeeded without a
        new key because the key is not due. Raises UnfinishedError when its answer is lost.
        """
        file = AnswerFile(self._journal, intent.id)
        if (left := file.read()) is not None:
            answer = find_answer(left, marker_of(intent))
            if answer is None:
                raise _lost_answer(file.path)
            return self._opened(answer, intent)
        ended = self._run(key, intent, file)
        output = file.read() or b""
        answer = find_answer(output, marker_of(intent))
        if answer is not None:
            return self._opened(answer, intent)
        if ended.code == 0 and self._tool.window:
            file.remove()
            return None
        raise self._failure(ended, file, key)

    def rotation(self, key: Secret, rotation_id: UUID) -> Rotation | None:  # noqa: ARG002
        """Return the rotation whose answer a killed run left; None if there is none."""
        left = AnswerFile(self._journal, rotation_id).read() or b""
        answer = find_answer(left, rotation_id.hex)
        if answer is None:
            return None
        # The caller repeats its own intent next; of this one nothing is reported.
        intent = RotationIntent(
            rotation_id, answer.key, overlap_days=0, auto_revoke=True, again=False, holder=""
        )
        return self._opened(answer, intent).rotation

    def confirm(
        self,
        key: Secret,  # noqa: ARG002
        rotation_id: UUID,
        destinations: Sequence[DestinationOutcome] = (),  # noqa: ARG002
    ) -> Rotation:
        """Return the rotation as confirmed: the server scheduled the old key's end before."""
        opened = self._open[rotation_id]
        if opened.is_unconfirmed:
            opened = replace(opened, state=RotationState.CONFIRMED, confirmed_at=self._clock.now())
            self._open[rotation_id] = opened
        return opened

    def forget(self) -> None:
        """Remove the tool's outputs, once the rotation is finished. Raises OSError.

        Also those that interrupted runs left: a later rotation has replaced their keys.
        """
        AnswerFile.remove_all(self._journal)

    def _run(self, key: Secret, intent: RotationIntent, file: AnswerFile) -> Ended:
        with file.opened() as stdout:
            try:
                return self._tool.rotate(key, intent, stdout)
            except OSError as error:
                file.remove()
                raise ServerError(
                    f"{self._tool.program} cannot be started ({os_reason(error)}).",
                    next_step="Correct --tool and run the command again.",
                ) from None

    def _opened(self, answer: Answer, intent: RotationIntent) -> OpenRotation:
        now = self._clock.now()
        rotation = Rotation(
            id=intent.id,
            state=RotationState.OPEN,
            old_key_id=None,
            new_key_id=answer.key_id or 0,
            new_key_name=answer.name,
            new_key_expires_at=answer.expires_at,
            overlap_days=intent.overlap_days,
            auto_revoke=intent.auto_revoke,
            again=intent.again,
            overlap_end=answer.overlap_end or now + timedelta(days=intent.overlap_days),
            confirmed_at=None,
            server_time=now,
        )
        self._open[intent.id] = rotation
        return OpenRotation(rotation, answer.key)

    def _failure(self, ended: Ended, file: AnswerFile, key: Secret) -> SignotaurError:
        how = "took too long and was stopped" if ended.code is None else f"ended with {ended.code}"
        what = f"The tool {how}{last_lines(ended.output, key)}."
        if ended.code == 0:
            return _no_answer(file.path)
        if ended.code not in (_FAILURE, _UNAUTHORIZED, _INVALID_OVERLAP):
            # Perhaps it died after the server had rotated: its file stays, so that the same
            # command does not rotate again.
            return ServerError(what, keys=_UNKNOWN, next_step=_LOOK)
        file.remove()  # the tool itself says that it failed
        if ended.code == _UNAUTHORIZED:
            return UnauthorizedError(what)
        if ended.code == _INVALID_OVERLAP:
            return InvalidOverlapError(what)
        return ServerError(what, keys=_PROBABLY_NOT, next_step=self._next_step())

    def _next_step(self) -> str:
        if not self._tool.window:
            return "Correct what the tool reports and run the same command again."
        return (
            "Correct what the tool reports and run the same command again. "
            f"--if-expiring-within needs a tool of version {_WINDOW_VERSION}."
        )


def _lost_answer(path: Path) -> UnfinishedError:
    return UnfinishedError(
        f"An interrupted run started the tool, and {path} does not contain its answer.",
        keys=_UNKNOWN,
        next_step=_LOOK,
    )


def _no_answer(path: Path) -> UnfinishedError:
    return UnfinishedError(
        f"The tool succeeded, but its output does not contain the requested template. It is in "
        f"{path}, and may contain the new key.",
        keys="The server probably rotated the key: the old key works until its overlap ends.",
        next_step=f"Read the new key in {path} and store it, then delete that file.",
    )
