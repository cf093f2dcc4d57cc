"""What a person sees of a step's log on GitHub: masks applied, commands not shown."""

import re
from urllib.parse import unquote

_MASK = re.compile(r"::add-mask::(.*)")
_ANNOTATION = re.compile(r"::(error|warning|notice) [^:]*::(.*)")
_HIDDEN = "***"


def log_view(log: str) -> list[str]:
    """Return the shown lines of a log that was written to one stream, in order."""
    masks: list[str] = []
    shown = []
    for line in log.splitlines():
        mask = _MASK.fullmatch(line)
        if mask:
            masks.append(unquote(mask[1]))
        else:
            shown.append(_masked(_annotation(line), masks))
    return [f"({len(masks)} mask commands, not shown)", *shown]


def masked_outputs(text: str, log: str) -> dict[str, str]:
    """Return a $GITHUB_OUTPUT file's pairs, values masked as GitHub shows them."""
    masks = [unquote(match[1]) for match in _MASK.finditer(log)]
    records = re.findall(r"^(.+?)<<(\S+)\n(.*?)\n\2$", text, re.MULTILINE | re.DOTALL)
    return {name: _masked(value, masks) for name, _, value in records}


def _annotation(line: str) -> str:
    match = _ANNOTATION.fullmatch(line)
    return f"{match[1].capitalize()}: {unquote(match[2])}" if match else line


def _masked(text: str, masks: list[str]) -> str:
    for mask in sorted(masks, key=len, reverse=True):
        text = text.replace(mask, _HIDDEN)
    return text
