"""``guard --emit-secret``: the tokens that the next rotation needs, watched by every build."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from docs.pages import BLOCKS
from docs.shell import PLACEHOLDER, shell
from support.client import Finished, run_client
from support.clock import VirtualClock
from support.in_process import run_here
from support.keyserver import KeyServer
from support.providers.amazon import ROLE
from support.providers.amazon_place import AmazonPlace, AwsParameterHarness, AwsSecretHarness
from support.providers.exchange import fail
from support.providers.github import GitHub
from support.providers.github_place import REPOSITORY, GithubHarness
from support.providers.id_tokens import IdTokens
from support.providers.stores import BuildkiteHarness, GitlabHarness, StoreHarness

FAR, NEAR = "--fail-if-expiring-within=7d", "--fail-if-expiring-within=91d"
"""Of a key that lasts 90 days."""
SOON, LATER = timedelta(days=13), timedelta(days=60)


def guard(server: KeyServer, key: str, place: StoreHarness[Any], *options: str) -> Finished:
    """Guard a key and the token of a place; nothing secret is said, and nothing is written."""
    held = place.held()
    arguments = ("guard", *server.options, "--emit-secret", place.text, *options)
    done = run_client(*arguments, env={"SIGNOTAUR_API_KEY": key, **place.environ})
    assert place.held() == held
    for secret in (key, place.token):
        assert secret not in done.said
    return done


def last(place: GitlabHarness, left: timedelta) -> None:
    """Let the token last so long from now."""
    ends = f"{datetime.now(UTC) + left:%Y-%m-%d}"
    place.server.tokens = [replace(token, ends=ends) for token in place.server.tokens]


@pytest.fixture
def gitlab() -> Iterator[GitlabHarness]:
    with GitlabHarness() as place:
        yield place


def test_a_token_that_ends_soon_is_a_warning(
    shared_server: KeyServer, key: str, gitlab: GitlabHarness
) -> None:
    last(gitlab, SOON)
    done = guard(shared_server, key, gitlab, FAR, "--json")
    assert done.code == 0, done.said
    assert "Warning: The token for GitLab ends on 20" in done.err
    assert done.json["good"] is False
    [finding] = done.json["findings"]
    assert finding.startswith("The token for GitLab ends on 20")
    assert done.json["next"].startswith("Make a new token")
    assert {each.method for each in gitlab.server.requests} == {"GET"}


def test_a_token_that_lasts_is_good_and_no_other_limit_is_needed(
    shared_server: KeyServer, key: str, gitlab: GitlabHarness
) -> None:
    last(gitlab, LATER)
    done = guard(shared_server, key, gitlab)
    assert done.code == 0, done.said
    assert "The key is good." in done.err
    assert "Warning" not in done.err


def test_a_limit_that_is_passed_still_fails_the_build(
    shared_server: KeyServer, key: str, gitlab: GitlabHarness
) -> None:
    last(gitlab, SOON)
    done = guard(shared_server, key, gitlab, NEAR)
    assert done.code == 13
    assert "The key must be replaced." in done.err
    assert "The token for GitLab ends on 20" in done.err


def test_two_destinations_with_one_token_are_one_warning(
    shared_server: KeyServer, key: str, gitlab: GitlabHarness
) -> None:
    last(gitlab, SOON)
    other = "gitlab-var:OTHER,project=acme/app"
    done = guard(shared_server, key, gitlab, FAR, "--emit-secret", other, "--json")
    assert len(done.json["findings"]) == 1


def test_a_token_that_ended_is_a_warning(
    shared_server: KeyServer, key: str, gitlab: GitlabHarness
) -> None:
    gitlab.revoke()
    done = guard(shared_server, key, gitlab, FAR)
    assert done.code == 0, done.said
    assert "Warning: GitLab refuses the token: it ended, was revoked" in done.err


@pytest.mark.parametrize("make", [AwsSecretHarness, AwsParameterHarness])
def test_a_session_of_aws_ends_when_its_variable_says(
    shared_server: KeyServer, key: str, make: Callable[[], AmazonPlace]
) -> None:
    with make() as place:
        environ = place.environ | {"SIGNOTAUR_API_KEY": key}
        for name in ("AWS_CREDENTIAL_EXPIRATION", "AWS_SESSION_EXPIRATION"):
            for left, warned in ((timedelta(hours=8), True), (timedelta(hours=1), False)):
                ends = f"{datetime.now(UTC) + left:%Y-%m-%dT%H:%M:%SZ}"
                arguments = ("guard", *shared_server.options, "--emit-secret", place.text)
                done = run_client(*arguments, env=environ | {name: ends})
                assert done.code == 0, done.said
                assert ("The token for AWS ends on 20" in done.err) is warned
        place.revoke()
        assert "AWS refuses the token" in guard(shared_server, key, place).err


def test_a_job_that_signs_in_has_no_token_to_watch(shared_server: KeyServer, key: str) -> None:
    with AwsSecretHarness() as place, IdTokens() as issuer:
        environ = {
            "SIGNOTAUR_API_KEY": key,
            "AWS_REGION": "eu-central-1",
            "AWS_ROLE_ARN": ROLE,
            "AWS_ENDPOINT_URL": place.server.url,
            **issuer.environ,
        }
        arguments = ("guard", *shared_server.options, "--emit-secret", place.text)
        done = run_client(*arguments, env=environ)
        assert done.code == 0, done.said
        assert issuer.requests == []


# What cannot be known


def test_a_destination_without_a_known_end_is_named(
    shared_server: KeyServer, key: str, tmp_path: Path
) -> None:
    with BuildkiteHarness() as place:
        file = tmp_path / "key"
        done = guard(shared_server, key, place, "--emit-secret", f"key-file:{file}")
        assert done.code == 0, done.said
        assert done.err.count("it needs no token, or the end of its token is not known") == 2
        assert place.server.requests == []
        assert not file.exists()


def test_a_store_that_is_down_is_a_warning_and_opens_no_issue(
    shared_server: KeyServer, key: str, gitlab: GitlabHarness
) -> None:
    gitlab.server.faults.append(fail("GET", "", 503, times=99))
    arguments = ("guard", *shared_server.options, "--emit-secret", gitlab.text, FAR, "--json")
    environ = {"SIGNOTAUR_API_KEY": key, **gitlab.environ}
    done = run_here(*arguments, env=environ, clock=VirtualClock())
    assert done.code == 0, done.said
    assert "Warning: The token could not be checked: GitLab variable" in done.err
    assert done.json["good"] is True


def test_a_token_that_is_missing_is_bad_usage(
    shared_server: KeyServer, key: str, gitlab: GitlabHarness
) -> None:
    gitlab.token = ""
    arguments = ("guard", *shared_server.options, "--emit-secret", gitlab.text)
    done = run_client(*arguments, env={"SIGNOTAUR_API_KEY": key, **gitlab.environ})
    assert done.code == 10
    assert "GITLAB_TOKEN" in done.err


# The issue, kept by the token that is watched


@pytest.fixture
def github() -> Iterator[GithubHarness]:
    with GithubHarness() as place:
        yield place


def allow(github: GitHub, token: str, left: timedelta) -> None:
    """Let the token write secrets and issues for so long."""
    github.remove_token(token)
    ends = f"{datetime.now(UTC) + left:%Y-%m-%d %H:%M:%S} UTC"
    github.add_token(token, permissions={"secrets": "write", "issues": "write"}, ends=ends)


def test_one_issue_is_kept_until_the_token_is_replaced(
    shared_server: KeyServer, github: GithubHarness, fresh_name: str
) -> None:
    # Half a day more than whole days: the days that are left do not change between two runs.
    key = shared_server.add_key(name=fresh_name, expires_in="2172h")
    allow(github.server, github.token, SOON)
    first = guard(shared_server, key, github, FAR, "--report-issue")
    assert first.code == 0, first.said
    [issue] = github.server.open_issues(REPOSITORY)
    assert issue.title == (
        f"A token for the destinations of signing key {fresh_name} needs attention"
    )
    assert "The token for GitHub ends on 20" in (issue.body or "")
    assert "is already open" in guard(shared_server, key, github, FAR, "--report-issue").err

    allow(github.server, github.token, LATER)
    assert f"#{issue.number} closed" in guard(shared_server, key, github, "--report-issue").err
    [same] = github.server.all_issues(REPOSITORY)
    assert same.state == "closed"


def test_the_jobs_own_token_is_not_taken_for_the_watched_one(
    shared_server: KeyServer, key: str, github: GithubHarness
) -> None:
    github.server.remove_token(github.token)
    github.server.add_token(github.token, kind="job", permissions={"issues": "write"})
    done = guard(shared_server, key, github, FAR, "--report-issue")
    assert done.code == 0, done.said
    assert "Warning: The token could not be checked: GitHub secret" in done.err


def test_the_example_of_the_manual_works_as_it_is(
    own_server: KeyServer, gitlab: GitlabHarness, tmp_path: Path
) -> None:
    [example] = [each["text"] for each in BLOCKS if each["mark"] == "tokens"]
    assert f'"{gitlab.text}"' in example
    last(gitlab, LATER)
    key_file = tmp_path / ".signotaur" / "api_key.txt"
    key_file.parent.mkdir()
    key_file.write_text(own_server.add_key())
    variables = {"SIGNOTAUR_CA_FILE": str(own_server.ca_file), **gitlab.environ}
    done = shell(example.replace(PLACEHOLDER, own_server.url), tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert "The key is good." in done.stderr
