"""The text forms of CI systems, as pure functions: workflow commands, output files, messages.

The oracle of these rules is the data of the real runner under ``tests/data``.
"""

import json
import re
import secrets
from collections.abc import Mapping

from signotaur_wire.keyformat import without_keys

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = _DATA | {":": "%3A", ",": "%2C"}
_CONTINUA = {"\\": "\\\\", "'": "\\'", "[": "\\[", "]": "\\]", "\n": "\\n", "\r": "\\r"}

_TEAMCITY = {
    "|": "||", "'": "|'", "[": "|[", "]": "|]", "\n": "|n", "\r": "|r",
    "\x85": "|0x0085", "\u2028": "|0x2028", "\u2029": "|0x2029",
}  # fmt: skip
_AZURE_DATA = {"%": "%AZP25", "\r": "%0D", "\n": "%0A"}
_AZURE_PROPERTY = _AZURE_DATA | {";": "%3B", "]": "%5D"}

# How a CI system's command begins. Two colons begin one at the start of a line only.
_COLONS = re.compile(":(?=:)")
_OPENINGS = re.compile(r"##(?=\[|vso\[|teamcity\[)|@@(?=continua\[)", re.IGNORECASE)
_DOUBLED = re.compile(r"([#@:])(?=\1)")
_VALUE_LENGTH = 120


def workflow_command(name: str, data: str, **properties: str) -> str:
    """Return ``::name key=value::data`` with everything escaped, on one line without its end.

    Properties that are empty are left out, as the runner's toolkit does.
    """
    parts = [f"{key}={_replace(value, _PROPERTY)}" for key, value in properties.items() if value]
    head = f"{name} {','.join(parts)}" if parts else name
    return f"::{head}::{_replace(data, _DATA)}"


def file_record(name: str, value: str) -> str:
    """Return a ``NAME<<DELIMITER`` record for ``$GITHUB_OUTPUT`` or ``$GITHUB_ENV``.

    The delimiter is random (128 bits), so no value can end its record and begin another.
    """
    delimiter = f"ghadelimiter_{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def continua_message(message: str, **parameters: str) -> str:
    r"""Return a Continua CI log message; backslash, quote, brackets and line ends are escaped."""
    texts = [f"{key}='{_replace(value, _CONTINUA)}'" for key, value in parameters.items()]
    return f"@@continua[{message} {' '.join(texts)}]"


def teamcity_message(message: str, **parameters: str) -> str:
    """Return a TeamCity service message; bar, quote, brackets and line ends are escaped."""
    texts = [f"{key}='{_replace(value, _TEAMCITY)}'" for key, value in parameters.items()]
    return f"##teamcity[{message} {' '.join(texts)}]"


def azure_command(name: str, data: str, **properties: str) -> str:
    """Return an Azure Pipelines logging command; percent signs and line ends are escaped."""
    texts = [f"{key}={_replace(value, _AZURE_PROPERTY)}" for key, value in properties.items()]
    return f"##vso[{name} {';'.join(texts)}]{_replace(data, _AZURE_DATA)}"


def json_line(document: Mapping[str, object]) -> str:
    r"""Return an object as one line of JSON, without its end, that contains no CI command.

    Names of files must stay exact, so nothing is replaced. Every command begins with two ``#``,
    ``@`` or ``:`` in a row; the first of two is written as ``\u00XX``, which decodes to the same
    character. JSON itself has no such pair outside of strings.
    """
    return _DOUBLED.sub(lambda match: f"\\u{ord(match[1]):04x}", json.dumps(dict(document)))


def escape_untrusted(text: str) -> str:
    """Return foreign text (names, holders, details) so that it is shown and never obeyed.

    Unseen characters become visible escapes, the openings of CI commands get a space, keys lose
    their secret part, and more than 120 characters are cut.
    """
    shown = _COLONS.sub(": ", _harmless(text))
    return shown if len(shown) <= _VALUE_LENGTH else shown[: _VALUE_LENGTH - 1] + "…"


def escape_own_line(text: str) -> str:
    """Return one line of our own text such that no CI system takes it, or a part, for a command.

    A key in it loses its secret part: somebody may have given it in place of a path or a name.
    ``::`` opens a command only at the start of a line, so an address like ``[::1]`` survives.
    """
    shown = _harmless(text)
    opens = shown.lstrip().startswith("::")
    return shown.replace("::", ": :", 1) if opens else shown


def _replace(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)


def _harmless(text: str) -> str:
    text = without_keys(text)
    seen = "".join(each if each.isprintable() else _escaped(each) for each in text)
    return _OPENINGS.sub(lambda match: " ".join(match[0]), seen)


def _escaped(character: str) -> str:
    """Show invisible characters: controls, line ends, bidirectional marks, zero-width ones."""
    if character > "\x7f":
        return character.encode("ascii", "backslashreplace").decode()
    return f"\\x{ord(character):02x}"
