"""The stand-in of GitLab keeps to what GitLab documents."""

from collections.abc import Callable, Iterator

import pytest
import requests

from support.providers.gitlab import GitLab

Ask = Callable[..., requests.Response]
PROJECT = "projects/acme%2Fapp/variables"
GROUP = "groups/acme/variables"
KEY = "sk_live-0123456789"


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    with GitLab() as stand_in:
        stand_in.add_token("token")
        yield stand_in


@pytest.fixture
def ask(gitlab: GitLab) -> Iterator[Ask]:
    with requests.Session() as session:
        session.trust_env = False

        def send(method: str, path: str, token: str = "token", **more: object) -> requests.Response:
            headers = {"PRIVATE-TOKEN": token} if token else {}
            url = f"{gitlab.api}/{path}"
            return session.request(method, url, headers=headers, timeout=60, **more)  # type: ignore[arg-type]

        yield send


def test_put_keeps_what_is_omitted(gitlab: GitLab, ask: Ask) -> None:
    gitlab.set_variable(
        "acme/app", "KEY", "old-value", masked=True, protected=True, description="d"
    )
    answer = ask("PUT", f"{PROJECT}/KEY", json={"value": KEY})
    assert answer.status_code == 200
    kept = {"masked": True, "protected": True, "description": "d", "value": KEY}
    assert kept.items() <= gitlab.variable("acme/app", "KEY").items()
    assert kept.items() <= answer.json().items()


def test_a_number_does_as_well(gitlab: GitLab, ask: Ask) -> None:
    made = ask("POST", "projects/7/variables", json={"key": "KEY", "value": KEY, "masked": True})
    assert made.status_code == 201
    assert gitlab.variable("acme/app", "KEY")["masked"] is True


def test_what_exists_cannot_be_created(gitlab: GitLab, ask: Ask) -> None:
    gitlab.set_variable("acme/app", "KEY", "old")
    answer = ask("POST", PROJECT, json={"key": "KEY", "value": KEY})
    assert answer.status_code == 400
    assert answer.json() == {"message": {"key": ["(KEY) has already been taken"]}}


def test_masked_values_are_checked_and_the_old_one_stays(gitlab: GitLab, ask: Ask) -> None:
    gitlab.set_variable("acme/app", "KEY", "old-value", masked=True)
    answer = ask("PUT", f"{PROJECT}/KEY", json={"value": "has a space"})
    assert (answer.status_code, answer.json()) == (400, {"message": {"value": ["is invalid"]}})
    assert gitlab.variable("acme/app", "KEY")["value"] == "old-value"
    assert ask("PUT", f"{PROJECT}/KEY", json={"value": "$dollar$!"}).status_code == 400
    raw = ask("PUT", f"{PROJECT}/KEY", json={"value": "$dollar$!", "raw": True})
    assert raw.status_code == 200


def test_hidden_values_are_never_returned_but_replaced(gitlab: GitLab, ask: Ask) -> None:
    body = {"key": "KEY", "value": "first-value", "masked_and_hidden": True}
    assert ask("POST", PROJECT, json=body).json()["value"] is None
    assert ask("GET", f"{PROJECT}/KEY").json()["hidden"] is True
    assert ask("PUT", f"{PROJECT}/KEY", json={"value": KEY}).json()["value"] is None
    assert gitlab.variable("acme/app", "KEY")["value"] == KEY
    shown = ask("PUT", f"{PROJECT}/KEY", json={"value": KEY, "masked": False})
    assert shown.status_code == 400
    assert "visibility setting" in shown.json()["message"]["base"][0]


def test_scopes_tell_variables_of_one_key_apart(gitlab: GitLab, ask: Ask) -> None:
    for scope in ("*", "production"):
        gitlab.set_variable("acme/app", "KEY", f"of {scope}", environment_scope=scope)
    assert ask("GET", f"{PROJECT}/KEY").status_code == 409
    answer = ask("PUT", f"{PROJECT}/KEY", json={"value": KEY})
    assert "filter[environment_scope]" in answer.json()["message"]
    asked = {"filter[environment_scope]": "production"}
    assert ask("GET", f"{PROJECT}/KEY", params=asked).json()["value"] == "of production"
    body = {"value": KEY, "filter": {"environment_scope": "production"}}
    assert ask("PUT", f"{PROJECT}/KEY", json=body).status_code == 200
    absent = ask("PUT", f"{PROJECT}/KEY", json=body | {"filter": {"environment_scope": "staging"}})
    assert absent.json() == {"message": "404 Variable Not Found"}
    assert gitlab.variable("acme/app", "KEY")["value"] == "of *"
    assert gitlab.variable("acme/app", "KEY", "production")["value"] == KEY


