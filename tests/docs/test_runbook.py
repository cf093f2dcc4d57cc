"""The runbook speaks of every exit code, and quotes messages as the code words them."""

import re
from pathlib import Path

from signotaur_action.errors import ExitCode

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
# Parts of a text that stand on two lines of code are one text.
CODE = re.sub(
    r'"\s*\n\s*f?"', "", "\n".join(path.read_text() for path in (ROOT / "entrypoint").rglob("*.py"))
)


def test_every_exit_code_of_a_failure_is_there() -> None:
    rows = re.findall(r"(?m)^\| ([\d, ]+) \|", RUNBOOK)
    told = {int(code) for row in rows for code in row.split(", ")}
    # 3 is a wrong number of days, and its message says all there is to say.
    assert told - {142} == {int(code) for code in ExitCode} - {0, 3}


def test_what_a_store_says_is_quoted_as_it_is_said() -> None:
    section = RUNBOOK.split("## A store refuses\n")[1].split("\n## ")[0]
    quoted = [
        text
        for row in re.findall(r"(?m)^\| (`[^|]*) \|", section)
        for text in re.findall("`([^`]*)`", row)
    ]
    assert len(quoted) >= 10
    for text in quoted:
        for part in re.split(r"…|\d+|\bN\b", text):
            assert part.strip(" :)") in CODE, text


def test_its_links_lead_to_its_headings() -> None:
    headings = re.findall("(?m)^## (.*)$", RUNBOOK)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", RUNBOOK)) <= anchors
