"""The stand-in of Buildkite keeps to what Buildkite documents."""

from collections.abc import Callable, Iterator

import pytest
import requests

from support.providers.buildkite import Buildkite

Ask = Callable[..., requests.Response]


@pytest.fixture
def buildkite() -> Iterator[Buildkite]:
    with Buildkite() as stand_in:
        stand_in.add_token("token")
        yield stand_in


@pytest.fixture
def ask(buildkite: Buildkite) -> Ask:
    secrets = f"{buildkite.api}/organizations/acme/clusters/{buildkite.cluster}/secrets"

    def send(
        method: str, path: str = "", token: str = "token", **more: object
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(method, secrets + path, headers=headers, timeout=60, **more)  # type: ignore[arg-type]

    return send


def test_a_value_is_replaced_and_never_returned(buildkite: Buildkite, ask: Ask) -> None:
    own = buildkite.add_secret("KEY", "old", description="d", policy="- pipeline_slug: app")
    answer = ask("PUT", f"/{own}/value", json={"value": "new"})
    assert answer.status_code == 200
    assert "value" not in answer.json()
    kept = {"value": "new", "description": "d", "policy": "- pipeline_slug: app"}
    assert kept.items() <= buildkite.secret("KEY").items()
    assert ask("PUT", "/none/value", json={"value": "new"}).status_code == 404


def test_a_secret_is_found_by_listing(buildkite: Buildkite, ask: Ask) -> None:
    for name in ("A", "B", "C"):
        buildkite.add_secret(name, "old")
    first = ask("GET", "?per_page=2")
    assert [each["key"] for each in first.json()] == ["A", "B"]
    rest = requests.get(
        first.links["next"]["url"], headers={"Authorization": "Bearer token"}, timeout=60
    )
    assert [each["key"] for each in rest.json()] == ["C"]
    assert "next" not in rest.links


def test_tokens_that_do_not_suffice(buildkite: Buildkite, ask: Ask) -> None:
    own = buildkite.add_secret("KEY", "old")
    buildkite.add_token("reader", scopes=("read_secret_details",))
    buildkite.add_token("guest", maintainer=False)
    body = {"value": "new"}
    statuses = [
        ask("PUT", f"/{own}/value", token, json=body).status_code
        for token in ("other", "reader", "guest")
    ]
    assert statuses == [401, 403, 403]
    assert ask("GET", f"/{own}", "reader").status_code == 200


def test_a_key_is_taken_once(ask: Ask) -> None:
    assert ask("POST", json={"key": "KEY", "value": "1"}).status_code == 201
    assert ask("POST", json={"key": "KEY", "value": "1"}).status_code == 422


def test_too_many_requests(buildkite: Buildkite, ask: Ask) -> None:
    buildkite.throttle(5)
    assert ask("GET").headers["RateLimit-Reset"] == "5"


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("", {"json": {"value": "new"}}),
        ("", {"json": {"key": "OTHER"}}),
        ("/value", {"json": {"value": ""}}),
        ("/value", {"json": {"value": "new", "description": "d"}}),
        ("/value", {"data": b'{"value": "new"}'}),
    ],
)
def test_requests_out_of_shape_fail_the_test(path: str, request_: dict[str, object]) -> None:
    stand_in = Buildkite()
    stand_in.add_token("token")
    own = stand_in.add_secret("KEY", "old")
    secrets = f"{stand_in.api}/organizations/acme/clusters/{stand_in.cluster}/secrets"
    headers = {"Authorization": "Bearer token"}
    with pytest.raises(AssertionError, match="against the service's rules"), stand_in:
        requests.put(f"{secrets}/{own}{path}", headers=headers, timeout=60, **request_)  # type: ignore[arg-type]


def test_a_token_learns_its_scopes() -> None:
    with Buildkite() as buildkite:
        known = buildkite.add_token(scopes=("read_builds",))
        answers = [
            requests.get(f"{buildkite.api}/access-token", headers=headers, timeout=60)
            for headers in ({"Authorization": f"Bearer {known}"}, {})
        ]
    assert [each.status_code for each in answers] == [200, 401]
    assert answers[0].json()["scopes"] == ["read_builds"]
