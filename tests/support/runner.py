"""The GitHub runner's rules in plain Python: what it makes of the bytes that a step prints.

An oracle, written from the runner's published sources and proved with the data of
``tests/data/runner_cases.json``; it shares no code with the product.
"""

import base64
import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

REGISTERED = frozenset(
    {
        "add-mask", "add-matcher", "remove-matcher", "debug", "warning", "error", "notice",
        "group", "endgroup", "echo", "stop-commands", "set-output", "save-state", "set-env",
        "add-path", "internal-set-repo-path",
    }
)  # fmt: skip
"""The runner's commands. Their names are case-insensitive."""

DISABLED = frozenset({"set-env", "add-path", "internal-set-repo-path"})
"""Commands that fail the step."""

MASK = "***"

# What .NET's TrimStart removes; Python's strip would also take U+001C to U+001F.
_WHITE_SPACE = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000"
)
_UNESCAPED_DATA = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
_UNESCAPED_PROPERTY = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
_UNESCAPED_V1 = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%"))
_SHORTEST_TOKEN_MASKED = 7
_SHORTEST_SECTION = 6
_SHORTEST_QUOTED = 9


def read_lines(output: bytes) -> list[str]:
    """Split a stream as .NET's StreamReader does: LF, CRLF and a lone CR end a line."""
    lines = re.split(r"\r\n|\n|\r", output.decode(errors="replace"))
    return lines if lines[-1] else lines[:-1]


# Workflow commands


@dataclass(frozen=True)
class Command:
    """A workflow command as the runner understood it."""

    syntax: str
    """``v1`` (``##[name]data``) or ``v2`` (``::name::data``)."""
    name: str
    properties: dict[str, str]
    data: str


def parse_command(line: str, registered: Container[str] = REGISTERED) -> Command | None:
    """Return the command in a line, None for ordinary text. ``registered`` holds small letters."""
    return _parse_v2(line, registered) or _parse_v1(line, registered)


def _parse_v2(line: str, registered: Container[str]) -> Command | None:
    line = line.lstrip(_WHITE_SPACE)
    end = line.find("::", 2)
    if not line.startswith("::") or end < 0:
        return None
    name, space, rest = line[2:end].partition(" ")
    if not _is_registered(name, registered):
        return None
    properties = _properties(rest.strip(_WHITE_SPACE), ",", _UNESCAPED_PROPERTY) if space else {}
    return Command("v2", name, properties, _unescape(line[end + 2 :], _UNESCAPED_DATA))


def _parse_v1(line: str, registered: Container[str]) -> Command | None:
    start = line.find("##[")
    end = line.find("]", start)
    if start < 0 or end < 0:
        return None
    name, _, rest = line[start + 3 : end].partition(" ")
    if not _is_registered(name, registered):
        return None
    properties = _properties(rest, ";", _UNESCAPED_V1)
    return Command("v1", name, properties, _unescape(line[end + 1 :], _UNESCAPED_V1))


def _is_registered(name: str, registered: Container[str]) -> bool:
    return bool(name) and (name.lower() if name.isascii() else name) in registered


def _properties(text: str, separator: str, table: Iterable[tuple[str, str]]) -> dict[str, str]:
    found = {}
    for item in text.split(separator):
        # Split(['='], 2, RemoveEmptyEntries): equals signs in front of either part are dropped.
        key, _, value = item.lstrip("=").partition("=")
        value = value.lstrip("=")
        if value:
            found[key] = _unescape(value, table)
    return found


def _unescape(text: str, table: Iterable[tuple[str, str]]) -> str:
    for escaped, plain in table:
        text = text.replace(escaped, plain)
    return text


# Masks


def _base64_from(shift: int) -> Callable[[str], str]:
    def encode(value: str) -> str:
        raw = value.encode()
        return base64.b64encode(raw[shift:] if len(raw) > shift else raw).decode()

    return encode


def _json_string(value: str) -> str:
    named = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r"}
    named["\t"] = "\\t"
    hidden = {each for each in value if each < " " or each in "\x85\u2028\u2029"}
    escapes = {each: f"\\u{ord(each):04x}" for each in hidden} | named
    return "".join(escapes.get(each, each) for each in value)


def _xml(value: str) -> str:
    table = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}
    return "".join(table.get(each, each) for each in value)


def _without_quotes(value: str) -> str:
    quoted = value.startswith('"') and value.endswith('"')
    return value[1:-1] if quoted and len(value) >= _SHORTEST_QUOTED else ""


