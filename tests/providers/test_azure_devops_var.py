"""Variables of groups in Azure DevOps: a group is written whole, and nothing of it may be lost."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contract.harness import delivery
from providers.store_checks import not_delivered, refused, written
from signotaur_action.errors import DeliveryError
from signotaur_action.sinks.base import SinkError
from support.providers.azure_devops import GROUP, PROJECT, AzureDevopsHarness, Token
from support.providers.exchange import Call, Reply, after, fail
from support.providers.stores import NAME, NEIGHBOUR
from support.sample_key import KEY

NOT_SAID = "Azure DevOps answered, but does not say that the group changed"
NOT_SHOWN = "Azure DevOps accepted the key, but does not show the variable as changed"


@pytest.fixture
def devops() -> Iterator[AzureDevopsHarness]:
    with AzureDevopsHarness() as place:
        yield place


@pytest.fixture
def new_devops() -> Iterator[AzureDevopsHarness]:
    with AzureDevopsHarness(new=True) as place:
        yield place


# The rest of the group


def test_the_other_secrets_are_sent_as_null_and_stay(devops: AzureDevopsHarness) -> None:
    devops.sink().deliver(delivery(KEY))
    [request] = devops.server.calls("PUT")
    assert request.json["variables"] == {
        "PASSWORD": {"value": None, "isSecret": True},
        "Colour": {"value": "red", "isReadOnly": True},
        NAME: {"value": KEY, "isSecret": True},
    }
    assert devops.variables["PASSWORD"]["value"] == NEIGHBOUR
    assert devops.held()["description"] == "for builds"


def test_the_group_is_read_again_before_it_is_written(devops: AzureDevopsHarness) -> None:
    sink = devops.sink()
    sink.check()
    devops.variables["LATER"] = {"value": "of a colleague"}
    sink.deliver(delivery(KEY))
    assert devops.variables["LATER"] == {"value": "of a colleague"}
    assert devops.read() == KEY


def test_a_variable_keeps_the_case_of_its_name(devops: AzureDevopsHarness) -> None:
    devops.variables[NAME.lower()] = devops.variables.pop(NAME)
    sink = devops.sink()
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert NAME not in devops.variables
    assert devops.variables[NAME.lower()]["value"] == KEY


def test_a_variable_that_everybody_sees_becomes_a_secret(devops: AzureDevopsHarness) -> None:
    devops.variables[NAME] = {"value": "visible", "isReadOnly": True}
    sink = devops.sink()
    assert list(sink.check()) == [f"{sink.name} is not a secret yet; it will be."]
    sink.deliver(delivery(KEY))
    assert devops.variables[NAME] == {"value": KEY, "isSecret": True, "isReadOnly": True}


def test_a_service_that_loses_another_variable_is_reported(devops: AzureDevopsHarness) -> None:
    def lose(call: Call) -> Reply | None:
        if call.method != "PUT":
            return None
        body = json.loads(call.body)
        del body["variables"]["Colour"]
        call.body = json.dumps(body).encode()
        return None

    devops.server.faults.append(lose)
    with pytest.raises(DeliveryError, match="but changed other variables of the group"):
        devops.sink().deliver(delivery(KEY))


@pytest.mark.parametrize("moment", ["2100-01-01T00:00:00Z", "2100-01-01T00:00:00", "never", None])
def test_a_change_that_does_not_show_is_reported(devops: AzureDevopsHarness, moment: Any) -> None:
    group = devops.server._shown(devops.server.groups[devops.group])
    devops.server.faults.append(fail("PUT", "", 200, body=group | {"modifiedOn": moment}))
    assert not_delivered(devops).what.endswith((f": {NOT_SAID}.", f": {NOT_SHOWN}."))


def test_an_answer_about_another_group_is_reported(devops: AzureDevopsHarness) -> None:
    group = devops.server._shown(devops.server.groups[devops.group])
    devops.server.faults.append(fail("PUT", "", 200, body=group | {"id": devops.group + 1}))
    assert not_delivered(devops).what.endswith(f": {NOT_SAID}.")


def test_a_variable_that_is_gone_afterwards_is_reported(new_devops: AzureDevopsHarness) -> None:
    new_devops.server.faults.append(after("PUT", "", lambda: new_devops.variables.pop(NAME)))
    assert not_delivered(new_devops).what.endswith(f": {NOT_SHOWN}.")


def test_a_variable_that_is_shown_to_everybody_afterwards_is_reported(
    devops: AzureDevopsHarness,
) -> None:
    def expose() -> None:
        devops.variables[NAME]["isSecret"] = False

    devops.server.faults.append(after("PUT", "", expose))
    with pytest.raises(DeliveryError, match=NOT_SHOWN) as caught:
        devops.sink().deliver(delivery(KEY))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("text", ['"red"', '"of the project"'])
def test_a_number_that_cannot_be_written_back_is_refused(
    devops: AzureDevopsHarness, text: str
) -> None:
    group = devops.server._shown(devops.server.groups[devops.group])
    body = json.dumps({"count": 1, "value": [group]}).replace(text, "1e999").encode()
    devops.server.faults.append(fail("GET", "", 200, body=body, times=9))
    assert "too large to be written back" in refused(devops).what


# What is refused


def test_a_group_that_the_token_may_only_use_is_refused(devops: AzureDevopsHarness) -> None:
    devops.server.tokens[devops.token] = Token(manage=False)
    said = refused(devops).what
    assert "may not manage the group: it needs the scope Variable Groups" in said
    assert "the group's role Administrator" in not_delivered(devops).what


def test_a_token_without_the_scope_is_refused(devops: AzureDevopsHarness) -> None:
    devops.server.tokens[devops.token] = Token(read=False)
    assert "refuses the token (403: The token has no scope" in refused(devops).what


def test_a_group_that_does_not_exist_is_not_created(devops: AzureDevopsHarness) -> None:
    sink = devops.sink(f"azure-devops-var:nothing/{NAME},project={PROJECT}")
    assert "no variable group of this name; create it" in refused(devops, sink).what
    assert written(devops) == []


def test_a_group_over_a_key_vault_is_refused(devops: AzureDevopsHarness) -> None:
    devops.server.add_group("vault", {}, kind="AzureKeyVault")
    sink = devops.sink(f"azure-devops-var:vault/{NAME},project={PROJECT}")
    assert "deliver to azure-key-vault:" in refused(devops, sink).what


def test_another_project_is_refused(devops: AzureDevopsHarness) -> None:
    sink = devops.sink(f"azure-devops-var:{GROUP}/{NAME},project=Other")
    assert "refuses the token (404: TF200016" in refused(devops, sink).what


@pytest.mark.parametrize("said", [{"variables": None}, {"variables": []}, {"variables": {"A": 1}}])
def test_variables_of_another_form_are_refused(devops: AzureDevopsHarness, said: Any) -> None:
    group = {"id": 2, "name": GROUP, "type": "Vsts", **said}
    devops.server.faults.append(fail("GET", "", 200, body={"value": [group]}, times=9))
    assert "does not show the variables of the group" in refused(devops).what
    not_delivered(devops)


@pytest.mark.parametrize("identity", ["../2", None, 2.5])
def test_an_id_that_is_no_number_never_enters_a_path(
    devops: AzureDevopsHarness, identity: Any
) -> None:
    group = {"id": identity, "name": GROUP, "type": "Vsts", "variables": {}}
    devops.server.faults.append(fail("GET", "", 200, body={"value": [group]}, times=9))
    assert "no id for the group" in not_delivered(devops).what
    assert devops.server.calls("PUT") == []


# Where


def test_a_job_tells_the_project(devops: AzureDevopsHarness) -> None:
    sink = devops.sink(f"azure-devops-var:{GROUP}/{NAME}", SYSTEM_TEAMPROJECT=PROJECT)
    assert sink.name == devops.sink().name
    assert list(sink.check()) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (NAME, ": group: "),
        (f"/{NAME}", ": group: "),
        (f"sign*/{NAME}", ": group: "),
        (f"a/b/{NAME}", ": group: "),
        (f"{GROUP}/", "after /"),
        (f"{GROUP}/A B", "after /"),
        (f"{GROUP}/{NAME},project=a/b", "project="),
        (f"{GROUP}/{NAME}", "needs project= outside a job"),
    ],
)
def test_a_place_that_cannot_be_is_a_fault(
    devops: AzureDevopsHarness, text: str, fault: str
) -> None:
    with pytest.raises(SinkError, match=fault):
        devops.sink(f"azure-devops-var:{text}")
