"""The report: tables in Markdown, the same on the terminal and in README.md."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from samples import Samples

_README = Path(__file__).with_name("README.md")


def amount(samples: Samples, unit: str, digits: int = 0, factor: float = 1) -> str:
    """Show a median with its spread."""
    low, high = (f"{value * factor:,.{digits}f}" for value in samples.quartiles)
    return f"{samples.median * factor:,.{digits}f} {unit} ({low} to {high})"


def at_most(samples: Samples, limit: float, text: str) -> str:
    """Say whether a median is small enough."""
    return _goal(f"≤ {text}", met=samples.median <= limit)


def at_least(samples: Samples, limit: float, text: str) -> str:
    """Say whether a median is large enough."""
    return _goal(f"≥ {text}", met=samples.median >= limit)


def ratio(samples: Samples, base: Samples) -> str:
    """Show the median of the ratios of all rounds."""
    value = samples.over(base).median
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"  # noqa: PLR2004


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Draw a Markdown table whose columns line up on a terminal, too."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    drawn = [" | ".join(map(str.ljust, line, widths)) for line in lines]
    drawn.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in drawn)


def machine() -> str:
    """Tell of the machine what the numbers need: times of another one mean nothing here."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"


def busyness() -> str:
    """Tell how many processes of others wanted a core in the last minute."""
    return f"{os.getloadavg()[0]:.1f} on average"


def publish(results: str, name: str = "results") -> None:
    """Print the results and put them between the markers of this name in README.md."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    print(results)
    text = _README.read_text("utf-8")
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    _README.write_text(f"{before}{begin}\n{results}\n{end}{after}", "utf-8")


def _goal(text: str, *, met: bool) -> str:
    return f"{text}: {'met' if met else 'missed'}"
