"""Fields of secrets in Vault: the other fields, versions, what others write meanwhile."""

import json

import pytest

from contract.harness import delivery
from providers.store_checks import ALWAYS, not_delivered, refused, written
from signotaur_action.errors import DeliveryError
from signotaur_action.model import Secret
from support.providers.exchange import Call, Reply, before, fail
from support.providers.stores import NAME, NEIGHBOUR, OLDER, VaultHarness
from support.sample_key import KEY

DATA = "data/ci/signotaur"


# The other fields


def test_other_fields_are_written_as_they_were(vault: VaultHarness) -> None:
    others = {"PASSWORD": NEIGHBOUR, "n": 2**70, "f": 0.1, "none": None, "on": True,
              "deep": {"list": [1, 'ü\n"', {}], "empty": ""}, "": "nameless"}  # fmt: skip
    vault.server.put_secret("secret", "ci/signotaur", {**others, NAME: OLDER})
    order = list(vault.held())
    vault.sink().deliver(delivery(KEY))
    assert vault.held() == {**others, NAME: KEY}
    assert list(vault.held()) == order


def test_the_token_may_be_beside_the_key(vault: VaultHarness) -> None:
    """The field was read with the token replaced by *** and written back like that."""
    others = {"VAULT_TOKEN": vault.token, "NOTE": f"made with {vault.token}"}
    vault.server.put_secret("secret", "ci/signotaur", {**others, NAME: OLDER})
    vault.sink().deliver(delivery(KEY))
    assert vault.held() == {**others, NAME: KEY}


def test_a_missing_field_is_reported_and_added(vault: VaultHarness) -> None:
    sink = vault.sink("vault:secret/ci/signotaur#OTHER")
    [concern] = sink.check()
    assert "does not have this field yet" in concern
    sink.deliver(delivery(KEY))
    assert vault.held() == {"PASSWORD": NEIGHBOUR, NAME: OLDER, "OTHER": KEY}


def test_a_number_that_would_change_is_not_written(vault: VaultHarness) -> None:
    body = b'{"data": {"data": {"n": 1e999}, "metadata": {"version": 1}}}'
    vault.server.faults.append(fail("GET", DATA, 200, body=body, times=ALWAYS))
    assert "number" in refused(vault).what
    assert "number" in not_delivered(vault).what
    assert written(vault) == []


@pytest.mark.parametrize("neighbour", [NEIGHBOUR, 'with "quotes"\nand lines', "123", 17, ["deep"]])
def test_a_refusal_never_tells_another_field(vault: VaultHarness, neighbour: object) -> None:
    vault.server.put_secret("secret", "ci/signotaur", {"PASSWORD": neighbour, NAME: OLDER})

    def repeat(call: Call) -> Reply | None:
        if KEY.encode() not in call.body:
            return None
        told = call.json["data"]["PASSWORD"]
        return Reply(400, {"errors": [f"bad: {told}", call.body.decode()]})

    vault.server.faults.append(repeat)
    said = not_delivered(vault).what
    for part in neighbour if isinstance(neighbour, list) else [neighbour]:
        assert str(part) not in said
        assert json.dumps(part)[1:-1] not in said or not isinstance(part, str)


# Check-and-set


def write_beside(place: VaultHarness, **fields: str) -> None:
    """Write other fields, as somebody else would."""
    place.server.put_secret("secret", "ci/signotaur", {**(place.held() or {}), **fields})


def test_what_somebody_writes_meanwhile_stays(vault: VaultHarness) -> None:
    vault.server.faults.append(before("POST", DATA, lambda: write_beside(vault, PASSWORD="new")))
    vault.sink().deliver(delivery(KEY))
    assert vault.held() == {"PASSWORD": "new", NAME: KEY}


def test_a_secret_that_somebody_makes_meanwhile_stays(new_vault: VaultHarness) -> None:
    make = before("POST", DATA, lambda: write_beside(new_vault, PASSWORD="new"))
    new_vault.server.faults.append(make)
    new_vault.sink().deliver(delivery(KEY))
    assert new_vault.held() == {"PASSWORD": "new", NAME: KEY}


def test_a_secret_that_never_rests_is_left_alone(vault: VaultHarness) -> None:
    def write() -> None:
        write_beside(vault, PASSWORD=str(len(vault.server.requests)))

    vault.server.faults.append(before("POST", DATA, write, times=ALWAYS))
    with pytest.raises(DeliveryError, match="the secret kept changing while it was being written"):
        vault.sink().deliver(delivery(KEY))
    assert vault.held()[NAME] == OLDER
    assert written(vault) == ["POST"] * 5


def test_an_engine_that_demands_check_and_set_is_served(vault: VaultHarness) -> None:
    vault.server.mount("strict", cas_required=True)
    vault.server.add_token(vault.token, {"strict/data/app": vault.rights})
    sink = vault.sink("vault:strict/app#KEY")
    assert "does not exist yet" in sink.check()[0]
    for key in (OLDER, KEY):
        sink.deliver(delivery(key))
    assert vault.server.secret("strict", "app") == {"KEY": KEY}


def test_a_node_that_lags_behind_is_asked_again(vault: VaultHarness) -> None:
    lagging = {"errors": ["required index state not present"]}
    vault.server.faults += [
        fail(method, DATA, 412, body=lagging, times=2) for method in ("GET", "POST")
    ]
    vault.sink().deliver(delivery(KEY))
    assert vault.read() == KEY
    assert vault.clock.slept


# Versions


@pytest.mark.parametrize("destroy", [False, True])
def test_a_deleted_version_is_reported_and_replaced(vault: VaultHarness, *, destroy: bool) -> None:
    vault.server.delete("secret", "ci/signotaur", destroy=destroy)
    sink = vault.sink()
    [concern] = sink.check()
    assert "newest version is deleted" in concern
    assert sink.read_back() is None
    sink.deliver(delivery(KEY))
    assert vault.held() == {NAME: KEY}
    assert sink.read_back() == Secret(KEY)


@pytest.mark.parametrize("value", [17, None, {"a": 1}, ""])
def test_a_field_that_is_not_text_is_not_a_key(vault: VaultHarness, value: object) -> None:
    vault.server.put_secret("secret", "ci/signotaur", {NAME: value})
    sink = vault.sink()
    assert sink.read_back() is None
    sink.deliver(delivery(KEY))
    assert vault.held() == {NAME: KEY}
