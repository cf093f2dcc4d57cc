"""One variable in a dotenv file."""

from collections.abc import Sequence
from pathlib import Path

from signotaur_action.files import dotenv
from signotaur_action.files.atomic import OwnerOnlyFile
from signotaur_action.files.keytext import (
    LARGEST_FILE,
    KeyTextError,
    decode,
    parse_key,
    require_size,
)
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.errors import check_faults, delivery_faults

_BOM = b"\xef\xbb\xbf"
_TRIAL = "x" * 69


class EnvFileSink:
    """``--write-env-file PATH``: sets one variable, keeps every other byte of the file."""

    durable = True

    def __init__(self, path: str, variable: str, context: SinkContext) -> None:
        if not dotenv.NAME.fullmatch(variable):
            raise SinkError(
                "--write-env-var-name must be letters, digits and _, and must not begin with a "
                "digit"
            )
        self._variable = variable
        self.file = OwnerOnlyFile(Path(path), follow_symlinks=context.follow_symlinks)
        self.name = f"dotenv file {self.file.path} ({variable})"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. The change is tried on the file's text."""
        with check_faults(self.name):
            content = self._content()
            self.file.check(len(self._changed(content, _TRIAL)))
            found = dotenv.assignments(decode(content), self._variable)
            concerns = self.file.concerns()
        repeated = (
            f"{self.file.path}: sets {self._variable} {found} times; only the last one is changed"
        )
        return [*concerns, *([repeated] if found > 1 else [])]

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        self.store(delivery.key)

    def store(self, key: Secret) -> None:
        """Write a key. Raises DeliveryError."""
        with delivery_faults(self.name):
            self.file.remove_leftovers()
            self.file.replace(self._changed(self._content(), key.reveal()))

    def read_back(self) -> Secret | None:
        """See ``ports.Sink``. Not a key, not set, no file: None.

        Tidies up, too: a run may find its key here and write nothing.
        """
        with delivery_faults(self.name):
            self.file.remove_leftovers()
            text = decode(self._content())
        try:
            return parse_key(dotenv.variables(text).get(self._variable, ""))
        except KeyTextError:
            return None

    def _content(self) -> bytes:
        return self.file.read(LARGEST_FILE + 1) or b""

    def _changed(self, content: bytes, value: str) -> bytes:
        mark = _BOM if content.startswith(_BOM) else b""
        text = dotenv.set_variable(decode(content), self._variable, value)
        changed = mark + text.encode()
        require_size(changed)  # or it could not be read back
        return changed
