"""The table of ``docs/proof.md``, from what the last full runs recorded.

``make proof`` runs it. Of each part of a matrix the newest full record counts.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from proof.matrix import FOLDER, GOALS, ROOT

PAGE = ROOT / "docs" / "proof.md"
MARKER = "<!-- proof -->\n"
HEAD = (
    "| Matrix | Goal | Tried | Violations | Minutes | Seed | Commit |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | --- |\n"
)
Json = Mapping[str, Any]


def newest(lines: Iterable[str]) -> list[Json]:
    """Return the newest full record of each part of each matrix."""
    records = [record for record in map(json.loads, lines) if record["full"]]
    return list({(each["matrix"], each["part"]): each for each in records}.values())


def table(records: Iterable[Json]) -> str:
    """Return a row for every matrix; one that was not run says so."""
    rows = [_row(name, [each for each in records if each["matrix"] == name]) for name in GOALS]
    return HEAD + "".join(rows)


def _row(name: str, parts: list[Json]) -> str:
    goal = f"{GOALS[name].points:,} {GOALS[name].unit}"
    if not parts:
        return f"| {name} | {goal} | not run | | | | |\n"
    tried = sum(each["points"] for each in parts)
    violations = sum(len(each["violations"]) for each in parts)
    minutes = sum(each["seconds"] for each in parts) / 60
    seeds = ", ".join(sorted({str(each["seed"]) for each in parts}))
    commits = ", ".join(sorted({f"`{each['commit']}`" for each in parts}))
    return f"| {name} | {goal} | {tried:,} | {violations} | {minutes:.1f} | {seeds} | {commits} |\n"


def publish(page: Path, rows: str) -> None:
    """Replace the table behind the marker of a page."""
    before, _, after = page.read_text().partition(MARKER)
    assert after, f"{page} has no {MARKER}"
    page.write_text(f"{before}{MARKER}{rows}\n{after.partition(chr(10) * 2)[2]}")


if __name__ == "__main__":
    found = table(newest((FOLDER / "records.jsonl").read_text().splitlines()))
    publish(PAGE, found)
    sys.stdout.write(found)
