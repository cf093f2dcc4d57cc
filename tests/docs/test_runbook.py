"""The runbook speaks of every exit code, and pages quote messages as the code words them."""

import re

import pytest

from docs.pages import PAGES, ROOT, rows
from signotaur_action.errors import ExitCode

RUNBOOK = PAGES["docs/runbook.md"]
_HEAD = "| The message says "
# Parts of a text that stand on two lines of code are one text.
CODE = re.sub(
    r'"\s*\n\s*f?"', "", "\n".join(path.read_text() for path in (ROOT / "entrypoint").rglob("*.py"))
)


def test_every_exit_code_of_a_failure_is_there() -> None:
    first_cells = re.findall(r"(?m)^\| ([\d, ]+) \|", RUNBOOK)
    told = {int(code) for cell in first_cells for code in cell.split(", ")}
    assert told - {142} == {int(code) for code in ExitCode} - {0}


def quoted_messages(page: str) -> list[str]:
    """Return what a page quotes in its tables of messages."""
    tables = [part.split("\n\n")[0] for part in page.split(_HEAD)[1:]]
    cells = [row[0] for text in tables for row in rows(text)]
    return [text for cell in cells for text in re.findall("`([^`]*)`", cell)]


@pytest.mark.parametrize("page", [path for path, text in PAGES.items() if _HEAD in text])
def test_messages_are_quoted_as_the_code_words_them(page: str) -> None:
    quoted = quoted_messages(PAGES[page])
    assert len(quoted) >= 2
    for text in quoted:
        for part in re.split(r"…|\d+|\bN\b", text):
            assert part.strip(" :)") in CODE, text


def test_the_runbook_quotes_what_stores_say() -> None:
    assert len(quoted_messages(RUNBOOK)) >= 10
