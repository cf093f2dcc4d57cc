"""A template's text: placeholders, and values as YAML scalars that mean just what they say.

A placeholder is ``<name>``. GitHub's own ``${{ }}`` stays as it is. A placeholder's
value must be YAML already: ``scalar`` makes it from any legal value.
"""

import json
import re
from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"<([a-z]+(?:-[a-z]+)*)>")

# What YAML 1.1 and 1.2 both read as this very text, outside of [] and {}.
_PLAIN = re.compile(r"[A-Za-z/](?:[A-Za-z0-9_./,=:@-]*[A-Za-z0-9_/-])?|[0-9]+[smhdw]")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})


def rendered(template: str, values: Mapping[str, str]) -> str:
    """Return the text with every placeholder replaced. Raises KeyError for an unknown one."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def scalar(text: str) -> str:
    """Return one line of text as a YAML scalar; quoted unless it is plainly a string."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    # Of printable text, JSON's string is YAML's double-quoted scalar.
    return json.dumps(text, ensure_ascii=False)
