"""CI/CD variables of GitLab: scopes, visibility, roles, and what others do meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from contract.harness import delivery
from providers.store_checks import not_delivered, refused, written
from signotaur_action.errors import DeliveryError
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkError
from support.providers.exchange import Call, Reply, after, before
from support.providers.stores import NAME, OLDER, GitlabHarness
from support.sample_key import KEY

Place = Callable[..., GitlabHarness]


@pytest.fixture
def opening() -> Iterator[Place]:
    """Open places that end with the test."""
    with ExitStack() as stack:
        yield lambda **how: stack.enter_context(GitlabHarness(**how))


OWNERS = pytest.mark.parametrize("owner", ["acme/app", "acme"])


# What stays


@OWNERS
@pytest.mark.parametrize(
    "members",
    [
        {"masked": False, "protected": False},
        {"masked": True, "protected": True, "raw": True},
        {"masked": True, "hidden": True},
        {"masked": True, "raw": True, "description": "for signing"},
        {"variable_type": "file", "masked": False, "environment_scope": "production"},
    ],
)
def test_only_the_value_changes(opening: Place, owner: str, members: dict[str, object]) -> None:
    place = opening(owner=owner, new=True)
    place.server.set_variable(owner, NAME, OLDER, **members)
    scope = str(members.get("environment_scope", "*"))
    stood = place.server.variable(owner, NAME, scope)
    sink = place.sink()
    unmasked = [f"{sink.name} is not masked in job logs."]
    assert list(sink.check()) == ([] if members["masked"] else unmasked)
    sink.deliver(delivery(KEY))
    assert place.server.variable(owner, NAME, scope) == stood | {"value": KEY}
    assert sink.read_back() == (None if members.get("hidden") else Secret(KEY))


@OWNERS
def test_a_new_variable_is_masked_protected_and_raw(opening: Place, owner: str) -> None:
    place = opening(owner=owner, new=True)
    sink = place.sink()
    [concern] = sink.check()
    assert "masked, raw, and protected" in concern
    sink.deliver(delivery(KEY))
    made = {"masked": True, "protected": True, "raw": True, "environment_scope": "*"}
    assert made.items() <= place.held().items()


def test_a_value_that_cannot_be_masked_is_refused_and_the_older_one_stays(opening: Place) -> None:
    place = opening()
    assert "value is invalid" in not_delivered(place, key="odd!#$%()*;=?").what


def test_a_new_variable_takes_any_value_without_spaces(opening: Place) -> None:
    place = opening(new=True)
    place.sink().deliver(delivery("odd!#$%()*;=?"))
    assert place.read() == "odd!#$%()*;=?"


# Scopes


@OWNERS
def test_several_scopes_must_be_distinguished(opening: Place, owner: str) -> None:
    place = opening(owner=owner)
    place.server.set_variable(owner, NAME, OLDER, environment_scope="production")
    assert "several environment scopes" in refused(place).what
    assert "scope=" in not_delivered(place).what
    assert written(place) == []


@OWNERS
def test_the_scope_that_is_named_is_written_alone(opening: Place, owner: str) -> None:
    place = opening(owner=owner, scope="production")
    place.server.set_variable(owner, NAME, OLDER, environment_scope="*")
    place.server.set_variable(owner, NAME, OLDER, environment_scope="review/*")
    sink = place.sink()
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    held = [place.server.variable(owner, NAME, each) for each in ("*", "review/*", "production")]
    assert [each["value"] for each in held] == [OLDER, OLDER, KEY]


@OWNERS
def test_a_scope_that_is_missing_is_made_beside_the_others(opening: Place, owner: str) -> None:
    place = opening(owner=owner, scope="production", new=True)
    place.server.set_variable(owner, NAME, OLDER, environment_scope="*")
    sink = place.sink()
    assert "does not exist yet" in sink.check()[0]
    sink.deliver(delivery(KEY))
    assert place.read() == KEY
    assert place.server.variable(owner, NAME, "*")["value"] == OLDER


@pytest.mark.parametrize("named", [",scope=production", ""])
def test_a_group_whose_variable_gets_a_second_scope_meanwhile_keeps_it(
    opening: Place, named: str
) -> None:
    """Unless a request names the scope, GitLab changes any one of a group's."""
    place = opening(owner="acme", new=True)
    server = place.server
    server.set_variable("acme", NAME, OLDER, environment_scope="production")

    def add() -> None:
        server.set_variable("acme", NAME, "of-review", environment_scope="review")
        server.owners[0].variables.reverse()

    server.faults.append(before("PUT", "", add))
    sink = place.sink(f"gitlab-var:{NAME},group=acme{named}")
    if named:
        sink.deliver(delivery(KEY))
    else:  # which one is the consumer's is not known any more
        with pytest.raises(DeliveryError, match="several environment scopes"):
            sink.deliver(delivery(KEY))
    assert server.variable("acme", NAME, "production")["value"] == KEY
    assert server.variable("acme", NAME, "review")["value"] == "of-review"


def test_an_edition_that_does_not_know_the_filter_changes_nothing(opening: Place) -> None:
    place = opening(owner="acme", new=True)
    place.server.set_variable("acme", NAME, OLDER)
    stood = place.server.variable("acme", NAME)

    def unfiltered(call: Call) -> Reply | None:
        found = call.method == "GET" and NAME in call.route
        return Reply(200, stood) if found else None

    place.server.faults.append(unfiltered)
    sink = place.sink(f"gitlab-var:{NAME},group=acme,scope=production")
    assert "did not return the requested variable" in refused(place, sink).what
    assert "did not return the requested variable" in not_delivered(place, sink).what
    assert written(place) == []


