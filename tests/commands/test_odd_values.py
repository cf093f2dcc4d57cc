"""Odd values that once slipped through, at the command line."""

import subprocess
from pathlib import Path

import pytest

from support.client import BARE, CLIENT, run_client
from support.keyserver import KeyServer


@pytest.mark.parametrize("days", ["1_4", "\u0667", "7.0", "", " ", "+-7", "1e1"])
def test_only_plain_digits_are_days(days: str) -> None:
    done = run_client("rotate-key", "--overlap-days", days, "-a", "x" * 20, "-s", "https://x")
    assert done.code == 10
    assert "--overlap-days: it must be a whole number of days" in done.err


def test_links_in_a_circle_are_refused(
    shared_server: KeyServer, key_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    done = run_client(
        "rotate-key",
        *shared_server.options,
        *("--af", key_file, "--wk", tmp_path / "a", "--follow-symlinks"),
    )
    assert done.code == 11, done.err
    assert "symbolic link" in done.err


def test_an_unwritable_output_file_costs_neither_summary_nor_json(tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    summary.touch()
    done = run_client(
        "rotate-key",
        "--json",
        env={
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(tmp_path / "no" / "outputs"),
            "GITHUB_STEP_SUMMARY": str(summary),
        },
    )
    assert done.code == 10
    assert '"exitCode": 10' in done.out
    assert "Not finished" in summary.read_text()


def test_a_guard_that_cannot_tell_says_so(shared_server: KeyServer, key: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*CLIENT, "guard", *shared_server.options, "--max-age=1d", "--json"],
            env={**BARE, "SIGNOTAUR_API_KEY": key},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "Error: The result could not be reported (no space left on device).\n" in done.stderr
    assert "Keys: Unchanged" in done.stderr
