"""The fleet file: its members are the options of ``rotate-key``, for each key. Finds all faults.

The file has no secrets: it names files and variables that have them.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from signotaur_action.errors import os_reason
from signotaur_action.files.atomic import folder_concerns
from signotaur_action.fleet.document import Document, Member, shown
from signotaur_action.fleet.secret_scan import lines_with_secrets
from signotaur_action.machine import MACHINE
from signotaur_action.options.common import (
    ALLOW_UNTRUSTED,
    API_KEY,
    API_KEY_FILE,
    API_KEY_NAME,
    CA_FILE,
    EMIT_SECRET,
    FOLLOW_SYMLINKS,
    GITHUB_TOKEN,
    IF_EXPIRING_WITHIN,
    NO_AUTO_REVOKE,
    OVERLAP_DAYS,
    SIGN_SERVER,
    STATE_DIR,
    TIMEOUT,
    TOOL,
    WRITE_ENV_FILE,
    WRITE_ENV_VAR_NAME,
    WRITE_KEY_FILE,
)
from signotaur_action.options.declare import Option
from signotaur_action.settings.key import read_at_most
from signotaur_action.sinks import TAKES_STDOUT

LARGEST = 1024 * 1024
"""Bytes: about 5,000 keys."""
DEFAULTS, KEYS, VARIABLES_FROM = "defaults", "keys", "variables-from"

FOR_ALL = {
    option.name: option
    for option in (
        SIGN_SERVER,
        TOOL,
        OVERLAP_DAYS,
        NO_AUTO_REVOKE,
        IF_EXPIRING_WITHIN,
        FOLLOW_SYMLINKS,
        STATE_DIR,
        CA_FILE,
        ALLOW_UNTRUSTED,
        TIMEOUT,
    )
}
"""The members of ``defaults``; a key may have them, too."""
DESTINATIONS = (WRITE_KEY_FILE, WRITE_ENV_FILE, EMIT_SECRET)
FOR_ONE = FOR_ALL | {
    option.name: option
    for option in (API_KEY_FILE, API_KEY_NAME, WRITE_ENV_VAR_NAME, *DESTINATIONS)
}
"""The members of a key, besides ``variables-from``."""

_SECRET_OPTIONS = {API_KEY.name, GITHUB_TOKEN.name}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OTHERS_VARIABLES = ("SIGNOTAUR_", "INPUT_", "GITHUB_", "LD_", "PYTHON", "OPENSSL_", "SSL")
"""How variables begin that are not of a store: of this client, of GitHub, of what loads code."""
_ONE_COMMAND_ONLY = TAKES_STDOUT | {"github-output"}


@dataclass
class ListedKey:
    """One key of the file, as it is written there."""

    name: str
    line: int
    given: dict[str, object]
    """The options of its rotation by parameter name, those of ``defaults`` among them."""
    lines: dict[str, int]
    """Where each of its members is, or the same member of ``defaults``."""
    variables_from: dict[str, str] = field(default_factory=dict)
    """Variables of its rotation, and the variables of the job that have their values."""

    @property
    def key_variable(self) -> str | None:
        """The variable of the job that has the key; None for a key in a file."""
        if API_KEY_FILE.parameter in self.given:
            return None
        return str(self.given[API_KEY_NAME.parameter])


@dataclass(frozen=True)
class FleetFile:
    """What a fleet file says, and what is wrong with it."""

    path: Path
    keys: list[ListedKey]
    """Those without a fault of their own."""
    faults: list[tuple[int, str]]
    has_secret: bool
    """Whether somebody wrote a secret into it."""


def read_fleet_file(path: Path, for_all: Mapping[str, object]) -> FleetFile:
    """Read a fleet file. Raises ValueError when it cannot be read.

    ``for_all``: options of the command itself, which ``defaults`` and keys override.
    """
    text = _text(path)
    document = Document()
    for line, concern in _rights(path):
        document.fault(line, concern)
    for line in lines_with_secrets(text):
        document.fault(
            line,
            "a secret is written here: treat it as leaked, replace it, and name the file or the "
            "variable that has it instead",
        )
    has_secret = bool(lines_with_secrets(text))
    keys = list(_keys(document, text, for_all))
    return FleetFile(path, keys, sorted(document.faults), has_secret)


def _text(path: Path) -> str:
    try:
        content = read_at_most(path, LARGEST + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({os_reason(error)})") from None
    if len(content) > LARGEST:
        raise ValueError(f"{path} is larger than 1 MiB; split it into several files")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None


def _rights(path: Path) -> Iterator[tuple[int, str]]:
    """Yield why others can change the file: who does decides where the new keys go."""
    if not MACHINE.has_posix_modes:
        return
    file = Path(os.path.realpath(path))
    try:
        status, folder = file.stat(), file.parent.stat()
    except OSError as error:
        yield 1, f"it is not known who can write to this file ({os_reason(error)})"
        return
    if status.st_mode & 0o022:
        yield 1, f"others can write to this file: chmod go-w {shown(str(path))}"
    if status.st_uid and (reason := MACHINE.why_not_replaceable(file, status)):
        yield 1, f"{reason.partition(',')[0]}, who can change it: use a file of your own"
    for concern in folder_concerns(file.parent, folder):
        yield 1, f"{concern}: chmod go-w {file.parent}"


def _keys(document: Document, text: str, for_all: Mapping[str, object]) -> Iterator[ListedKey]:
    root = document.root(text)
    if not root:
        return
    _refuse_unknown(document, root, (DEFAULTS, KEYS))
    defaults = document.members(root[DEFAULTS]) if DEFAULTS in root else {}
    _refuse_unknown(document, defaults, FOR_ALL)
    shared = ListedKey(
        DEFAULTS, 1, {**for_all, **_given(document, defaults, FOR_ALL)}, _lines(defaults)
    )
    if KEYS not in root:
        document.fault(1, f"the member {KEYS} is missing: it lists the keys by name")
        return
    listed = document.members(root[KEYS])
    if not listed and not document.faults:
        document.fault(root[KEYS].line, f"{KEYS} lists no key")
    for name, member in listed.items():
        key = _key(document, name, member, shared)
        if key is not None:
            yield key


def _key(document: Document, name: str, member: Member, shared: ListedKey) -> ListedKey | None:
    before = len(document.faults)
    if not _NAME.fullmatch(name):
        document.fault(
            member.line,
            f"{member.name} is not a valid name of a key: use 1 to 64 letters, digits, dots, "
            "hyphens and _",
        )
    members = document.members(member)
    if not members and len(document.faults) > before:
        return None
    _refuse_unknown(document, members, (*FOR_ONE, VARIABLES_FROM))
    given = {**shared.given, **_given(document, members, FOR_ONE)}
    key = ListedKey(name, member.line, given, {**shared.lines, **_lines(members)})
    _require_source_and_destination(document, key)
    if VARIABLES_FROM in members:
        key.variables_from = _variables(document, members[VARIABLES_FROM])
    return key if len(document.faults) == before else None


def _require_source_and_destination(document: Document, key: ListedKey) -> None:
    if not {API_KEY_FILE.name, API_KEY_NAME.name} & set(key.lines):
        document.fault(
            key.line,
            f"{key.name} does not say where its key is: give {API_KEY_FILE.name}, or "
            f"{API_KEY_NAME.name} for a variable",
        )
    if not {each.name for each in DESTINATIONS} & set(key.lines):
        names = ", ".join(each.name for each in DESTINATIONS)
        document.fault(key.line, f"{key.name} has no destination: give one of {names}")
    name = key.given.get(API_KEY_NAME.parameter)
    if name is not None and not _VARIABLE.fullmatch(str(name)):
        # Not shown: somebody may have put the key itself there.
        document.fault(
            key.lines[API_KEY_NAME.name], f"{API_KEY_NAME.name} must be the name of a variable"
        )
    emitted = key.given.get(EMIT_SECRET.parameter)
    for text in emitted if isinstance(emitted, list) else []:
        kind = text.partition(":")[0]
        if kind in _ONE_COMMAND_ONLY:
            document.fault(
                key.lines[EMIT_SECRET.name],
                f"{kind} belongs to the output of one command, and all keys of a fleet share "
                "that: choose another destination, or use rotate-key for this key",
            )


def _lines(members: Mapping[str, Member]) -> dict[str, int]:
    return {name: member.line for name, member in members.items()}


def _given(
    document: Document, members: Mapping[str, Member], known: Mapping[str, Option]
) -> dict[str, object]:
    """Return the options that are set, by parameter name; those that are false are left out."""
    found: dict[str, object] = {}
    for name, member in members.items():
        option = known.get(name)
        if option is None:
            continue
        value: object
        if option.is_flag:
            value = document.flag(member) or None
        elif option.repeatable:
            value = document.texts(member)
        else:
            value = document.text(member)
        if value is not None:
            found[option.parameter] = value
    return found


def _variables(document: Document, member: Member) -> dict[str, str]:
    found = {}
    for name, each in document.members(member).items():
        source = document.text(each)
        if not _VARIABLE.fullmatch(name) or name.startswith(_OTHERS_VARIABLES):
            document.fault(each.line, f"{each.name} cannot be set here: name a variable of a store")
        elif source is not None and not _VARIABLE.fullmatch(source):
            document.fault(each.line, f"the value of {each.name} must be the name of a variable")
        elif source is not None:
            found[name] = source
    return found


def _refuse_unknown(
    document: Document, members: Mapping[str, Member], known: Collection[str]
) -> None:
    for name, member in members.items():
        if name in known:
            continue
        if name in _SECRET_OPTIONS:
            document.fault(
                member.line,
                f"{name} is a secret and does not belong in a file: name the file or the variable "
                f"that has it ({API_KEY_FILE.name}, {API_KEY_NAME.name}, {VARIABLES_FROM})",
            )
        else:
            document.fault(
                member.line,
                f"{member.name} is not known here; the known members are {', '.join(known)}",
            )
