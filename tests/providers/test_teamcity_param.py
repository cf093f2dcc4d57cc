"""Parameters of TeamCity's projects: passwords, never read back."""

from collections.abc import Iterator
from typing import Any

import pytest

from contract.harness import delivery
from providers.store_checks import ALWAYS, not_delivered, refused
from signotaur_action.errors import DeliveryError
from signotaur_action.sinks.base import SinkError
from support.providers.exchange import after, fail
from support.providers.stores import NAME
from support.providers.teamcity import PROJECT, TeamcityHarness, Token
from support.sample_key import KEY

NOT_SHOWN = "TeamCity accepted the key, but does not show the parameter as a password"


@pytest.fixture
def teamcity() -> Iterator[TeamcityHarness]:
    with TeamcityHarness() as place:
        yield place


@pytest.fixture
def new_teamcity() -> Iterator[TeamcityHarness]:
    with TeamcityHarness(new=True) as place:
        yield place


# What is written


def test_the_specification_of_a_password_stays(teamcity: TeamcityHarness) -> None:
    teamcity.sink().deliver(delivery(KEY))
    kind = {"rawValue": "password label='Key' display='hidden'"}
    assert teamcity.held() == {"name": NAME, "value": KEY, "type": kind}


def test_a_new_parameter_is_a_password(new_teamcity: TeamcityHarness) -> None:
    sink = new_teamcity.sink()
    [concern] = sink.check()
    assert concern.endswith("does not exist yet; it will be created with the type password.")
    sink.deliver(delivery(KEY))
    assert new_teamcity.held()["type"] == {"rawValue": "password"}


@pytest.mark.parametrize(
    "kind", [{}, {"type": {"rawValue": "text"}}, {"type": {"rawValue": "passwordless"}}]
)
def test_a_parameter_that_everybody_sees_becomes_a_password(
    teamcity: TeamcityHarness, kind: dict[str, Any]
) -> None:
    teamcity.project.parameters[NAME] = {"name": NAME, "value": "visible", **kind}
    sink = teamcity.sink()
    assert list(sink.check()) == [f"{sink.name} is not of the type password yet; it will be."]
    sink.deliver(delivery(KEY))
    assert teamcity.held()["type"] == {"rawValue": "password"}


def test_an_inherited_parameter_is_not_changed(new_teamcity: TeamcityHarness) -> None:
    above = {"name": NAME, "value": "of the parent", "type": {"rawValue": "password"}}
    new_teamcity.project.inherited[NAME] = above
    sink = new_teamcity.sink()
    assert list(sink.check()) == [f"{sink.name} is inherited; the project will get one of its own."]
    sink.deliver(delivery(KEY))
    assert new_teamcity.read() == KEY
    assert above["value"] == "of the parent"


@pytest.mark.parametrize("name", ["env.SIGNOTAUR_API_KEY", "system.key-2", "a"])
def test_names_of_parameters_may_have_a_prefix(teamcity: TeamcityHarness, name: str) -> None:
    teamcity.sink(f"teamcity-param:{name},project={PROJECT}").deliver(delivery(KEY))
    assert teamcity.project.parameters[name]["value"] == KEY


# What is not proved


def test_a_parameter_that_is_gone_afterwards_is_reported(new_teamcity: TeamcityHarness) -> None:
    new_teamcity.server.faults.append(after("PUT", "", new_teamcity.project.parameters.clear))
    assert not_delivered(new_teamcity).what.endswith(f": {NOT_SHOWN}.")


def test_a_parameter_that_only_the_project_above_has_afterwards_is_reported(
    new_teamcity: TeamcityHarness,
) -> None:
    def move() -> None:
        project = new_teamcity.project
        project.inherited[NAME] = project.parameters.pop(NAME)

    new_teamcity.server.faults.append(after("PUT", "", move))
    assert not_delivered(new_teamcity).what.endswith(f": {NOT_SHOWN}.")


