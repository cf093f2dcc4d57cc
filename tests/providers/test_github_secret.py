"""``github-secret``: whose secrets, which tokens, and what proves that GitHub took the key."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.harness import delivery
from providers.github_harness import (
    AT,
    PUBLIC_KEY,
    REPOSITORY,
    SECRET,
    TOKEN,
    GithubHarness,
    furnish,
    kept_long_ago,
)
from signotaur_action.sinks.base import SinkError
from support.providers.exchange import after, fail
from support.providers.github import GitHub
from support.sample_key import KEY
from support.tls import Authority


@pytest.fixture
def harness() -> Iterator[GithubHarness]:
    with GitHub() as github:
        furnish(github)
        yield GithubHarness(github)


# Whose secret

SCOPES = [
    ("KEY", "actions", REPOSITORY, "Repository permissions: Secrets: write", "repo"),
    ("KEY,repo=acme/elsewhere", "actions", "repos/acme/elsewhere", "Secrets: write", "repo"),
    ("KEY,env=production/eu", "actions", f"{REPOSITORY}/environments/production/eu",
     "Repository permissions: Environments: write", "repo"),
    ("KEY,app=dependabot", "dependabot", REPOSITORY,
     "Repository permissions: Dependabot secrets: write", "repo"),
    ("KEY,app=codespaces", "codespaces", REPOSITORY,
     "Repository permissions: Codespaces secrets: write", "repo"),
    ("KEY,org=acme", "actions", "orgs/acme", "Organization permissions: Secrets: write",
     "admin:org"),
    ("KEY,org=acme,app=dependabot", "dependabot", "orgs/acme",
     "Organization permissions: Dependabot secrets: write", "admin:org"),
    ("KEY,org=acme,app=codespaces", "codespaces", "orgs/acme",
     "Organization permissions: Codespaces secrets: write", "admin:org"),
]  # fmt: skip
EVERY_SCOPE = pytest.mark.parametrize(
    ("text", "store", "scope", "permission", "classic"), SCOPES, ids=[each[0] for each in SCOPES]
)


@EVERY_SCOPE
def test_a_secret_is_made_and_changed(
    harness: GithubHarness, text: str, store: str, scope: str, permission: str, classic: str
) -> None:
    del permission, classic
    sink = harness.sink(text)
    (told,) = sink.check()
    assert told == f"{sink.name} does not exist yet; it will be created."
    assert {each.method for each in harness.github.requests} == {"GET"}
    sink.deliver(delivery(KEY[::-1]))
    again = harness.sink(text)
    assert again.check() == []
    again.deliver(delivery(KEY))
    assert harness.github.secret(store, scope, "KEY") == KEY
    for each in harness.github.requests:
        sent = each.path.encode() + each.body + repr(each.headers).encode()
        assert KEY.encode() not in sent, "in clear"
        assert TOKEN not in each.path


def test_in_an_enterprise_server_with_an_authority_of_its_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with GitHub(prefix="/api/v3", tls=authority.issue()) as github:
        furnish(github)
        github.clock_offset = timedelta(days=2)  # nobody's clock but GitHub's counts
        harness = GithubHarness(github, ca_file=authority.ca_file)
        for _ in range(2):
            harness.checked().deliver(delivery(KEY))
        assert github.secret(*AT) == KEY
        assert "certificate" in GithubHarness(github).refusal(GithubHarness(github).sink())


# Tokens


@EVERY_SCOPE
def test_a_refused_token_gets_the_needed_permission_named(
    harness: GithubHarness, text: str, store: str, scope: str, permission: str, classic: str
) -> None:
    del store, scope
    assert "(401: Bad credentials)" in harness.refusal(harness.sink(text, "an-expired-token"))
    for token in (
        harness.github.add_token("poor", permissions={"issues": "write"}),
        harness.github.add_token(
            "far", repositories=["acme/else"], permissions={"secrets": "write"}
        ),
        harness.github.add_token("job", kind="job", permissions={"secrets": "write"}),
    ):
        assert f"{permission}" in harness.refusal(harness.sink(text, token))
    poor = harness.github.add_token("classic", scopes=["public_repo", "workflow"])
    assert f"needs the scope {classic}" in harness.refusal(harness.sink(text, poor))
    rich = harness.github.add_token("classic", scopes=["workflow", classic])
    harness.sink(text, rich).check()
    assert harness.github.calls("PUT") == []


def test_a_classic_token_that_reads_a_public_repository_does_not_write(
    harness: GithubHarness,
) -> None:
    body = {"key_id": "1", "key": "AAAA"}
    headers = {"X-OAuth-Scopes": "public_repo, repo:status"}
    harness.github.faults.append(fail("GET", PUBLIC_KEY, 200, headers=headers, body=body))
    assert "the token lacks the scope repo." in harness.refusal(harness.sink())
    assert harness.github.calls("PUT") == []


def test_a_token_that_only_reads_is_found_when_it_should_write(harness: GithubHarness) -> None:
    """Nothing that changes nothing tells reading from writing."""
    reader = harness.github.add_token("reader", permissions={"secrets": "read"})
    sink = harness.sink(token=reader)
    sink.check()
    assert "needs Repository permissions: Secrets: write" in harness.refusal(sink)
    assert harness.github.secret(*AT) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        *(
            (name, "the value must be a name of")
            for name in ("", "1A", "A-B", "A B", "github_x", "GITHUB_X")
        ),
        ("KEY,repo=product", "needs repo=OWNER/REPO"),
        ("KEY,repo=a/b/c", "needs repo=OWNER/REPO"),
        ("KEY,repo=acme/", "needs repo=OWNER/REPO"),
        ("KEY,org=acme,repo=a/b", "org= cannot be used with repo= or env="),
        ("KEY,org=acme,env=x", "org= cannot be used with repo= or env="),
        ("KEY,visibility=all", "is only for a secret of an organization"),
        ("KEY,org=acme,visibility=public", "visibility= must be one of"),
        ("KEY,app=gists", "app= must be one of"),
        ("KEY,env=x,app=dependabot", "env= is only for secrets of Actions"),
        ("KEY,env=", "must be given once, with a value"),
        ("KEY,team=x", "options after the name: repo=…"),
        ("KEY,repo", "must be given once, with a value"),
    ],
)
def test_what_github_would_refuse_is_a_fault_of_the_command(
    harness: GithubHarness, text: str, what: str
) -> None:
    with pytest.raises(SinkError, match=re.escape(what)):
        harness.sink(text)


def test_without_a_token_or_with_a_wrong_address_nothing_is_begun(harness: GithubHarness) -> None:
    with pytest.raises(SinkError, match=r"needs a token: .*GH_TOKEN"):
        harness.sink(token=None)
    for url in ("http://github.example.com/api/v3", "github.example.com", "https://u:p@g.example"):
        harness.environ["GITHUB_API_URL"] = url
        with pytest.raises(SinkError, match="GITHUB_API_URL"):
            harness.sink()
    harness.environ.clear()
    harness.ca_file = Path("/nonexistent/ca.pem")
    with pytest.raises(SinkError, match="contains no certificate authorities to trust"):
        harness.sink()


# The public key


def test_a_stale_public_key_is_fetched_again_once(harness: GithubHarness) -> None:
    sink = harness.checked()
    harness.github.rotate_public_key(*AT[:2])
    sink.deliver(delivery(KEY))
    assert harness.github.secret(*AT) == KEY
    assert [each.status for each in harness.github.calls("PUT")] == [422, 201]
    assert len(harness.github.calls("GET", "public-key")) == 2


def test_other_refusals_are_not_retried(harness: GithubHarness) -> None:
    harness.github.faults.append(fail("PUT", SECRET, 422, body={"message": "too large"}, times=9))
    assert "GitHub answered 422: too large." in harness.refusal(harness.sink())
    assert len(harness.github.calls("PUT")) == 1
    harness.github.faults.clear()

    def rotate() -> None:
        harness.github.rotate_public_key(*AT[:2])

    harness.github.faults.append(after("GET", PUBLIC_KEY, rotate, times=9))
    assert "improperly encrypted" in harness.refusal(harness.sink())
    assert len(harness.github.calls("PUT")) == 3


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({}, "returned no public key"),
        ({"key_id": 1, "key": "AAAA"}, "returned no public key"),
        ({"key_id": "1", "key": "AAAA"}, "cannot be used"),
        ({"key_id": "1", "key": "no base64 ü"}, "cannot be used"),
    ],
)
def test_an_invalid_public_key_is_reported(
    harness: GithubHarness, body: dict[str, Any], what: str
) -> None:
    harness.github.faults.append(fail("GET", PUBLIC_KEY, 200, body=body, times=9))
    assert what in harness.refusal(harness.sink())
    assert harness.github.calls("PUT") == []


# The proof


@pytest.mark.parametrize("lag", [1, 2])
@pytest.mark.parametrize("existed", [True, False])
def test_a_change_that_shows_late_is_waited_for(
    harness: GithubHarness, lag: int, *, existed: bool
) -> None:
    if existed:
        kept_long_ago(harness.github, *AT)
    sink = harness.checked()
    harness.github.lag = lag
    sink.deliver(delivery(KEY))
    assert harness.github.secret(*AT) == KEY
    assert len(harness.github.calls("GET", "secrets/KEY")) == 2 + lag + 1


@pytest.mark.parametrize("existed", [True, False])
def test_a_change_that_never_shows_fails_the_delivery(
    harness: GithubHarness, *, existed: bool
) -> None:
    if existed:
        kept_long_ago(harness.github, *AT)
    harness.github.faults.append(fail("PUT", SECRET, 204))
    assert "does not show the secret as changed" in harness.refusal(harness.sink())


# An organization's secret


@pytest.mark.parametrize(
    ("settings", "before", "then"),
    [
        ("", None, "private"),
        ("", "all", "all"),
        ("", "private", "private"),
        (",visibility=all", None, "all"),
        (",visibility=private", "all", "private"),
    ],
)
def test_who_may_use_it_stays_or_is_as_asked(
    harness: GithubHarness, settings: str, before: str | None, then: str
) -> None:
    at = ("actions", "orgs/acme", "KEY")
    if before:
        kept_long_ago(harness.github, *at, visibility=before)
    harness.checked(f"KEY,org=acme{settings}").deliver(delivery(KEY))
    assert harness.github.secret(*at) == KEY
    assert harness.github.visibility(*at) == (then, [])


@pytest.mark.parametrize("settings", ["", ",visibility=selected"])
def test_selected_repositories_stay_selected(harness: GithubHarness, settings: str) -> None:
    """More than one page of them: GitHub would take the secret from those that are not named."""
    at = ("actions", "orgs/acme", "KEY")
    chosen = [harness.github.add_repository(f"acme/r{number}") for number in range(201)]
    kept_long_ago(harness.github, *at, visibility="selected", selected=chosen)
    harness.checked(f"KEY,org=acme{settings}").deliver(delivery(KEY))
    assert harness.github.visibility(*at) == ("selected", chosen)
    assert len(harness.github.calls("GET", "/repositories?")) == 3


@pytest.mark.parametrize("before", [None, "all"])
def test_nobody_is_selected_by_a_rotation(harness: GithubHarness, before: str | None) -> None:
    if before:
        kept_long_ago(harness.github, "actions", "orgs/acme", "KEY", visibility=before)
    sink = harness.sink("KEY,org=acme,visibility=selected")
    assert "select them on GitHub first" in harness.refusal(sink)
    assert harness.github.calls("PUT") == []