def _before_ampersand(value: str) -> str:
    end = value.find("&+") + 2 if "&+" in value else value.rfind("&") + 1
    return value[:end] if end >= _SHORTEST_SECTION else ""


def _behind_ampersand(value: str) -> str:
    if "&" not in value:
        return ""
    # One more character is left out: PowerShell colours it.
    start = value.find("&+") + 3 if "&+" in value else value.rfind("&") + 1
    return value[start:] if len(value) - start >= _SHORTEST_SECTION else ""


ENCODERS: dict[str, Callable[[str], str]] = {
    "Base64StringEscape": _base64_from(0),
    "Base64StringEscapeShift1": _base64_from(1),
    "Base64StringEscapeShift2": _base64_from(2),
    "CommandLineArgumentEscape": lambda value: value.replace('"', '\\"'),
    "ExpressionStringEscape": lambda value: value.replace("'", "''"),
    "JsonStringEscape": _json_string,
    "UriDataEscape": lambda value: quote(value, safe=""),
    "XmlDataEscape": _xml,
    "TrimDoubleQuotes": _without_quotes,
    "PowerShellPreAmpersandEscape": _before_ampersand,
    "PowerShellPostAmpersandEscape": _behind_ampersand,
}
"""What the runner masks besides a value itself."""


class Masker:
    """The secrets of one job."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()

    def add_mask(self, data: str) -> bool:
        """Obey an ``add-mask`` with this data (unescaped); False if it registers nothing."""
        if not data.strip(_WHITE_SPACE):
            return False
        self.add_value(data)
        for line in re.split(r"[\r\n]", data):
            self.add_value(line.strip(_WHITE_SPACE))
        return True

    def add_value(self, value: str) -> None:
        """Register one value and what the encoders make of it."""
        if value:
            self.secrets.update({value, *(encode(value) for encode in ENCODERS.values())} - {""})

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the parts of a text that are hidden; those that overlap or touch are one."""
        hits = sorted(hit for secret in self.secrets for hit in _occurrences(secret, text))
        merged: list[tuple[int, int]] = []
        for start, end in hits:
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def mask(self, text: str) -> str:
        """Return the text as the log shows it."""
        for start, end in reversed(self.spans(text)):
            text = text[:start] + MASK + text[end:]
        return text


def _occurrences(secret: str, text: str) -> Iterator[tuple[int, int]]:
    start = text.find(secret)
    while start >= 0:
        yield start, start + len(secret)
        start = text.find(secret, start + 1)


# Files of commands: GITHUB_OUTPUT, GITHUB_ENV, GITHUB_STATE


@dataclass(frozen=True)
class CommandFile:
    """What the runner took from a file; pairs before an error are applied all the same."""

    pairs: list[tuple[str, str]]
    error: str | None = None

    def outputs(self) -> dict[str, str]:
        """Return the step's outputs by small name: they are case-insensitive, the last one wins."""
        return {name.lower(): value for name, value in self.pairs}


def parse_file(content: bytes) -> CommandFile:
    """Read a ``NAME=value`` or ``NAME<<DELIMITER`` file as the runner on Linux does."""
    pairs: list[tuple[str, str]] = []
    try:
        for pair in _records(_FileLines(_decode(content))):
            pairs.append(pair)  # noqa: PERF402 - those before an error count
    except _FileError as error:
        return CommandFile(pairs, str(error))
    return CommandFile(pairs)


def parse_path_file(text: str) -> list[str]:
    """Return the paths of a GITHUB_PATH file in order; a repeated one moves to the end."""
    paths = [line for line in re.split(r"\r\n|\n|\r", text) if line]
    return list(reversed(dict.fromkeys(reversed(paths))))


class _FileError(Exception):
    """The message is the runner's."""


