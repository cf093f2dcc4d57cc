"""The text forms of CI systems, as pure functions: workflow commands, output files, messages.

The oracle of these rules is the data of the real runner under ``tests/data``.
"""

import re
import secrets

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = _DATA | {":": "%3A", ",": "%2C"}
_CONTINUA = {"\\": "\\\\", "'": "\\'", "[": "\\[", "]": "\\]", "\n": "\\n", "\r": "\\r"}

# What a CI system would run or what would fool a reader: C0 and C1 controls, bidirectional
# marks, the two Unicode line ends, and zero-width characters.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_COMMANDS = re.compile(r"::|##(?=\[|vso\[|teamcity\[)|@@(?=continua\[)", re.IGNORECASE)
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


def inert_value(text: str) -> str:
    """Return foreign text (names, holders, details) so that it is shown and never obeyed.

    Unseen characters become visible escapes, the openings of CI commands get a space, and
    more than 120 characters are cut.
    """
    shown = _COMMANDS.sub(_broken, _UNSEEN.sub(_escaped, text))
    return shown if len(shown) <= _VALUE_LENGTH else shown[: _VALUE_LENGTH - 1] + "…"


def inert_line(text: str) -> str:
    """Return one line of our own text such that no CI system takes it, or a part, for a command.

    ``::`` opens a command only at the start of a line, so an address like ``[::1]`` survives.
    """
    shown = _UNSEEN.sub(_escaped, text)
    if shown.lstrip().startswith("::"):
        shown = shown.replace("::", ": :", 1)
    return _COMMANDS.sub(lambda match: match[0] if match[0] == "::" else _broken(match), shown)


def _replace(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)


def _broken(match: re.Match[str]) -> str:
    return " ".join(match[0])


def _escaped(match: re.Match[str]) -> str:
    return (
        match[0].encode("ascii", "backslashreplace").decode()
        if match[0] > "\x7f"
        else (f"\\x{ord(match[0]):02x}")
    )
