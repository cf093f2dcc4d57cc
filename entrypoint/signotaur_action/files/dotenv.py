"""A dotenv file's text: read one variable, set one variable, leave every other byte alone.

python-dotenv parses; its own writer is not used (it loses backslashes and line ends).
"""

import io
import re
from collections.abc import Iterable

from dotenv.parser import Binding, parse_stream

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9_./+=:@%,~^!?*-]+")
_ASSIGNMENT = re.compile(
    r"""(?P<head>\s*(?:export[^\S\r\n]+)?)
        '?(?P<name>[A-Za-z_][A-Za-z0-9_]*)'?
        [^\S\r\n]*=[^\S\r\n]*
        (?:'(?:\\'|[^'])*'|"(?:\\"|[^"])*"|[^\r\n]*?)
        (?P<tail>(?:[^\S\r\n]+\#[^\r\n]*)?[^\S\r\n]*(?:\r\n|\n|\r)?)""",
    re.VERBOSE,
)


class DotenvError(ValueError):
    """A text is not a dotenv file that can be changed safely. Values are never shown."""


def variables(text: str) -> dict[str, str]:
    """Return all variables; the last assignment of a name wins, and nothing is interpolated."""
    return _values(_bindings(text))


def set_variable(text: str, name: str, value: str) -> str:
    """Return the text with ``name`` set to ``value``, all other lines byte for byte as before.

    The last assignment of the name wins, so that one is changed; ``export``,
    comment and line end stay. Without one, a line is added. The result is parsed again to
    prove it. Raises DotenvError.
    """
    bindings = _bindings(text)
    places = [index for index, binding in enumerate(bindings) if binding.key == name]
    pieces = [binding.original.string for binding in bindings]
    if places:
        pieces[places[-1]] = _reassigned(pieces[places[-1]], name, value)
    else:
        pieces.append(_added(text, name, value))
    changed = "".join(pieces)
    if variables(changed) != _values(bindings) | {name: value}:
        raise DotenvError(f"{name} cannot be set without changing other lines")
    return changed


def assignments(text: str, name: str) -> int:
    """Return how often the name is assigned."""
    return sum(binding.key == name for binding in _bindings(text))


def _bindings(text: str) -> list[Binding]:
    return list(parse_stream(io.StringIO(text, newline="")))


def _values(bindings: Iterable[Binding]) -> dict[str, str]:
    return {
        binding.key: binding.value
        for binding in bindings
        if binding.key is not None and binding.value is not None
    }


def _reassigned(line: str, name: str, value: str) -> str:
    match = _ASSIGNMENT.fullmatch(line)
    if match is None:
        raise DotenvError(f"the line that sets {name} has a form that cannot be changed safely")
    return f"{match['head']}{name}={_quoted(value)}{match['tail']}"


def _added(text: str, name: str, value: str) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text or text.endswith(("\n", "\r")) else end
    return f"{gap}{name}={_quoted(value)}{end}"


def _quoted(value: str) -> str:
    if _PLAIN_VALUE.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