class _FileLines:
    """Lines that only LF ends; ``ended`` tells whether the last one read had its LF."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._index = 0
        self.ended = True

    def next(self) -> str | None:
        if self._index >= len(self._text):
            return None
        line, newline, _ = self._text[self._index :].partition("\n")
        self._index += len(line) + len(newline)
        self.ended = bool(newline)
        return line


def _records(lines: _FileLines) -> Iterator[tuple[str, str]]:
    while (line := lines.next()) is not None:
        if not line:
            continue
        name, separator, rest = _split_record(line)
        if separator == "=":
            if not name:
                raise _FileError("Value cannot be null. (Parameter 'name')")
            yield name, rest
        elif separator == "<<":
            if not name or not rest:
                raise _FileError(
                    f"Invalid format '{line}'. Name must not be empty and delimiter must not be "
                    "empty"
                )
            yield name, _heredoc(lines, rest)
        else:
            raise _FileError(f"Invalid format '{line}'")


def _split_record(line: str) -> tuple[str, str, str]:
    equals, heredoc = line.find("="), line.find("<<")
    if equals >= 0 and (heredoc < 0 or equals < heredoc):
        return line.partition("=")
    return line.partition("<<")


def _heredoc(lines: _FileLines, delimiter: str) -> str:
    value: list[str] = []
    while (line := lines.next()) != delimiter:
        if line is None:
            raise _FileError(f"Invalid value. Matching delimiter not found '{delimiter}'")
        if not lines.ended:
            raise _FileError("Invalid value. EOF marker missing new line.")
        value.append(line)
    return "\n".join(value)


def _decode(content: bytes) -> str:
    marks = (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe\0\0", "utf-32-le"),
        (b"\0\0\xfe\xff", "utf-32-be"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
    )
    for mark, encoding in marks:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    return content.decode(errors="replace")


# Inputs


def input_variable(input_id: str) -> str:
    """Return the variable in which the runner passes an input: only spaces are replaced."""
    return f"INPUT_{input_id.replace(' ', '_').upper()}"


def boolean_input(text: str) -> bool:
    """Read a boolean input as the toolkit does. Raises TypeError."""
    trimmed = text.strip()
    if trimmed in ("true", "True", "TRUE"):
        return True
    if trimmed in ("false", "False", "FALSE"):
        return False
    raise TypeError('Input does not meet YAML 1.2 "Core Schema" specification')


def multiline_input(text: str, *, trim: bool = True) -> list[str]:
    """Read an input of several values as the toolkit does."""
    lines = [line for line in text.split("\n") if line]
    return [stripped for line in lines if (stripped := line.strip())] if trim else lines


# A step's log


@dataclass
class Step:
    """One step of a job while its output is read: what is obeyed, masked, and shown."""

    masker: Masker = field(default_factory=Masker)
    shown: list[str] = field(default_factory=list)
    """The log's lines as a person sees them, without step debugging."""
    obeyed: list[Command] = field(default_factory=list)
    """The commands that were taken."""
    failed: bool = False
    """Whether a command fails the step, whatever its exit code is."""
    _token: str | None = None

    def read(self, output: bytes) -> None:
        """Read a whole stream."""
        for line in read_lines(output):
            self.read_line(line)

    def read_line(self, line: str) -> bool:
        """Read one line; return whether it was processed as a command."""
        command = parse_command(
            line, REGISTERED | ({self._token.lower()} if self._token else set())
        )
        if command is None or not self._obeys(command):
            self._show(line)
            return False
        self.obeyed.append(command)
        self._obey(command, line)
        return True

    def _obeys(self, command: Command) -> bool:
        return self._token is None or command.name.lower() == self._token.lower()

    def _obey(self, command: Command, line: str) -> None:
        name = command.name.lower()
        if self._token is not None:
            self._token = None
            self._show(line)
        elif name == "add-mask":
            if not self.masker.add_mask(command.data):
                self._show(
                    "Warning: Can't add secret mask for empty string in ##[add-mask] command."
                )
        elif name == "stop-commands":
            self._stop(command.data, line)
        elif name in ("warning", "error", "notice"):
            self._show(f"{name.capitalize()}: {command.data}")
        elif name == "group":
            self._show(f"▶ {command.data}")
        elif name in DISABLED or (name == "echo" and not _is_switch(command.data)):
            self.failed = True
            self._show(f"Error: Unable to process command '{line}' successfully.")

    def _stop(self, token: str, line: str) -> None:
        if not token or token.lower() in REGISTERED | {"pause-logging"}:
            self.failed = True
            self._show("Error: You cannot use a endToken that is an empty string, ...")
            return
        self._token = token
        if len(token) >= _SHORTEST_TOKEN_MASKED:
            self.masker.add_value(token)
        self._show(line)

    def _show(self, text: str) -> None:
        self.shown += re.split(r"\r\n|\n|\r", self.masker.mask(text))


def _is_switch(data: str) -> bool:
    return data.strip(_WHITE_SPACE).lower() in ("on", "off")


def log_view(stdout: bytes, stderr: bytes = b"", *, masks: Sequence[str] = ()) -> str:
    """Return what a person sees in the log of a step that printed this.

    The runner reads the two streams side by side; here stderr comes first, which is the worst
    case: no mask of stdout helps it. ``masks`` are secrets that the job had before the step.
    """
    step = Step()
    for mask in masks:
        step.masker.add_mask(mask)
    step.read(stderr)
    step.read(stdout)
    return "\n".join(step.shown)
