"""The README and the pages of the manual: where each example and each table is."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README_PATH = ROOT / "README.md"
README = README_PATH.read_text()
DOCS = ROOT / "docs"
PAGES: dict[str, str] = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (README_PATH, *sorted(DOCS.rglob("*.md")))
}
"""The README, then every page of the manual, by their paths in the repository."""

OTHER_PAGES = (
    "CHANGELOG.md",
    ".github/CONTRIBUTING.md",
    ".github/SECURITY.md",
    "tests/README.md",
    "benchmarks/README.md",
)
"""The Markdown files outside the manual that people read."""

_BLOCK = re.compile(
    r"(?:<!-- test: (?P<mark>\w+) -->\n)?```(?P<kind>sh|yaml)\n(?P<text>.*?)```", re.DOTALL
)
_LINK = re.compile(r"\]\((?P<target>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?\)")
_FENCED = re.compile(r"```.*?```", re.DOTALL)

BLOCKS = [block for text in PAGES.values() for block in _BLOCK.finditer(text)]
"""Every example of a kind that is run, in the order of the pages."""


def block(start: str) -> str:
    """Return the one example that starts like this."""
    found = [each["text"] for each in BLOCKS if each["text"].startswith(start)]
    assert len(found) == 1, found
    return found[0]


def workflows() -> list[str]:
    """Return the examples that are whole GitHub workflows."""
    return [each["text"] for each in BLOCKS if each["text"].startswith("name: ")]


def after(marker: str) -> str:
    """Return the paragraph or table behind the one HTML comment with this text."""
    found = [text for text in PAGES.values() if f"<!-- {marker} -->\n" in text]
    assert len(found) == 1, f"{marker}: on {len(found)} pages"
    parts = found[0].split(f"<!-- {marker} -->\n")
    assert len(parts) == 2, marker
    return parts[1].split("\n\n")[0]


def table(marker: str) -> list[list[str]]:
    """Return the cells of the table behind an HTML comment, without its head."""
    return rows(after(marker))


def rows(text: str) -> list[list[str]]:
    """Return the cells of a table, without its head."""
    lines = text.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def links(text: str) -> list[tuple[str, str]]:
    """Return target and anchor of every link; either may be empty."""
    prose = _FENCED.sub("", text)
    return [(each["target"], each["anchor"] or "") for each in _LINK.finditer(prose)]


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"(?m)^#{1,6} (.*)$", _FENCED.sub("", text))
    return {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
