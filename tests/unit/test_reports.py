"""What a rotation is reported as: to people, to the next step, to a program."""

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from signotaur_action.console.console import Console
from signotaur_action.errors import (
    AlreadyRotatedError,
    BusyError,
    DestinationRefusedError,
    ExitCode,
    ServerError,
    SignotaurError,
    UsageError,
)
from signotaur_action.model import KeyInfo, Rotation, Secret
from signotaur_action.reporting import Report
from signotaur_action.reporting.rotation import rotation_report
from signotaur_action.rotation import NotDue, Outcome, Rotated, WouldRotate
from signotaur_wire.messages import RotationState
from support.mounts import fill, small_disk
from support.runner import log_view, parse_file
from support.sample_key import KEY

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def rotated(**changes: Any) -> Rotated:
    facts: dict[str, Any] = {
        "id": UUID(int=1),
        "state": RotationState.CONFIRMED,
        "old_key_id": 4,
        "new_key_id": 5,
        "new_key_name": "build key",
        "new_key_expires_at": NOW + timedelta(days=90),
        "overlap_days": 7,
        "auto_revoke": True,
        "again": False,
        "overlap_end": NOW + timedelta(days=7),
        "confirmed_at": NOW,
        "server_time": NOW,
    }
    durable = changes.pop("durable", True)
    destinations = changes.pop("destinations", ("key file /k",))
    results = tuple((name, "delivered") for name in destinations)
    return Rotated(Rotation(**facts | changes), Secret(KEY), results, durable)


def info(name: str = "build key", **changes: Any) -> KeyInfo:
    facts: dict[str, Any] = {
        "id": 4,
        "name": name,
        "owner": "build",
        "may_rotate": True,
        "is_candidate": False,
        "expires_at": NOW + timedelta(days=41),
        "revokes_at": None,
        "rotation": None,
        "server_time": NOW,
    }
    return KeyInfo(**facts | changes)


NOT_DUE = NotDue(info(), timedelta(days=30))
WOULD = WouldRotate(info(), continues=False)
OUTCOMES = {"rotated": rotated(), "not due": NOT_DUE, "dry run": WOULD}
ERRORS: dict[str, SignotaurError] = {
    "server": ServerError("it failed"),
    "usage": UsageError(["a", "b"]),
    "busy": BusyError("busy"),
    "again": AlreadyRotatedError(5),
}


class ReportHarness:
    """A step of a harness: its streams and the files of its runner."""

    def __init__(self, folder: Path, *, github: bool = False) -> None:
        self.stdout, self.stderr = StringIO(), StringIO()
        self.console = Console(self.stdout, self.stderr, github=github, debug=False)
        self.outputs, self.summary = folder / "output", folder / "summary"
        for path in (self.outputs, self.summary):
            path.touch()
        self.environ = {
            "GITHUB_OUTPUT": str(self.outputs),
            "GITHUB_STEP_SUMMARY": str(self.summary),
        }

    def report(self, *, as_json: bool = False) -> Report:
        return Report(self.console, self.environ, as_json=as_json)

    def tell(self, outcome: Outcome, *, as_json: bool = False, with_key: bool = False) -> None:
        self.report(as_json=as_json).publish(rotation_report(outcome, with_key=with_key))

    def fail(self, error: SignotaurError, *, as_json: bool = False) -> None:
        self.report(as_json=as_json).fail(
            error, outputs={"rotated": "false"}, document={"rotated": False}
        )

    @property
    def document(self) -> Any:
        (line,) = self.stdout.getvalue().splitlines()
        return json.loads(line)

    def everything(self) -> str:
        written = self.outputs.read_text() + self.summary.read_text()
        return self.stdout.getvalue() + self.stderr.getvalue() + written


@pytest.fixture
def harness(tmp_path: Path) -> ReportHarness:
    return ReportHarness(tmp_path)


# Outputs


def test_a_rotations_outputs_describe_its_result(harness: ReportHarness) -> None:
    harness.tell(rotated())
    parsed = parse_file(harness.outputs.read_bytes())
    assert parsed.error is None
    assert parsed.outputs() == {
        "rotated": "true",
        "key-id": "5",
        "old-key-id": "4",
        "expires-at": "2026-05-30T12:00:00Z",
        "overlap-end": "2026-03-08T12:00:00Z",
        "rotation-id": "00000000-0000-0000-0000-000000000001",
        "confirmed": "true",
    }


@pytest.mark.parametrize("outcome", [NOT_DUE, WOULD])
def test_without_a_rotation_the_outputs_tell_of_the_key_in_use(
    harness: ReportHarness, outcome: NotDue | WouldRotate
) -> None:
    harness.tell(outcome)
    assert parse_file(harness.outputs.read_bytes()).outputs() == {
        "rotated": "false",
        "key-id": "4",
        "old-key-id": "",
        "expires-at": "2026-04-11T12:00:00Z",
        "overlap-end": "",
        "rotation-id": "",
        "confirmed": "false",
    }


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_failures_outputs_say_that_nothing_was_rotated(
    harness: ReportHarness, error: SignotaurError
) -> None:
    harness.fail(error)
    assert parse_file(harness.outputs.read_bytes()).outputs() == {"rotated": "false"}


