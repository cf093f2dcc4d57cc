"""The stand-in of GitHub itself: what it takes, what it refuses, what it notes."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from nacl.encoding import Base64Encoder
from nacl.public import PublicKey, SealedBox

from support.clock import VirtualClock
from support.providers.exchange import after, drop, fail
from support.providers.github import GitHub
from support.providers.github_secrets import STORES
from support.tls import Authority

HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
REPO = "repos/octo/Signing"
FOLDER = f"{REPO}/actions/secrets"
ENVIRONMENT = f"{REPO}/environments/production"
PLACES = [
    *((store, at, f"{at}/{store}/secrets") for at in (REPO, "orgs/octo") for store in STORES),
    ("actions", ENVIRONMENT, f"{ENVIRONMENT}/secrets"),
]
SECRETS = ("secrets", "dependabot_secrets", "codespaces_secrets")
ALL = dict.fromkeys(
    (*SECRETS, *(f"organization_{each}" for each in SECRETS), "environments", "issues"), "write"
)


class Client:
    """A well-mannered client."""

    def __init__(self, github: GitHub, token: str = "all") -> None:
        self.github = github
        self.headers = HEADERS | {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        url, sent = f"{self.github.url}/{path}", self.headers | headers
        return requests.request(method, url, json=body, headers=sent, timeout=60)

    def seal(self, folder: str, value: str) -> dict[str, Any]:
        key = self.call("GET", f"{folder}/public-key").json()
        box = SealedBox(PublicKey(key["key"].encode(), encoder=Base64Encoder))
        sealed = b64encode(box.encrypt(value.encode())).decode()
        audience = {"visibility": "private"} if folder.startswith("orgs") else {}
        return {"encrypted_value": sealed, "key_id": key["key_id"]} | audience

    def put(self, folder: str, name: str, value: str) -> requests.Response:
        return self.call("PUT", f"{folder}/{name}", self.seal(folder, value))


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as github:
        _furnish(github)
        yield github


@pytest.fixture
def client(github: GitHub) -> Client:
    return Client(github)


@pytest.mark.parametrize(("store", "scope", "folder"), PLACES)
def test_a_sealed_secret_arrives_and_is_updated(
    github: GitHub, client: Client, store: str, scope: str, folder: str
) -> None:
    assert client.call("GET", f"{folder}/KEY").status_code == 404
    created = client.put(folder, "key", "one")
    assert (created.status_code, created.json()) == (201, {})
    updated = client.put(folder, "KEY", "two")
    assert (updated.status_code, updated.content) == (204, b"")
    assert github.secret(store, scope, "KEY") == "two"
    assert client.call("GET", f"{folder}/KEY").json()["name"] == "KEY"


def test_every_place_has_a_key_of_its_own(client: Client) -> None:
    keys = [client.call("GET", f"{folder}/public-key").json() for *_, folder in PLACES]
    assert len({each["key"] for each in keys}) == len(PLACES)


def test_a_stale_key_and_a_wrong_seal_are_refused(github: GitHub, client: Client) -> None:
    sealed = client.seal(FOLDER, "value")
    github.rotate_public_key("actions", REPO)
    stale = client.call("PUT", f"{FOLDER}/KEY", sealed)
    other = client.seal(FOLDER, "value") | {"encrypted_value": sealed["encrypted_value"]}
    wrong = client.call("PUT", f"{FOLDER}/KEY", other)
    assert (stale.status_code, wrong.status_code) == (422, 422)
    assert "improperly encrypted secret" in wrong.json()["message"]
    assert github.secret("actions", REPO, "KEY") is None


@pytest.mark.parametrize("name", ["1KEY", "MY-KEY", "github_key", "KEY%20"])
def test_names_are_checked(client: Client, name: str) -> None:
    assert client.put(FOLDER, name, "value").status_code == 422


def test_reads_may_lag_behind_a_write(github: GitHub, client: Client) -> None:
    github.clock_offset = timedelta(hours=-1)
    client.put(FOLDER, "KEY", "one")
    github.clock_offset = timedelta(0)
    github.lag = 2
    before = client.call("GET", f"{FOLDER}/KEY").json()
    client.put(FOLDER, "KEY", "two")
    seen = [client.call("GET", f"{FOLDER}/KEY").json() for _ in range(3)]
    assert seen[:2] == [before, before]
    assert seen[2]["updated_at"] > before["updated_at"]


def test_an_organization_selects_repositories(github: GitHub, client: Client) -> None:
    folder = "orgs/octo/actions/secrets"
    identity = client.call("GET", REPO).json()["id"]
    body = client.seal(folder, "value") | {"visibility": "selected"}
    client.call("PUT", f"{folder}/KEY", body | {"selected_repository_ids": [identity]})
    chosen = client.call("GET", f"{folder}/KEY/repositories").json()
    assert [each["full_name"] for each in chosen["repositories"]] == ["octo/Signing"]
    client.call("PUT", f"{folder}/KEY", body)
    assert github.visibility("actions", "orgs/octo", "KEY") == ("selected", [])


@pytest.mark.parametrize(
    ("token", "path", "status", "accepted"),
    [
        ("nobody's", REPO, 401, None),
        ("reader", f"{FOLDER}/public-key", 200, None),
        ("reader", "repos/octo/elsewhere/actions/secrets/public-key", 404, None),
        ("reader", f"{REPO}/dependabot/secrets/public-key", 403, "dependabot_secrets=read"),
        ("reader", f"{REPO}/codespaces/secrets/public-key", 403, "codespaces_secrets=write"),
        ("reader", f"{REPO}/environments/production/secrets/A", 403, "environments=read"),
        ("reader", "repos/octo/unknown", 404, None),
        ("all", f"{REPO}/environments/unknown/secrets/public-key", 404, None),
        ("all", "orgs/unknown/actions/secrets/public-key", 404, None),
        ("job", f"{FOLDER}/public-key", 403, "secrets=read"),
        ("job", f"{REPO}/issues", 200, None),
        ("classic", f"{FOLDER}/public-key", 200, None),
        ("classic", "orgs/octo/actions/secrets/public-key", 404, None),
    ],
)
def test_tokens_reach_what_they_were_given(
    github: GitHub, token: str, path: str, status: int, accepted: str | None
) -> None:
    answer = Client(github, token).call("GET", path)
    assert answer.status_code == status
    assert answer.headers.get("X-Accepted-GitHub-Permissions") == accepted
    assert ("X-OAuth-Scopes" in answer.headers) == (token == "classic")


def test_reading_is_not_writing(github: GitHub, client: Client) -> None:
    answer = Client(github, "reader").call("PUT", f"{FOLDER}/KEY", client.seal(FOLDER, "value"))
    assert answer.status_code == 403
    assert answer.json()["message"] == "Resource not accessible by personal access token"


@pytest.mark.parametrize("status", [403, 429])
def test_the_primary_limit_is_reported_and_kept(
    github: GitHub, client: Client, status: Any
) -> None:
    clock = github.clock = VirtualClock(frozen=True)
    github.limit_primary(1, reset_in=100, status=status)
    assert client.call("GET", REPO).headers["x-ratelimit-remaining"] == "0"
    refused = client.call("GET", REPO)
    assert refused.status_code == status
    assert refused.headers["x-ratelimit-remaining"] == "0"
    clock.sleep(102)
    assert client.call("GET", REPO).status_code == 200


@pytest.mark.parametrize(("retry_after", "demanded"), [(7, 7), (None, 60)])
def test_a_client_that_comes_back_too_soon_is_noted(
    github: GitHub, client: Client, retry_after: int | None, demanded: int
) -> None:
    clock = github.clock = VirtualClock(frozen=True)
    github.limit_secondary(retry_after, times=2)
    refused = client.call("GET", REPO)
    assert "secondary rate limit" in refused.json()["message"]
    assert refused.headers.get("Retry-After") == (str(retry_after) if retry_after else None)
    clock.sleep(demanded)
    client.call("GET", REPO)
    assert github.violations == []
    clock.sleep(demanded - 1)
    client.call("GET", REPO)
    assert _taken(github) == [f"GET /{REPO} came 1.000 s before its time"]


def test_issues_live_and_are_listed_in_pages(github: GitHub, client: Client) -> None:
    for number in range(3):
        client.call("POST", f"{REPO}/issues", {"title": f"T{number}", "labels": ["rotation"]})
    github.add_issue("octo/signing", "A pull request", labels=["rotation"], pull_request=True)
    client.call("PATCH", f"{REPO}/issues/1", {"state": "closed", "state_reason": "not_planned"})
    client.call("POST", f"{REPO}/issues/2/comments", {"body": "<b>@you</b>"})
    query = "labels=rotation,&per_page=2"
    first = client.call("GET", f"{REPO}/issues?{query}")
    assert ["pull_request" in each for each in first.json()] == [True, False]
    second = requests.get(first.links["next"]["url"], headers=client.headers, timeout=60)
    assert [each["title"] for each in second.json()] == ["T1"]
    assert "next" not in second.links
    assert [each.title for each in github.open_issues("octo/signing")] == ["T1", "T2"]
    assert github.all_issues("octo/signing")[0].state_reason == "not_planned"
    assert github.all_issues("octo/signing")[1].comments == ["<b>@you</b>"]


def test_issues_can_be_off_or_too_long(github: GitHub, client: Client) -> None:
    long = client.call("POST", f"{REPO}/issues", {"title": "T", "body": "x" * 65537})
    assert (long.status_code, long.json()["message"]) == (422, "Validation Failed")
    github.disable_issues("octo/signing")
    assert client.call("POST", f"{REPO}/issues", {"title": "T"}).status_code == 410


@pytest.mark.parametrize("header", ["Accept", "X-GitHub-Api-Version"])
def test_missing_headers_are_noted(github: GitHub, client: Client, header: str) -> None:
    client.call("GET", REPO, **{header: "*/*"})
    (found,) = _taken(github)
    assert f"{header} is not" in found


def test_what_the_description_does_not_know_is_noted(github: GitHub, client: Client) -> None:
    client.call("GET", f"{REPO}/pulls")
    client.call("POST", f"{REPO}/issues", {"title": "T", "colour": "red"})
    client.call("GET", f"{REPO}/issues?state=ajar")
    client.call("PUT", f"{FOLDER}/KEY", {"encrypted_value": "?", "key_id": "1"})
    noted = _taken(github)
    for text in ("no such operation", "'colour'", "'ajar' is not one of", "does not match"):
        assert any(text in each for each in noted), text


def test_what_was_noted_fails_the_test_that_did_it() -> None:
    with pytest.raises(AssertionError, match="Accept is not"):
        _misbehave()
    # Nothing hides the failure that came first.
    with pytest.raises(KeyError):
        _misbehave(KeyError)


def test_a_user_agent_is_demanded(client: Client) -> None:
    # An empty value is as good as none, and `requests` can send it.
    assert client.call("GET", REPO, **{"User-Agent": ""}).status_code == 403


def test_faults_come_before_the_work_or_after_it(github: GitHub, client: Client) -> None:
    done = list[str | None]()
    github.faults += [
        fail("PUT", r"/KEY$", 502),
        drop("PUT", r"/KEY$", after=True),
        after("PUT", r"/KEY$", lambda: done.append(github.secret("actions", REPO, "KEY"))),
    ]
    assert client.put(FOLDER, "KEY", "one").status_code == 502
    assert github.secret("actions", REPO, "KEY") is None
    with pytest.raises(requests.ConnectionError):
        client.put(FOLDER, "KEY", "two")
    assert github.secret("actions", REPO, "KEY") == "two"
    assert client.put(FOLDER, "KEY", "three").status_code == 204
    assert done == ["three"]
    assert [each.status for each in github.calls("PUT")] == [502, 0, 204]


def test_an_enterprise_server_has_a_prefix_a_clock_and_a_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with GitHub(prefix="/api/v3", tls=authority.issue()) as github:
        _furnish(github)
        github.add_issue("octo/signing", "one")
        github.add_issue("octo/signing", "two")
        github.clock_offset = timedelta(days=2)
        headers = HEADERS | {"Authorization": "token all"}
        with requests.Session() as session:
            session.verify, session.trust_env = str(authority.ca_file), False
            answer = session.get(f"{github.url}/{REPO}/issues?per_page=1", headers=headers)
            following = session.get(answer.links["next"]["url"], headers=headers)
    assert [each["title"] for each in following.json()] == ["one"]
    ahead = parsedate_to_datetime(answer.headers["Date"]) - datetime.now(UTC)
    assert timedelta(days=1, hours=23) < ahead < timedelta(days=2, hours=1)


def _furnish(github: GitHub) -> None:
    github.add_repository("octo/Signing", environments=["production"])
    github.add_repository("octo/elsewhere")
    github.add_organization("octo")
    here = ["octo/signing"]
    github.add_token("all", permissions=ALL)
    github.add_token("reader", permissions={"secrets": "read"}, repositories=here)
    github.add_token("job", kind="job", permissions={"issues": "write"}, repositories=here)
    github.add_token("classic", scopes=["repo"])


def _misbehave(failure: type[Exception] | None = None) -> None:
    with GitHub() as github:
        _furnish(github)
        Client(github).call("GET", REPO, Accept="*/*")
        if failure:
            raise failure


def _taken(github: GitHub) -> list[str]:
    """Return what was noted, and forgive it."""
    noted, github.violations = github.violations, []
    return noted
