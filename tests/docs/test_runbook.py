"""The runbook speaks of every exit code, and quotes messages as the code words them."""

import re

from docs.pages import PAGES, ROOT
from signotaur_action.errors import ExitCode

RUNBOOK = PAGES["docs/runbook.md"]
# Parts of a text that stand on two lines of code are one text.
CODE = re.sub(
    r'"\s*\n\s*f?"', "", "\n".join(path.read_text() for path in (ROOT / "entrypoint").rglob("*.py"))
)


def test_every_exit_code_of_a_failure_is_there() -> None:
    rows = re.findall(r"(?m)^\| ([\d, ]+) \|", RUNBOOK)
    told = {int(code) for row in rows for code in row.split(", ")}
    assert told - {142} == {int(code) for code in ExitCode} - {0}


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
