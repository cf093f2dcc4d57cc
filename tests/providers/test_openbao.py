"""The page of ``vault:`` against OpenBao's own server: the policy, and each row of its table."""

import re
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import requests

from contract.harness import delivery
from providers.store_checks import not_delivered, refused
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkError
from support.providers.openbao import OpenBao
from support.providers.stores import NAME, NEIGHBOUR, OLDER, OpenBaoOverTls, VaultHarness
from support.sample_key import KEY

PAGE = (Path(__file__).parents[2] / "docs" / "destinations" / "vault.md").read_text()
DATA = "secret/data/ci/signotaur"
DENIED = "refuses the token (403: "


@pytest.fixture
def place(openbao: OpenBao) -> Iterator[OpenBaoOverTls]:
    """A place whose token has the policy of the page, and not the default one."""
    with OpenBaoOverTls() as place:
        [policy] = re.findall("```text\n(path .*?)```", PAGE, re.DOTALL)
        openbao.must("POST", "sys/policies/acl/of-the-page", {"policy": policy})
        place.token = issue(openbao, "of-the-page", no_default_policy=True)
        yield place


def issue(bao: OpenBao, *policies: str, namespace: str = "", **more: Any) -> str:
    """Return a token, made as the operator makes one."""
    wanted = {"policies": policies, **more}
    made = bao.must("POST", "auth/token/create", wanted, namespace=namespace)
    token: str = made["auth"]["client_token"]
    return token


def quoted(said: str) -> str:
    """Return a message, if the page has it."""
    assert said in PAGE
    return said


def test_the_page_names_the_version_that_was_run(openbao: OpenBao) -> None:
    assert f"OpenBao {openbao.version}" in PAGE


@pytest.mark.parametrize("body", [{"data": {}, "cas": 1}, {"data": {}, "options": {"force": True}}])
def test_a_request_that_vault_does_not_describe_fails_its_test(body: dict[str, object]) -> None:
    """OpenBao itself ignores what it does not know."""
    place = VaultHarness()
    url = f"{place.server.url}/v1/secret/data/app"
    own = {"X-Vault-Token": place.server.root}
    with pytest.raises(AssertionError, match="against the service's rules"), place:
        requests.post(url, json=body, headers=own, timeout=60)


def test_the_policy_of_the_page_is_enough(place: OpenBaoOverTls) -> None:
    sink = place.sink()
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert sink.read_back() == Secret(KEY)
    assert place.held() == {"PASSWORD": NEIGHBOUR, NAME: KEY}


def test_every_delivery_is_a_version(place: OpenBaoOverTls) -> None:
    place.sink().deliver(delivery(KEY))
    first = place.bao.must("GET", f"{DATA}?version=1")["data"]
    assert first["data"] == {"PASSWORD": NEIGHBOUR, NAME: OLDER}


def test_a_secret_is_made_only_where_the_engine_can_be_told(place: OpenBaoOverTls) -> None:
    place.bao.must("DELETE", "secret/metadata/ci/signotaur")
    [concern] = place.sink().check()
    assert "does not exist yet" in concern
    place.sink().deliver(delivery(KEY))
    assert place.held() == {NAME: KEY}


# When it fails


def test_a_token_without_rights(place: OpenBaoOverTls) -> None:
    place.token = issue(place.bao, "default")
    assert DENIED in refused(place).what
    assert f"it needs read, create and update on {DATA}" in not_delivered(place).what


def test_a_token_that_expired(place: OpenBaoOverTls) -> None:
    place.token = issue(place.bao, "of-the-page", ttl="1s")
    own = {"X-Vault-Token": place.token}
    end = monotonic() + 60
    while place.bao.send("GET", f"/v1/{DATA}", own).ok:
        assert monotonic() < end
        sleep(0.1)
    assert quoted("refuses the token (403: ") in refused(place).what
    assert DENIED in not_delivered(place).what


def test_a_token_that_may_not_update(place: OpenBaoOverTls) -> None:
    place.token = place.server.add_token("ci-token-that-reads", {DATA: ("read", "create")})
    said = refused(place).what
    assert quoted("the token's policy lacks ") in said
    assert f"lacks update on {DATA}" in said


def test_an_engine_of_version_1(place: OpenBaoOverTls) -> None:
    place.bao.mount("old", version=1)
    rights = {"old/*": ("read", "create", "update")}
    place.token = place.server.add_token("ci-token-of-old", rights)
    said = refused(place, place.sink("vault:old/app#KEY")).what
    assert quoted("is not a KV version 2 engine") in said
    assert not place.bao.ask("GET", "old/data/app").ok


def test_a_mount_that_is_missing(place: OpenBaoOverTls) -> None:
    """A token without rights there gets no more than 403; one with rights learns the reason."""
    sink = place.sink("vault:nowhere/app#KEY")
    assert DENIED in refused(place, sink).what
    place.token = place.server.add_token("ci-token-of-all", {"*": ("read", "create", "update")})
    said = refused(place, place.sink("vault:nowhere/app#KEY")).what
    assert quoted("no handler for route") in said


def test_a_sealed_server(place: OpenBaoOverTls) -> None:
    place.server.seal()
    assert f"answered 503: {quoted('Vault is sealed')}" in refused(place).what
    assert "503" in not_delivered(place).what
    place.bao.unseal()
    place.sink().deliver(delivery(KEY))
    assert place.read() == KEY


def test_a_namespace(place: OpenBaoOverTls) -> None:
    place.server.mount("secret", namespace="team/one")
    rights = {DATA: place.rights}
    token = place.server.add_token("", rights, namespace="team/one")
    sink = place.sink(BAO_NAMESPACE="team/one", BAO_TOKEN=token)
    sink.check()
    sink.deliver(delivery(KEY))
    assert place.server.secret("secret", "ci/signotaur", namespace="team/one") == {NAME: KEY}
    assert place.read() == OLDER
    assert DENIED in refused(place, place.sink(BAO_TOKEN=token)).what


def test_a_server_of_an_unknown_authority_gets_no_token(place: OpenBaoOverTls) -> None:
    assert "certificate" in refused(place, place.sink(BAO_CACERT="")).what


# Variables


@pytest.mark.parametrize("what", ["ADDR", "TOKEN", "NAMESPACE", "CACERT"])
def test_two_variables_that_differ_are_a_fault(place: OpenBaoOverTls, what: str) -> None:
    more: dict[str, Any] = {f"BAO_{what}": "https://one.example", f"VAULT_{what}": "another"}
    with pytest.raises(SinkError, match=f"BAO_{what} and VAULT_{what} are both set") as caught:
        place.sink(**more)
    assert "another" not in str(caught.value)
    assert "one.example" not in str(caught.value)


def test_all_variables_that_differ_are_told_at_once(place: OpenBaoOverTls) -> None:
    more: dict[str, Any] = {"VAULT_ADDR": "https://one.example", "VAULT_TOKEN": "another"}
    with pytest.raises(SinkError) as caught:
        place.sink(**more)
    assert str(caught.value) == (
        "vault: BAO_ADDR and VAULT_ADDR are both set, and differ; unset one of them; BAO_TOKEN and "
        "VAULT_TOKEN are both set, and differ; unset one of them"
    )


def test_two_variables_that_agree_are_none(place: OpenBaoOverTls) -> None:
    place.sink(VAULT_ADDR=place.bao.url, VAULT_TOKEN=place.token).check()


def test_each_variable_may_have_either_name(place: OpenBaoOverTls) -> None:
    place.sink(BAO_TOKEN="", VAULT_TOKEN=place.token).check()