# Projects and groups


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        (f"gitlab-var:{NAME}", {"CI_PROJECT_ID": "7"}),
        (f"gitlab-var:{NAME},project=7", {"CI_PROJECT_ID": "8"}),
        (f"gitlab-var:{NAME},project=acme/app,scope=*", {}),
    ],
)
def test_a_project_has_a_number_and_a_path(
    opening: Place, text: str, environ: dict[str, str]
) -> None:
    place = opening()
    sink = place.sink(text, **environ)
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert place.read() == KEY


@pytest.mark.parametrize(
    "text",
    [
        f"gitlab-var:{NAME}",
        "gitlab-var:",
        "gitlab-var:A-B,project=7",
        "gitlab-var:A B,project=7",
        f"gitlab-var:{'A' * 256},project=7",
        f"gitlab-var:{NAME},project=7,group=3",
        f"gitlab-var:{NAME},project=..",
        f"gitlab-var:{NAME},project=acme/../app",
        f"gitlab-var:{NAME},project=/acme/app",
        f"gitlab-var:{NAME},project=acme/app/",
        f"gitlab-var:{NAME},project=acme%2Fapp",
        f"gitlab-var:{NAME},project=acme/app?a=b",
        f"gitlab-var:{NAME},project=7,scope=a&b",
        f"gitlab-var:{NAME},project=7,project=8",
    ],
)
def test_a_destination_that_makes_no_sense_is_a_fault(opening: Place, text: str) -> None:
    with pytest.raises(SinkError):
        opening().sink(text)


def test_the_usual_address_is_gitlab_com(opening: Place) -> None:
    sink = opening().sink(CI_API_V4_URL="")
    assert sink._gitlab._client.url == "https://gitlab.com/api/v4"  # type: ignore[attr-defined]


def test_a_missing_project_is_not_a_missing_variable(opening: Place) -> None:
    place = opening()
    for text, needs in (
        (f"gitlab-var:{NAME},project=acme/other", "Maintainer of project acme/other"),
        (f"gitlab-var:{NAME},group=other", "Owner of group other"),
    ):
        told = refused(place, place.sink(text)).what
        assert "Not Found" in told
        assert needs in told


# Tokens


def test_a_role_that_is_too_low_is_refused(opening: Place) -> None:
    place = opening()
    place.revoke()
    place.server.add_token(place.token, roles={"acme/app": "developer"})
    assert "role Maintainer of project acme/app" in refused(place).what
    not_delivered(place)


def test_a_maintainer_of_a_group_is_refused(opening: Place) -> None:
    place = opening(owner="acme")
    place.revoke()
    place.server.add_token(place.token, kind="group", roles={"acme": "maintainer"})
    assert "role Owner of group acme" in refused(place).what


def test_a_token_that_only_reads_is_found_by_the_check(opening: Place) -> None:
    place = opening()
    place.revoke()
    place.server.add_token(place.token, scopes=("read_api",))
    assert "scope read_api" in refused(place).what
    assert "higher privileges" in not_delivered(place).what


def test_a_token_may_read_besides(opening: Place) -> None:
    place = opening()
    place.server.add_token(place.token, scopes=("read_api", "api"))
    assert list(place.sink().check()) == []


def test_a_gitlab_that_does_not_tell_scopes_is_believed(opening: Place) -> None:
    place = opening()
    place.server.faults.append(
        lambda call: Reply(404, {"error": "404 Not Found"}) if "self" in call.route else None
    )
    assert list(place.sink().check()) == []


def test_a_jobs_own_token_is_refused_with_the_reason(opening: Place) -> None:
    place = opening()
    place.revoke()
    place.server.add_token(place.token, kind="job")
    assert "CI_JOB_TOKEN" in refused(place).what


@pytest.mark.parametrize("state", ["expired", "revoked"])
def test_an_expired_token_is_reported(opening: Place, state: str) -> None:
    place = opening()
    place.revoke()
    place.server.add_token(place.token, state=state)  # type: ignore[arg-type]
    assert state in refused(place).what


# What others do meanwhile


@OWNERS
def test_a_variable_that_is_made_meanwhile_is_changed(opening: Place, owner: str) -> None:
    place = opening(owner=owner, new=True)
    place.server.faults.append(before("POST", "", lambda: place.put(OLDER)))
    place.sink().deliver(delivery(KEY))
    assert place.read() == KEY
    assert place.held()["raw"] is False, "it is as the other one made it"


def test_a_variable_that_is_removed_meanwhile_is_made_again(opening: Place) -> None:
    place = opening()
    place.server.faults.append(before("PUT", "", place.server.owners[1].variables.clear))
    place.sink().deliver(delivery(KEY))
    assert place.read() == KEY


@pytest.mark.parametrize("member", ["masked", "protected"])
def test_a_variable_that_loses_its_protection_is_reported(opening: Place, member: str) -> None:
    place = opening()

    def expose() -> None:
        place.server.owners[1].variables[0][member] = False

    place.server.faults.append(after("PUT", "", expose))
    with pytest.raises(DeliveryError, match=f"changed: {member}") as caught:
        place.sink().deliver(delivery(KEY))
    assert KEY not in str(caught.value)


def test_a_value_that_is_overwritten_at_once_is_reported(opening: Place) -> None:
    place = opening()

    def overwrite() -> None:
        place.server.owners[1].variables[0]["value"] = "of-somebody-else"

    place.server.faults.append(after("PUT", "", overwrite))
    with pytest.raises(DeliveryError, match="shows a different value") as caught:
        place.sink().deliver(delivery(KEY))
    for secret in (KEY, "of-somebody-else"):
        assert secret not in str(caught.value)
    place.sink().deliver(delivery(KEY))
    assert place.read() == KEY
