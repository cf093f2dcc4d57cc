"""The token of a store that ends soon is reported before it stops a rotation."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests

from providers.github_harness import PERMISSIONS, TOKEN, GithubHarness, furnish
from signotaur_action.errors import DestinationRefusedError
from signotaur_action.ports import TokenHolder
from signotaur_action.sinks.stores.token_end import (
    end_of_day,
    end_of_github_token,
    ends_soon,
    moment_of,
)
from support.providers.amazon_place import AmazonPlace, AwsParameterHarness, AwsSecretHarness
from support.providers.exchange import fail
from support.providers.github import GitHub
from support.providers.openbao import OpenBao
from support.providers.stores import GitlabHarness, VaultHarness

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = 24 * 3600


@pytest.mark.parametrize(
    ("left", "warned"),
    [
        (timedelta(days=14), True),
        (timedelta(days=14, seconds=1), False),
        (timedelta(hours=2, seconds=1), True),
        (timedelta(hours=2), False),  # of a GitHub App: made for one run
        (timedelta(days=-1), False),  # the store itself refuses it
    ],
)
def test_a_warning_comes_within_14_days(left: timedelta, *, warned: bool) -> None:
    found = ends_soon("GitHub", NOW + left, NOW)
    assert bool(found) is warned
    assert all("The token for GitHub ends on 2026-11-" in text for text in found)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-01 09:30:00 UTC", datetime(2026, 12, 1, 9, 30, tzinfo=UTC)),
        ("2026-12-01 09:30:00 +0200", datetime(2026, 12, 1, 7, 30, tzinfo=UTC)),
        ("2026-12-01", None),
        ("0001-01-01 00:00:00 +2359", None),
        ("soon\n::error::x", None),
        ("", None),
    ],
)
def test_githubs_header(text: str, moment: datetime | None) -> None:
    assert end_of_github_token(text) == moment


@pytest.mark.parametrize("text", ["", "2026", "2026-13-01", "9999999-01-01", "2026-12-01T00:00"])
def test_what_is_no_date_of_gitlab_is_ignored(text: str) -> None:
    assert end_of_day(text) is None
    assert end_of_day("2026-12-01") == datetime(2026, 12, 1, tzinfo=UTC)


def _github_end(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d %H:%M:%S} UTC"


@pytest.mark.parametrize(("days", "warnings"), [(13, 1), (20, 0)])
def test_github(days: int, warnings: int) -> None:
    with GitHub() as github:
        furnish(github)
        permissions = dict.fromkeys(PERMISSIONS, "write")
        github.add_token(TOKEN, permissions=permissions, ends=_github_end(days))
        found = GithubHarness(github).sink().check()
    assert len([text for text in found if "The token for GitHub ends on" in text]) == warnings


@pytest.mark.parametrize(("days", "warnings"), [(13, 1), (20, 0)])
def test_gitlab(days: int, warnings: int) -> None:
    with GitlabHarness() as place:
        ends = f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"
        place.server.tokens = [replace(token, ends=ends) for token in place.server.tokens]
        found = place.sink().check()
    assert len([text for text in found if "The token for GitLab ends on" in text]) == warnings


@pytest.mark.parametrize(
    ("lifetime", "left", "warnings"),
    [(32, 13, 1), (32, 20, 0), (14, 13, 0), (32, 0, 0), (0, 0, 0)],
    ids=["ends soon", "lasts", "made for less", "no longer ends", "never ends"],
)
def test_vault(lifetime: int, left: int, warnings: int) -> None:
    with VaultHarness() as place:
        told = {"data": {"creation_ttl": lifetime * DAY, "ttl": left * DAY}}
        place.server.faults.append(fail("GET", "/lookup-self", 200, body=told))
        found = place.sink().check()
    assert len([text for text in found if "The token for Vault ends on" in text]) == warnings


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"data": [1]},
        {"data": {"ttl": DAY}},
        {"data": {"creation_ttl": 32 * DAY}},
        {"data": {"creation_ttl": 32 * DAY, "ttl": "1d"}},
        {"data": {"creation_ttl": "32d", "ttl": DAY}},
    ],
)
def test_a_vault_that_does_not_tell_the_end_is_no_concern(told: dict[str, object]) -> None:
    with VaultHarness() as place:
        place.server.faults.append(fail("GET", "/lookup-self", 200, body=told))
        assert list(place.sink().check()) == []


def test_openbaos_own_answer_is_read(openbao: OpenBao) -> None:
    with VaultHarness() as place:
        assert list(place.sink().check()) == []
        answer = requests.get(
            f"{openbao.url}/v1/auth/token/lookup-self",
            headers={"X-Vault-Token": place.token},
            timeout=60,
            verify=str(openbao.ca_file),
        )
        assert {"creation_ttl", "ttl"} <= set(answer.json()["data"])


@pytest.mark.parametrize("make", [AwsSecretHarness, AwsParameterHarness])
def test_a_session_of_aws(make: Callable[[], AmazonPlace]) -> None:
    with make() as place:
        for name in ("AWS_CREDENTIAL_EXPIRATION", "AWS_SESSION_EXPIRATION"):
            ends = {name: f"{datetime.now(UTC) + timedelta(hours=8):%Y-%m-%dT%H:%M:%SZ}"}
            [concern] = place.sink(**ends).check()
            assert concern.startswith("The token for AWS ends on 20")
        assert list(place.sink(AWS_CREDENTIAL_EXPIRATION="soon").check()) == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-01T09:30:00Z", datetime(2026, 12, 1, 9, 30, tzinfo=UTC)),
        ("2026-12-01T09:30:00+02:00", datetime(2026, 12, 1, 7, 30, tzinfo=UTC)),
        ("2026-12-01T09:30:00", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("soon", None),
    ],
)
def test_a_time_in_a_variable(text: str, moment: datetime | None) -> None:
    assert moment_of(text) == moment


# What guard asks for


def test_a_vault_token_that_ended_is_told_from_one_that_may_not_look() -> None:
    with VaultHarness() as place:
        sink = place.sink()
        assert isinstance(sink, TokenHolder)
        assert list(sink.token_concerns()) == []
        rights = {"secret/data/ci/signotaur": place.rights}
        place.server.add_token(place.token, rights, default=False)
        with pytest.raises(DestinationRefusedError, match="it needs read on auth/token") as caught:
            sink.token_concerns()
        assert caught.value.what.startswith(f"{sink.name} cannot be used: ")
        assert caught.value.next.startswith("Fix VAULT_ADDR, VAULT_TOKEN or the token's policy")
        place.revoke()
        [concern] = sink.token_concerns()
        assert concern.startswith("Vault refuses the token: it ended, was revoked")
