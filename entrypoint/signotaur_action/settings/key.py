"""Which key to use: an option, a file, or a variable. Never config.json: keys are not settings."""

import os
import select
import stat
from dataclasses import dataclass
from pathlib import Path

from signotaur_action.errors import os_reason
from signotaur_action.files import dotenv
from signotaur_action.files.keytext import (
    LARGEST_FILE,
    KeyTextError,
    decode,
    parse_key,
    without_line_end,
)
from signotaur_action.machine import MACHINE
from signotaur_action.model import Secret
from signotaur_action.options.common import API_KEY, API_KEY_FILE, API_KEY_NAME, GITHUB_TOKEN
from signotaur_action.settings.layers import Settings


@dataclass(frozen=True)
class KeySource:
    """A key and where it came from."""

    key: Secret
    label: str
    """``file /path``, ``variable NAME`` or ``--api-key``."""
    file: Path | None = None

    def is_file(self, path: Path) -> bool:
        """Return whether the key came from this file, whatever the two paths look like."""
        return self.file is not None and os.path.realpath(self.file) == os.path.realpath(path)


def key_source(settings: Settings) -> KeySource | None:
    """Return the key to use; None with the fault in ``settings`` when there is none.

    ``--api-key`` or ``--api-key-file`` (not both), else the variable that ``--api-key-name``
    names, as ``docs/design.md`` says.
    """
    name = settings.text(API_KEY_NAME)
    given = settings.one_of(API_KEY, API_KEY_FILE)
    try:
        if given is None:
            return _from_variable(settings, name)
        option, values = given
        if option is API_KEY:
            key = parse_key(values[0].strip())
            return KeySource(key, "--api-key")
        return _from_file(Path(values[0]), name)
    except KeyTextError as error:
        label = str(given[0]) if given else name
        settings.faults.append(f"{label}: {error}")
        return None


def require_no_arguments(settings: Settings) -> None:
    """Note the problem if a step's ``args`` contain a secret: the runner logs them."""
    if "INPUT_COMMAND" not in settings.environ:  # only an action's step has this variable
        return
    settings.faults.extend(
        f"{option} is in the step's args, which the runner shows in its log: treat the key as "
        f"leaked; set the input {option.name} or a variable instead"
        for option in (API_KEY, GITHUB_TOKEN)
        if settings.is_on_command_line(option)
    )


def _from_variable(settings: Settings, name: str) -> KeySource | None:
    text = settings.environ.get(name, "").strip()
    if not text:
        settings.faults.append(
            f"no API key: give --api-key-file, or set {name} (--api-key-name chooses another "
            "variable)"
        )
        return None
    return KeySource(parse_key(text), f"variable {name}")


def _from_file(path: Path, name: str) -> KeySource:
    text = decode(_content(path))
    if not text.strip():
        raise KeyTextError(f"{path} is empty")
    return KeySource(_key_in(text, name, path), f"file {path.absolute()}", path)


def _key_in(text: str, name: str, path: Path) -> Secret:
    token = without_line_end(text)
    # A plain key may end in base64 padding; any other = makes the line an assignment, and so
    # does one behind the variable's name: NAME= is a variable that is empty.
    plain = "=" not in token.rstrip("=") and token.rstrip("=") != name
    if plain and not token.lstrip().startswith("#"):
        try:
            return parse_key(token)
        except KeyTextError as error:
            raise KeyTextError(f"{path} does not contain a key: {error}") from None
    found = dotenv.variables(text)
    if not found.get(name):
        # The names it does set are not shown: they could be the first half of a key.
        raise KeyTextError(
            f"{path} is not a plain key file and does not set {name}; --api-key-name chooses "
            "another variable"
        )
    try:
        return parse_key(found[name])
    except KeyTextError as error:
        raise KeyTextError(f"{name} in {path} is not a key: {error}") from None


def _content(path: Path) -> bytes:
    try:
        content = read_at_most(path, LARGEST_FILE + 1)
    except OSError as error:
        raise KeyTextError(f"{path} cannot be read ({os_reason(error)})") from None
    if len(content) > LARGEST_FILE:
        raise KeyTextError(f"{path} is larger than 64 KiB, so it is not a key file")
    return content


def read_at_most(path: Path, size: int, silence: float = 10.0) -> bytes:
    """Return at most ``size`` bytes of a file or a pipe, such as a shell's ``<(command)``.

    ``silence``: seconds to wait for the next bytes of a pipe. Raises OSError, and KeyTextError
    for a device, or a pipe to which nothing is written in that time.
    """
    without_waiting = getattr(os, "O_NONBLOCK", 0)  # opening a named pipe waits for a writer
    descriptor = os.open(path, os.O_RDONLY | MACHINE.open_flags | without_waiting)
    try:
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISFIFO(mode)):
            raise KeyTextError(f"{path} is neither a file nor a pipe")
        content = bytearray()
        while len(content) < size:
            if stat.S_ISFIFO(mode) and not select.select([descriptor], [], [], silence)[0]:
                raise KeyTextError(
                    f"{path} is a pipe, and nothing was written to it for {silence:g} s"
                )
            part = os.read(descriptor, size - len(content))  # raises IsADirectoryError
            if not part:
                break
            content += part
        return bytes(content)
    finally:
        os.close(descriptor)