@pytest.mark.parametrize("said", [{"name": "OTHER"}, {"name": 3}, {}])
def test_an_answer_about_another_parameter_is_reported(
    teamcity: TeamcityHarness, said: dict[str, Any]
) -> None:
    teamcity.server.faults.append(fail("PUT", "", 200, body=said))
    expected = ": TeamCity answered, but does not say that the parameter changed."
    assert not_delivered(teamcity).what.endswith(expected)


def test_a_parameter_that_is_visible_afterwards_is_reported(teamcity: TeamcityHarness) -> None:
    def expose() -> None:
        teamcity.held()["type"] = {"rawValue": "text"}

    teamcity.server.faults.append(after("PUT", "", expose))
    with pytest.raises(DeliveryError, match=NOT_SHOWN) as caught:
        teamcity.sink().deliver(delivery(KEY))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("said", [{"name": "OTHER"}, {"name": 3}, {}, {"type": 3}])
def test_another_parameter_than_the_requested_one_is_refused(
    teamcity: TeamcityHarness, said: dict[str, Any]
) -> None:
    teamcity.server.faults.append(fail("GET", "/parameters/", 200, body=said, times=ALWAYS))
    expected = ": TeamCity did not return the requested parameter."
    assert refused(teamcity).what.endswith(expected)
    assert not_delivered(teamcity).what.endswith(expected)


@pytest.mark.parametrize("said", [{"id": "Other"}, {"id": 3}, {}])
def test_another_project_than_the_requested_one_is_refused(
    new_teamcity: TeamcityHarness, said: dict[str, Any]
) -> None:
    faults = new_teamcity.server.faults
    faults.append(fail("GET", "[?]fields=id$", 200, body=said, times=ALWAYS))
    expected = ": TeamCity did not return the requested project."
    assert refused(new_teamcity).what.endswith(expected)
    assert not_delivered(new_teamcity).what.endswith(expected)


# What is refused


def test_a_missing_right_to_edit_is_found_by_the_delivery(teamcity: TeamcityHarness) -> None:
    teamcity.server.tokens[teamcity.token] = Token(edit=False)
    sink = teamcity.sink()
    assert list(sink.check()) == []
    said = not_delivered(teamcity, sink).what
    assert '403: You do not have "Edit project" permission in project' in said
    assert f'"Edit project" in project {PROJECT}' in said


def test_a_project_that_the_token_does_not_see_is_refused(teamcity: TeamcityHarness) -> None:
    teamcity.server.tokens[teamcity.token] = Token(view=False)
    assert "404: No project found by locator" in refused(teamcity).what


def test_another_project_is_refused(teamcity: TeamcityHarness) -> None:
    sink = teamcity.sink(f"teamcity-param:{NAME},project=Other")
    assert "404: No project found by locator 'id:Other'" in refused(teamcity, sink).what


@pytest.mark.parametrize(
    "body", [{"errors": []}, {"errors": ["x"]}, {"errors": [{}]}, {"errors": 3}, b"<html>"]
)
def test_a_refusal_of_another_form_is_reported(teamcity: TeamcityHarness, body: Any) -> None:
    teamcity.server.faults.append(fail("", "", 403, body=body, times=ALWAYS))
    assert "403: it gave no reason" in refused(teamcity).what


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (NAME, "needs project=, the id of the project"),
        (f"{NAME},project=a(b)", "project="),
        (f"{NAME},project=id:a", "project="),
        (f",project={PROJECT}", "the value must be a name of letters"),
        (f"a/b,project={PROJECT}", "the value must be a name of letters"),
        (f"2,project={PROJECT}", "the value must be a name of letters"),
    ],
)
def test_a_place_that_cannot_be_is_a_fault(
    teamcity: TeamcityHarness, text: str, fault: str
) -> None:
    with pytest.raises(SinkError, match=fault.replace("(", "[(]")):
        teamcity.sink(f"teamcity-param:{text}")
