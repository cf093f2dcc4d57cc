"""One outcome in words and values. Pure text; foreign text in it must be escaped before."""

import re
from dataclasses import dataclass
from types import MappingProxyType

from signotaur_action.errors import SignotaurError

Rows = tuple[tuple[str, str], ...]

_MARKUP = re.compile(r"[&<>\\`*_\[\]!|~#@$]|:(?=//)|(?<=www)\.", re.IGNORECASE)


@dataclass(frozen=True)
class ReportContent:
    """The report of an outcome, in all its forms."""

    headline: str
    rows: Rows
    next_step: str
    outputs: MappingProxyType[str, str]
    """The step's outputs by name."""
    document: MappingProxyType[str, object]
    """The one object of ``--json``."""

    def lines(self) -> list[str]:
        """Return the prose."""
        rows = [f"  {label}: {value}" for label, value in self.rows]
        return [self.headline, *rows, f"Next: {self.next_step}"]

    def markdown(self) -> str:
        """Return the step summary: a heading, a table, what to do next."""
        lines = [f"### {_cell(self.headline)}", "", "| | |", "| --- | --- |"]
        lines += [f"| {_cell(label)} | {_cell(value)} |" for label, value in self.rows]
        return "\n".join([*lines, "", f"**Next:** {_cell(self.next_step)}", "", ""])


def failure(
    error: SignotaurError, outputs: dict[str, str], document: dict[str, object]
) -> ReportContent:
    """Return the report of a failure; the other two arguments are what the command adds."""
    return ReportContent(
        headline=f"Not finished: {error.what}",
        rows=(
            ("Keys", error.keys),
            *((f"Destination {name}", result) for name, result in error.results),
        ),
        next_step=error.next,
        outputs=MappingProxyType(outputs),
        document=MappingProxyType(
            {
                **document,
                "exitCode": int(error.code),
                "error": error.code.name.lower().replace("_", "-"),
                "what": error.what,
                "keys": error.keys,
                "next": error.next,
                **({"results": result_objects(error.results)} if error.results else {}),
            }
        ),
    )


def result_objects(results: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    """Return what became of each destination, for JSON."""
    return [{"destination": name, "result": result} for name, result in results]


def _cell(text: str) -> str:
    """Escape text for Markdown: no markup, link, mention or picture in it.

    Character references never are markup; addresses are broken up so that none becomes a link.
    """
    plain = _MARKUP.sub(lambda match: f"&#{ord(match[0])};", text)
    return plain.replace("\n", "<br>")
