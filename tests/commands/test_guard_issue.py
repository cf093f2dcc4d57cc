"""``guard --report-issue``: one issue of GitHub per key, opened, kept and closed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.client import Finished, run_client
from support.clock import VirtualClock
from support.in_process import run_here
from support.keyserver import KeyServer
from support.providers.exchange import fail
from support.providers.github import GitHub

REPOSITORY = "acme/app"
TOKEN = "ghs_of-the-job-0123456789"
NEAR, FAR = "--fail-if-expiring-within=91d", "--fail-if-expiring-within=7d"


class GuardHarness:
    """A repository, a server, and the guard of a build between them."""

    def __init__(self, server: KeyServer, github: GitHub, key: str) -> None:
        self.server = server
        self.github = github
        self.key = key
        self.clock: VirtualClock | None = None
        """Run in this process, by this clock."""

    def guard(self, *options: str, key: str = "", **env: str) -> Finished:
        job = {
            "SIGNOTAUR_API_KEY": key or self.key,
            "GH_TOKEN": TOKEN,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": self.github.url,
            "GITHUB_SERVER_URL": "https://github.example.com",
            "GITHUB_RUN_ID": "77",
        }
        arguments = ("guard", "--report-issue", *self.server.options, *options)
        if self.clock is None:
            done = run_client(*arguments, env=job | env)
        else:
            done = run_here(*arguments, env=job | env, clock=self.clock)
        for secret in (self.key, TOKEN):
            assert secret not in done.said
            assert not any(secret.encode() in each.body for each in self.github.requests)
        return done


@pytest.fixture
def harness(shared_server: KeyServer, fresh_name: str) -> Iterator[GuardHarness]:
    # 90 days and a half: the days that are left must not change between two builds.
    key = shared_server.add_key(name=fresh_name, expires_in="2172h")
    with GitHub() as github:
        github.add_repository(REPOSITORY)
        github.add_token(TOKEN, kind="job", permissions={"issues": "write"})
        yield GuardHarness(shared_server, github, key)


def test_a_near_end_opens_one_issue(harness: GuardHarness, fresh_name: str) -> None:
    done = harness.guard(NEAR)
    assert done.code == 13
    [issue] = harness.github.open_issues(REPOSITORY)
    assert issue.title.startswith(f"Signing key {fresh_name} ends on 20")
    assert issue.labels == ["signing-key"]
    assert "The key must be replaced." in (issue.body or "")
    assert "https://github.example.com/acme/app/actions/runs/77" in (issue.body or "")
    assert f"Issue: #{issue.number} opened" in done.err


def test_the_next_build_updates_only_what_has_changed(
    harness: GuardHarness,
) -> None:
    harness.guard(NEAR)
    [issue] = harness.github.open_issues(REPOSITORY)
    said = harness.guard(NEAR)
    assert "is already open" in said.err
    assert not harness.github.calls("PATCH")

    warned = harness.guard("--warn-if-expiring-within=91d")
    assert warned.code == 0
    assert f"#{issue.number} updated" in warned.err
    [same] = harness.github.all_issues(REPOSITORY)
    assert "needs attention" in (same.body or "")


def test_a_rotation_closes_it(harness: GuardHarness, tmp_path: Path) -> None:
    harness.guard("--max-age=1d", NEAR)
    rotated = run_client(
        "rotate-key",
        *harness.server.options,
        "--json",
        "--state-dir",
        tmp_path,
        env={"SIGNOTAUR_API_KEY": harness.key},
    ).json
    done = harness.guard(FAR, key=rotated["apiKey"])
    assert done.code == 0
    [issue] = harness.github.all_issues(REPOSITORY)
    assert (issue.state, issue.state_reason) == ("closed", "completed")
    assert issue.comments == [f"The key is good. The key is now {rotated['keyId']}."]
    assert f"#{issue.number} closed" in done.err
    assert rotated["apiKey"] not in done.said

    quiet = harness.guard(FAR, key=rotated["apiKey"])
    assert "Issue" not in quiet.err
    assert len(harness.github.all_issues(REPOSITORY)) == 1


def test_an_issue_that_was_closed_by_hand_is_opened_again(harness: GuardHarness) -> None:
    harness.guard(NEAR)
    [issue] = harness.github.all_issues(REPOSITORY)
    issue.state = "closed"
    harness.guard(NEAR)
    assert len(harness.github.all_issues(REPOSITORY)) == 2
    assert len(harness.github.open_issues(REPOSITORY)) == 1


def test_each_key_has_its_own(harness: GuardHarness) -> None:
    harness.guard(NEAR)
    other = harness.server.add_key(name="another key")
    harness.guard(NEAR, key=other)
    assert len(harness.github.open_issues(REPOSITORY)) == 2
    harness.guard(FAR, key=other)
    [left] = harness.github.open_issues(REPOSITORY)
    assert "another key" not in left.title


def test_two_that_were_opened_at_once_become_one(harness: GuardHarness) -> None:
    harness.guard(NEAR)
    [first] = harness.github.open_issues(REPOSITORY)
    harness.github.add_issue(REPOSITORY, first.title, first.body, labels=["signing-key"])
    harness.guard(NEAR)
    assert [each.number for each in harness.github.open_issues(REPOSITORY)] == [first.number]


def test_others_issues_are_left_alone(harness: GuardHarness) -> None:
    for number in range(101):
        harness.github.add_issue(REPOSITORY, f"issue {number}", "text", labels=["signing-key"])
    harness.guard(NEAR)
    assert len(harness.github.open_issues(REPOSITORY)) == 102
    harness.guard(FAR)
    assert len(harness.github.open_issues(REPOSITORY)) == 101


def test_a_hostile_name_is_shown_and_never_obeyed(harness: GuardHarness) -> None:
    name = "a|b <b>x</b> @everybody --> ![p](https://example.com/p)"
    done = harness.guard(NEAR, key=harness.server.add_key(name=name))
    assert done.code == 13
    [issue] = harness.github.open_issues(REPOSITORY)
    table = (issue.body or "").partition("<!--")[0]
    assert "<b>" not in table
    assert "@everybody" not in table
    assert "](" not in table
    assert (issue.body or "").count("-->") == 1


# What GitHub may refuse: the verdict stands, and a warning says why there is no issue


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "issues: write"), (404, "issues: write"), (410, "410"), (422, "422"), (500, "500")],
)
def test_an_issue_that_cannot_be_kept_changes_no_verdict(
    harness: GuardHarness, status: int, words: str
) -> None:
    if status == 500:  # is asked again, after pauses
        harness.clock = VirtualClock()
    harness.github.faults.append(fail("", "issues", status, body={"message": "no"}, times=99))
    limit, code = (FAR, 0) if status == 403 else (NEAR, 13)
    done = harness.guard(limit)
    assert done.code == code
    assert "Warning: The issue could not be updated: " in done.err
    assert words in done.err


def test_a_missing_permission_is_named(harness: GuardHarness) -> None:
    harness.github.remove_token(TOKEN)
    harness.github.add_token(TOKEN, kind="job", permissions={"metadata": "read"})
    done = harness.guard(NEAR)
    assert done.code == 13
    assert "issues: write" in done.err


def test_everything_missing_is_reported_at_once(harness: GuardHarness) -> None:
    done = harness.guard(NEAR, GH_TOKEN="", GITHUB_REPOSITORY="")
    assert done.code == 10
    assert "--report-issue needs --github-token" in done.err
    assert "GITHUB_REPOSITORY" in done.err
    assert not harness.github.requests


@pytest.mark.parametrize("token", ["two words-0123456789", "ghp_\N{EN DASH}0123456789"])
def test_an_invalid_token_is_bad_usage_and_is_not_shown(harness: GuardHarness, token: str) -> None:
    done = harness.guard(NEAR, GH_TOKEN=token)
    assert done.code == 10
    assert "the token contains characters that are not valid in a token" in done.err
    assert token not in done.said
    assert not harness.github.requests