def test_a_group_wants_an_owner(gitlab: GitLab, ask: Ask) -> None:
    gitlab.add_token("low", kind="group", roles={"acme": "maintainer"})
    gitlab.add_token("high", kind="group", roles={"acme": "owner"})
    gitlab.set_variable("acme", "KEY", "old")
    assert ask("GET", f"{GROUP}/KEY", "token").json() == {"message": "404 Group Not Found"}
    assert ask("GET", f"{GROUP}/KEY", "low").json() == {"message": "403 Forbidden"}
    assert ask("PUT", f"{GROUP}/KEY", "high", json={"value": KEY}).status_code == 200
    assert ask("GET", f"{GROUP}/NO", "high").json() == {"message": "404 GroupVariable Not Found"}
    # Its owner has a role in the projects below, too.
    assert ask("GET", f"{PROJECT}/KEY", "high").json() == {"message": "404 Variable Not Found"}


def test_a_groups_put_without_filter_takes_any(gitlab: GitLab, ask: Ask) -> None:
    gitlab.add_token("high", kind="group", roles={"acme": "owner"})
    for scope in ("*", "production"):
        gitlab.set_variable("acme", "KEY", "old", environment_scope=scope)
    assert ask("GET", f"{GROUP}/KEY", "high").status_code == 409
    assert ask("PUT", f"{GROUP}/KEY", "high", json={"value": KEY}).status_code == 200


@pytest.mark.parametrize(
    ("token", "status", "body"),
    [
        ({"kind": "job"}, 401, {"message": "401 Unauthorized"}),
        ({"state": "expired"}, 401, {"error": "invalid_token"}),
        ({"scopes": ("read_api",)}, 403, {"error": "insufficient_scope", "scope": "api"}),
        ({"roles": {"acme/app": "developer"}}, 403, {"message": "403 Forbidden"}),
        ({"roles": {"other/app": "owner"}}, 404, {"message": "404 Project Not Found"}),
    ],
)
def test_tokens_that_do_not_suffice(
    gitlab: GitLab, ask: Ask, token: dict[str, object], status: int, body: dict[str, str]
) -> None:
    gitlab.add_token("weak", **token)  # type: ignore[arg-type]
    answer = ask("PUT", f"{PROJECT}/KEY", "weak", json={"value": KEY})
    assert answer.status_code == status
    assert body.items() <= answer.json().items()


def test_no_token_is_unauthorized(ask: Ask) -> None:
    assert ask("GET", f"{PROJECT}/KEY", "").json() == {"message": "401 Unauthorized"}


def test_too_many_requests_say_when_to_come_back(gitlab: GitLab, ask: Ask) -> None:
    gitlab.throttle(3)
    answer = ask("GET", f"{PROJECT}/KEY")
    assert (answer.status_code, answer.text) == (429, "Retry later")
    assert answer.headers["Retry-After"] == "3"
    assert answer.headers["Content-Type"] == "text/plain"
    assert int(answer.headers["RateLimit-Reset"]) > 1_600_000_000


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        (f"{PROJECT}/KEY", {"json": {"value": KEY, "hidden": True}}),
        (f"{PROJECT}/KEY", {"json": {"value": KEY, "masked_and_hidden": True}}),
        (f"{PROJECT}/KEY", {"json": {"masked": True}}),
        (f"{PROJECT}/KEY", {"data": b"{}", "headers": {"Content-Type": "text/plain"}}),
        (f"{PROJECT}/KEY", {"data": {"value": KEY}}),
        (f"{PROJECT}/KEY?value={KEY}", {"json": {"value": KEY}}),
        (f"{PROJECT}/KEY?filter[environment_scope]=*", {"json": {"value": KEY}}),
        ("projects/acme/app/variables/KEY", {"json": {"value": KEY}}),
    ],
)
def test_requests_out_of_shape_fail_the_test(path: str, request_: dict[str, object]) -> None:
    stand_in = GitLab()
    stand_in.add_token("token")
    stand_in.set_variable("acme/app", "KEY", "old-value")
    own = {"PRIVATE-TOKEN": "token", **request_.pop("headers", {})}  # type: ignore[dict-item]
    with pytest.raises(AssertionError, match="against the service's rules"), stand_in:
        requests.put(f"{stand_in.api}/{path}", headers=own, timeout=60, **request_)  # type: ignore[arg-type]


def test_a_token_learns_its_scopes() -> None:
    with GitLab() as gitlab:
        known = gitlab.add_token(scopes=("read_api",))
        answers = [
            requests.get(f"{gitlab.api}/personal_access_tokens/self", headers=headers, timeout=60)
            for headers in ({"PRIVATE-TOKEN": known}, {})
        ]
    assert [each.status_code for each in answers] == [200, 401]
    assert answers[0].json()["scopes"] == ["read_api"]