# The key


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_the_key_is_nowhere_unless_it_was_asked_for(
    harness: ReportHarness, outcome: Outcome, *, as_json: bool
) -> None:
    harness.tell(outcome, as_json=as_json)
    assert KEY[4:12] not in harness.everything()
    assert KEY[-12:] not in harness.everything()


def test_the_json_object_has_the_key_only_on_request(
    harness: ReportHarness,
) -> None:
    harness.tell(rotated(), as_json=True, with_key=True)
    assert harness.document["apiKey"] == KEY
    assert KEY[4:12] not in harness.stderr.getvalue()
    assert KEY[4:12] not in harness.outputs.read_text() + harness.summary.read_text()


@pytest.mark.parametrize("outcome", [NOT_DUE, WOULD])
def test_without_a_rotation_there_is_no_key_to_report(
    harness: ReportHarness, outcome: NotDue | WouldRotate
) -> None:
    harness.tell(outcome, as_json=True, with_key=True)
    assert "apiKey" not in harness.document


# JSON


def test_a_rotation_is_one_json_object(harness: ReportHarness) -> None:
    harness.tell(rotated(destinations=("a", "b")), as_json=True)
    assert harness.document == {
        "rotated": True,
        "keyId": 5,
        "oldKeyId": 4,
        "name": "build key",
        "expiresAt": "2026-05-30T12:00:00Z",
        "overlapEnd": "2026-03-08T12:00:00Z",
        "autoRevoke": True,
        "rotationId": "00000000-0000-0000-0000-000000000001",
        "confirmed": True,
        "destinations": ["a", "b"],
        "results": [
            {"destination": "a", "result": "delivered"},
            {"destination": "b", "result": "delivered"},
        ],
    }


@pytest.mark.parametrize(("outcome", "would"), [(NOT_DUE, False), (WOULD, True)])
def test_no_rotation_is_one_json_object(
    harness: ReportHarness, outcome: NotDue | WouldRotate, *, would: bool
) -> None:
    harness.tell(outcome, as_json=True)
    assert harness.document == {
        "rotated": False,
        "wouldRotate": would,
        "keyId": 4,
        "name": "build key",
        "expiresAt": "2026-04-11T12:00:00Z",
        "revokesAt": None,
    }


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_failure_is_one_json_object(harness: ReportHarness, error: SignotaurError) -> None:
    harness.fail(error, as_json=True)
    assert harness.document == {
        "rotated": False,
        "exitCode": int(error.code),
        "error": ExitCode(error.code).name.lower().replace("_", "-"),
        "what": error.what,
        "keys": error.keys,
        "next": error.next,
    }


@pytest.mark.parametrize("name", ["a\nb", '"}{"', "\\", "::add-mask::x", "é鍵\u2028"])
def test_no_name_breaks_the_json_line(harness: ReportHarness, name: str) -> None:
    harness.tell(WouldRotate(info(name), continues=False), as_json=True)
    assert harness.document["name"] == name
    assert len(harness.stdout.getvalue().encode().splitlines()) == 1
    assert log_view(harness.stdout.getvalue().encode()) == harness.stdout.getvalue().rstrip("\n")


# Prose


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_prose_goes_to_stderr_and_ends_with_the_next_step(
    harness: ReportHarness, outcome: Outcome
) -> None:
    harness.tell(outcome)
    assert harness.stdout.getvalue() == ""
    assert harness.stderr.getvalue().splitlines()[-1].startswith("Next: ")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (rotated(), "Old key: 4, revoked at 2026-03-08T12:00:00Z"),
        (rotated(auto_revoke=False), "Next: revoke key 4 by hand when nothing uses it any more."),
        (rotated(auto_revoke=False), "Old key: 4, valid until somebody revokes it"),
        (rotated(overlap_end=NOW), "Old key: 4, revoked\n"),
        (rotated(new_key_expires_at=None), "New key expires: never"),
        (
            rotated(durable=False),
            "Next: store the new key now: the old one is revoked at 2026-03-08T12:00:00Z.",
        ),
        (NOT_DUE, "Not due: the key has 41 days left, the window is 30 days."),
        (NotDue(info(expires_at=None), timedelta(1)), "Not due: the key has no end, the"),
        (WOULD, "Dry run: would rotate this key. Nothing was changed."),
        (WouldRotate(info(), continues=True), "would finish an interrupted rotation"),
        (WouldRotate(info(revokes_at=NOW), continues=False), "Revoked at: 2026-03-01T12:00:00Z"),
    ],
)
def test_prose_says_what_happens_to_the_old_key(
    harness: ReportHarness, outcome: Outcome, expected: str
) -> None:
    harness.tell(outcome)
    assert expected in harness.stderr.getvalue()


