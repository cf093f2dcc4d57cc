"""The frame of the proofs: a violation is counted and fails, and the table leaves nothing out."""

import json
from pathlib import Path
from typing import Any

import pytest

from proof import report
from proof.matrix import FULL, GOALS, SEED, Record, chosen, recorded


def _recorded(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]


def _second_fails(folder: Path) -> None:
    with recorded("network", "a", folder) as record:
        for label in ("first", "second", "third"):
            with record.point(label):
                assert label != "second", "not so"


def test_a_violation_is_recorded_and_the_next_point_is_tried(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="second: AssertionError: not so"):
        _second_fails(tmp_path)
    (line,) = _recorded(tmp_path)
    assert (line["points"], len(line["violations"]), line["seed"]) == (3, 1, SEED)


def test_a_part_that_breaks_off_is_recorded_as_a_violation(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), recorded("network", "a", tmp_path) as record:
        record.points = 1 // 0
    (line,) = _recorded(tmp_path)
    assert "ZeroDivisionError" in line["violations"][0]


@pytest.mark.skipif(FULL, reason="this is about the sample")
def test_a_sample_has_both_ends_and_depends_on_its_name_alone() -> None:
    points = range(1000)
    sample = chosen(points, 20, "a")
    assert (len(sample), sample[0], sample[-1]) == (20, 0, 999)
    assert sample == sorted(set(sample))
    assert chosen(points, 20, "a") == sample != chosen(points, 20, "b")
    assert chosen(range(5), 20, "a") == [0, 1, 2, 3, 4]


def _line(part: str, **changes: object) -> str:
    record = Record("network", part, points=1500, seconds=90, full=True, commit="abc")
    return json.dumps(record.__dict__ | changes)


def test_the_table_has_the_newest_record_of_each_part_and_says_what_was_not_run() -> None:
    lines = [_line("a", points=1), _line("a"), _line("b", violations=["x"]), _line("c", full=False)]
    rows = report.table(report.newest(lines)).splitlines()[2:]
    assert len(rows) == len(GOALS)
    assert f"| network | 2,000 faults | 3,000 | 1 | 3.0 | {SEED} | `abc` |" in rows
    assert sum("not run" in row for row in rows) == len(GOALS) - 1


def test_publishing_replaces_the_table_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "proof.md"
    page.write_text(f"# Title\n\n{report.MARKER}| old |\n| --- |\n\nMore.\n")
    report.publish(page, "| new |\n")
    assert page.read_text() == f"# Title\n\n{report.MARKER}| new |\n\nMore.\n"


def test_the_manual_has_a_row_for_every_matrix() -> None:
    table = report.PAGE.read_text().split(report.MARKER)[1].split("\n\n")[0]
    named = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]
    assert named == list(GOALS)
