"""Variables of CircleCI's contexts and projects: never read back, proved by what is shown."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from contract.harness import delivery
from providers.store_checks import ALWAYS, not_delivered, refused
from signotaur_action.sinks.base import SinkError
from support.providers.circleci import CONTEXT, PROJECT, CircleciHarness, Token
from support.providers.exchange import after, fail
from support.providers.stores import NAME, OLDER
from support.sample_key import KEY


@pytest.fixture(params=[False, True], ids=["context", "project"])
def circleci(request: pytest.FixtureRequest) -> Iterator[CircleciHarness]:
    with CircleciHarness(project=request.param) as place:
        yield place


@pytest.fixture
def context() -> Iterator[CircleciHarness]:
    with CircleciHarness() as place:
        yield place


@pytest.fixture
def project() -> Iterator[CircleciHarness]:
    with CircleciHarness(project=True) as place:
        yield place


# What is written


def test_a_key_takes_the_older_ones_place(circleci: CircleciHarness) -> None:
    sink = circleci.sink()
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert circleci.read() == KEY


@pytest.mark.parametrize("in_project", [False, True])
def test_a_missing_variable_is_reported_and_created(in_project: bool) -> None:  # noqa: FBT001 - pytest's
    with CircleciHarness(project=in_project, new=True) as place:
        sink = place.sink()
        assert list(sink.check()) == [f"{sink.name} does not exist yet; it will be created."]
        sink.deliver(delivery(KEY))
        assert place.read() == KEY


@pytest.mark.parametrize("count", [19, 20, 21, 60])
def test_a_variable_is_found_however_many_there_are(context: CircleciHarness, count: int) -> None:
    del context.server.in_context[NAME]
    for number in range(count):
        context.server.set_in_context(f"OTHER_{number}", OLDER)
    sink = context.sink()
    assert "does not exist yet" in sink.check()[0]
    context.put(OLDER)
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert context.server.in_context["OTHER_0"]["value"] == OLDER


def test_the_usual_address_is_circlecis(circleci: CircleciHarness) -> None:
    sink = circleci.sink(CIRCLECI_CLI_HOST="")
    url = sink._circleci._client.url  # type: ignore[attr-defined]
    assert url == "https://circleci.com/api/v2"


# What is not proved


@pytest.mark.parametrize("time", ["2100-01-01T00:00:00.000Z", "2100-01-01T00:00:00", "", "never"])
def test_a_change_that_does_not_show_is_reported(context: CircleciHarness, time: str) -> None:
    body = {"variable": NAME, "context_id": CONTEXT, "updated_at": time}
    context.server.faults.append(fail("PUT", "", 200, body=body))
    assert "does not show the variable as changed" in not_delivered(context).what


@pytest.mark.parametrize("said", [{"variable": "OTHER"}, {"context_id": "other"}])
def test_an_answer_about_another_variable_is_reported(
    context: CircleciHarness, said: dict[str, str]
) -> None:
    body = {"variable": NAME, "context_id": CONTEXT, "updated_at": "2026-01-01T00:00:00Z", **said}
    context.server.faults.append(fail("PUT", "", 200, body=body))
    assert "does not say that the variable changed" in not_delivered(context).what


def test_a_project_that_shows_another_end_is_reported(project: CircleciHarness) -> None:
    body = {"name": NAME, "value": f"xxxx{KEY[-4:]}"}
    project.server.faults.append(fail("POST", "", 201, body=body))
    said = not_delivered(project).what
    assert "does not show the variable as changed" in said
    assert KEY[-4:] not in said


def test_a_variable_that_is_removed_at_once_is_reported(circleci: CircleciHarness) -> None:
    variables: Any = circleci.server.in_project if circleci.project else circleci.server.in_context
    variables.clear()
    circleci.server.faults.append(
        after("", "(envvar|environment-variable)", variables.clear, times=ALWAYS)
    )
    assert "does not show the variable as changed" in not_delivered(circleci).what


@pytest.mark.parametrize("items", [None, 3, [1], {"0": {}}])
def test_a_list_of_another_form_is_refused(context: CircleciHarness, items: Any) -> None:
    context.server.faults.append(fail("GET", "", 200, body={"items": items}, times=ALWAYS))
    assert "does not list the variables" in refused(context).what
    not_delivered(context)


def test_a_list_without_an_end_is_given_up(context: CircleciHarness) -> None:
    def endless() -> None:
        context.clock.sleep(1)

    body = {"items": [], "next_page_token": "again&page-token=x"}
    context.server.faults += [
        lambda call: endless() if call.method == "GET" else None,
        fail("GET", "", 200, body=body, times=ALWAYS),
    ]
    assert "the patience of a test" in refused(context).what
    assert all("page-token=again%26" in each.path for each in context.server.requests[1:])


# What is refused


def test_a_missing_right_to_write_is_found_by_the_delivery(circleci: CircleciHarness) -> None:
    circleci.server.tokens[circleci.token] = Token(write=False)
    sink = circleci.sink()
    assert list(sink.check()) == []
    said = not_delivered(circleci, sink).what
    assert "CircleCI refuses the token (403: Permission denied)" in said
    assert "it needs a personal API token of" in said


def test_a_context_or_project_that_the_token_does_not_see_is_refused(
    circleci: CircleciHarness,
) -> None:
    circleci.server.tokens[circleci.token] = Token(read=False)
    assert "not found" in refused(circleci).what


@pytest.mark.parametrize("where", ["context=" + CONTEXT.replace("c", "d"), "project=gh/acme/other"])
def test_another_place_is_refused(circleci: CircleciHarness, where: str) -> None:
    sink = circleci.sink(f"circleci-env:{NAME},{where}")
    assert re.search("404: (Context|Project) not found", refused(circleci, sink).what)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (NAME, "needs context= or project="),
        (f"{NAME},context={CONTEXT},project={PROJECT}", "needs context= or project="),
        (f"{NAME},context=release", "the value must be a UUID"),
        (f"{NAME},project=acme/app", "a project slug"),
        (f"{NAME},project=gh/acme/app/more", "a project slug"),
        (f"{NAME},project=gh/../app", "a project slug"),
        (f"2A,context={CONTEXT}", "the value must be a name of letters"),
        (f"A-B,context={CONTEXT}", "the value must be a name of letters"),
    ],
)
def test_a_place_that_cannot_be_is_a_fault(
    circleci: CircleciHarness, text: str, fault: str
) -> None:
    with pytest.raises(SinkError, match=fault):
        circleci.sink(f"circleci-env:{text}")