# The summary's Markdown

_CELL = re.compile(r"(?:\\[!-/:-@\[-`{-~]|[^|\\]|\\(?![!-/:-@\[-`{-~]))+")
"""A table's cell as GitHub's Markdown scans it: an escaped mark, or anything but a pipe."""


def rows_of(markdown: str) -> Iterator[list[str]]:
    for line in markdown.splitlines():
        if line.startswith("| ") and line != "| | |" and "---" not in line:
            yield [cell.strip() for cell in _CELL.findall(line)]


@pytest.mark.parametrize(
    "name",
    [
        "a | b",
        "a \\| b",
        "a \\\\| b",
        "<script>x</script>",
        "![x](https://example.com/p.png)",
        "[x](https://example.com)",
        "`code`",
        "a\nb\n\n# heading",
        "&lt;b&gt;",
        "@everybody #1",
        "https://example.com www.example.com",
        "**bold** _x_ ~~y~~ $z$",
        "|||",
    ],
)
def test_no_name_is_markdown_in_the_summary(harness: ReportHarness, name: str) -> None:
    harness.tell(rotated(new_key_name=name, destinations=(name,)))
    rows = list(rows_of(harness.summary.read_text()))
    assert [len(row) for row in rows] == [2] * 5
    for cell in (rows[1][1], rows[4][0].removeprefix("Destination ")):
        assert name.replace("\n", "<br>") in unescape(cell)
        markup = cell.replace("<br>", "").removeprefix("5 (")
        assert not re.search(r"[<>`*\[\]!|\\@#]", re.sub(r"&#?\w+;", "", markup))
        assert "://" not in cell
        assert "www." not in cell


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_failure_is_summed_up(harness: ReportHarness, error: SignotaurError) -> None:
    harness.fail(error)
    shown = unescape(harness.summary.read_text())
    assert shown.startswith("### Not finished: ")
    assert error.next in shown
    assert error.keys in shown


def test_the_summary_keeps_its_earlier_content(harness: ReportHarness) -> None:
    harness.summary.write_text("# Before")
    harness.tell(rotated())
    assert harness.summary.read_text().startswith("# Before\n### Rotated key 4")


# Files that cannot be written


def test_outside_a_job_nothing_is_written(harness: ReportHarness) -> None:
    harness.environ.clear()
    harness.report().check()
    harness.tell(rotated())
    harness.fail(ServerError("x"))
    assert harness.outputs.read_text() + harness.summary.read_text() == ""


@pytest.mark.parametrize("variable", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_a_missing_file_is_refused_before_the_rotation(
    harness: ReportHarness, variable: str
) -> None:
    Path(harness.environ[variable]).unlink()
    with pytest.raises(DestinationRefusedError) as caught:
        harness.report().check()
    assert variable in caught.value.what
    assert "root" in caught.value.next


def test_a_check_writes_nothing(harness: ReportHarness) -> None:
    harness.summary.write_text("unended")
    harness.report().check()
    assert (harness.outputs.read_text(), harness.summary.read_text()) == ("", "unended")


def full(harness: ReportHarness) -> None:
    for variable in harness.environ:
        harness.environ[variable] = "/dev/full"


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_outputs_that_cannot_be_written_are_a_fault_of_the_report(
    harness: ReportHarness, outcome: Outcome
) -> None:
    full(harness)
    with pytest.raises(OSError, match="No space"):
        harness.tell(outcome)


def test_a_full_disk_leaves_no_half_record(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        harness = ReportHarness(disk)
        harness.outputs.write_bytes(b"a=" + b"x" * 4060 + b"\n")
        before = harness.outputs.read_bytes()
        fill(disk)
        with pytest.raises(OSError, match="No space"):
            harness.tell(rotated())
        assert harness.outputs.read_bytes() == before


class ClosedStream(StringIO):
    """A stdout whose reader went away."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError(32, os.strerror(32))


def test_a_json_object_that_cannot_be_written_is_a_fault_of_the_report(
    harness: ReportHarness,
) -> None:
    harness.console = Console(ClosedStream(), harness.stderr, github=False, debug=False)
    with pytest.raises(BrokenPipeError):
        harness.tell(rotated(), as_json=True, with_key=True)


@pytest.mark.parametrize("github", [True, False])
def test_reporting_a_failure_never_fails(harness: ReportHarness, *, github: bool) -> None:
    full(harness)
    closed = ClosedStream()
    harness.console = Console(closed, closed, github=github, debug=False)
    harness.fail(ServerError("x"), as_json=True)
