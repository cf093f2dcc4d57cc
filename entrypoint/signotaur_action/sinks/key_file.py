"""A plain file with the key alone."""

from collections.abc import Sequence
from pathlib import Path

from signotaur_action.errors import DestinationRefusedError
from signotaur_action.files.atomic import OwnerOnlyFile
from signotaur_action.files.keytext import (
    LARGEST_FILE,
    KeyTextError,
    decode,
    parse_key,
    without_line_end,
)
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext
from signotaur_action.sinks.errors import check_faults, delivery_faults

_ROOM = 1024


class KeyFileSink:
    """``--write-key-file PATH``: replaces the file whole, mode 0600, the owner kept."""

    durable = True

    def __init__(self, path: str, context: SinkContext) -> None:
        self.file = OwnerOnlyFile(Path(path), follow_symlinks=context.follow_symlinks)
        self.name = f"key file {self.file.path}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. A file with other content than one key is not overwritten."""
        with check_faults(self.name):
            self.file.check(_ROOM)
            content = self.file.read(LARGEST_FILE + 1)
            concerns = self.file.concerns()
        if content and self._key(content) is None:
            raise DestinationRefusedError(
                f"{self.name} contains something other than one key, which would be lost.",
                next_step="Choose another file; for a dotenv file use --write-env-file.",
            )
        return concerns

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        self.store(delivery.key)

    def store(self, key: Secret) -> None:
        """Write a key. Raises DeliveryError."""
        with delivery_faults(self.name):
            self.file.remove_leftovers()
            self.file.replace(key.reveal().encode() + b"\n")

    def read_back(self) -> Secret | None:
        """See ``ports.Sink``. Tidies up, too: a run may find its key here and write nothing."""
        with delivery_faults(self.name):
            self.file.remove_leftovers()
            return self._key(self.file.read(LARGEST_FILE + 1) or b"")

    @staticmethod
    def _key(content: bytes) -> Secret | None:
        try:
            return parse_key(without_line_end(decode(content)))
        except KeyTextError:
            return None
