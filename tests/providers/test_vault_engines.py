"""Vault's policies, engines and namespaces: whether the place is one, and may be written."""

from typing import Any

import pytest

from contract.harness import delivery
from providers.store_checks import ALWAYS, not_delivered, refused, written
from signotaur_action.errors import DeliveryError
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkError
from support.providers.exchange import fail
from support.providers.stores import NAME, OLDER, VaultHarness
from support.sample_key import KEY

POLICY_PATH = "secret/data/ci/signotaur"


def allow(place: VaultHarness, *rights: str, path: str = POLICY_PATH, **how: Any) -> None:
    """Give the token this policy, and no other."""
    place.server.add_token(place.token, {path: rights}, **how)


# Policies


@pytest.mark.parametrize("rights", [("read",), ("read", "create"), ("read", "patch", "delete")])
def test_a_policy_that_does_not_let_write_is_found_by_the_check(
    vault: VaultHarness, rights: tuple[str, ...]
) -> None:
    allow(vault, *rights)
    assert f"lacks update on {POLICY_PATH}" in refused(vault).what
    told = not_delivered(vault).what
    assert f"it needs read, create and update on {POLICY_PATH}" in told
    assert "permission denied" in told


def test_a_policy_that_does_not_let_make_is_found_by_the_check(new_vault: VaultHarness) -> None:
    allow(new_vault, "read", "update")
    assert f"lacks create on {POLICY_PATH}" in refused(new_vault).what


def test_a_policy_that_does_not_let_read_is_refused(vault: VaultHarness) -> None:
    allow(vault, "create", "update")
    assert "it needs read, create and update" in refused(vault).what
    not_delivered(vault)


def test_a_token_that_may_not_read_its_policies_is_accepted(vault: VaultHarness) -> None:
    allow(vault, *vault.rights, default=False)
    sink = vault.sink()
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert vault.read() == KEY


@pytest.mark.parametrize("status", [403, 404])
def test_a_vault_that_does_not_tell_rights_is_accepted(vault: VaultHarness, status: int) -> None:
    vault.server.faults.append(fail("POST", "capabilities-self", status))
    assert list(vault.sink().check()) == []


@pytest.mark.parametrize("told", [{}, {"capabilities": "update"}, {"capabilities": ["deny"]}])
def test_rights_that_are_not_listed_are_missing(
    vault: VaultHarness, told: dict[str, object]
) -> None:
    vault.server.faults.append(fail("POST", "capabilities-self", 200, body=told))
    expected = f": the token's policy lacks update on {POLICY_PATH}."
    assert refused(vault).what.endswith(expected)


def test_the_root_token_may_write(vault: VaultHarness) -> None:
    sink = vault.sink(VAULT_TOKEN=vault.server.root)
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert vault.read() == KEY


def test_an_unknown_token_is_reported_as_such(vault: VaultHarness) -> None:
    said = refused(vault, vault.sink(VAULT_TOKEN="hvs.other")).what
    assert "refuses the token (403: " in said
    assert "permission denied" in said


# Engines


def test_an_engine_of_version_1_is_refused_and_gets_nothing(vault: VaultHarness) -> None:
    vault.server.mount("old", version=1)
    vault.server.add_token(vault.token, {"old/*": ("read", "create", "update")})
    sink = vault.sink("vault:old/app#KEY")
    assert "not a KV version 2 engine" in refused(vault, sink).what
    assert vault.server.secret("old", "data/app") is None


def test_a_secret_of_version_1_that_looks_like_ours_is_refused(vault: VaultHarness) -> None:
    vault.server.mount("old", version=1)
    vault.server.add_token(vault.token, {"old/*": ("read", "create", "update")})
    vault.server.put_secret("old", "data/app", {"data": {"KEY": OLDER}, "options": {"cas": 0}})
    sink = vault.sink("vault:old/app#KEY")
    assert "not a KV version 2 engine" in refused(vault, sink).what
    assert "not a KV version 2 engine" in not_delivered(vault, sink).what
    assert written(vault) == []


def test_a_delivery_to_version_1_is_never_taken_for_one(vault: VaultHarness) -> None:
    vault.server.mount("old", version=1)
    vault.server.add_token(vault.token, {"old/*": ("read", "create", "update")})
    with pytest.raises(DeliveryError, match="not a KV version 2 engine"):
        vault.sink("vault:old/app#KEY").deliver(delivery(KEY))


def test_an_unknown_engine_version_is_refused_until_there_is_a_secret(
    new_vault: VaultHarness,
) -> None:
    hidden = fail("GET", "internal/ui/mounts", 403, body={"errors": ["no"]}, times=ALWAYS)
    new_vault.server.faults.append(hidden)
    assert "create the secret first" in refused(new_vault).what
    new_vault.put(OLDER)
    sink = new_vault.sink()
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert new_vault.read() == KEY


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"data": [1]},
        {"data": {"options": None}},
        {"data": {"options": {}}},
        {"data": {"options": {"version": "1"}}},
    ],
)
def test_an_engine_that_does_not_say_version_2_is_refused(
    new_vault: VaultHarness, told: dict[str, object]
) -> None:
    new_vault.server.faults.append(fail("GET", "internal/ui/mounts", 200, body=told))
    assert refused(new_vault).what.endswith(": secret is not a KV version 2 engine.")


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"data": [1]},
        {"data": {"data": {}}},
        {"data": {"data": {}, "metadata": [1]}},
        {"data": {"data": {}, "metadata": {"version": "1"}}},
        {"data": {"data": None, "metadata": {"version": 1}}},
    ],
)
def test_a_secret_without_fields_or_version_is_refused(
    vault: VaultHarness, told: dict[str, object]
) -> None:
    vault.server.faults.append(fail("GET", "/data/ci/", 200, body=told, times=ALWAYS))
    assert refused(vault).what.endswith(": secret is not a KV version 2 engine.")
    assert not_delivered(vault).what.endswith(": secret is not a KV version 2 engine.")


def test_a_mount_that_is_missing_is_reported(vault: VaultHarness) -> None:
    vault.server.add_token(vault.token, {"*": ("read", "create", "update")})
    assert "no handler for route" in refused(vault, vault.sink("vault:nowhere/app#KEY")).what


def test_a_sealed_vault_is_reported(vault: VaultHarness) -> None:
    vault.server.seal()
    assert "503: Vault is sealed" in refused(vault).what
    assert "503: Vault is sealed" in not_delivered(vault).what
    assert vault.clock.slept


# Where


def test_a_namespace_is_asked(vault: VaultHarness) -> None:
    server = vault.server
    server.mount("secret", namespace="team/one")
    policy = {POLICY_PATH: vault.rights}
    token = server.add_token(vault.token, policy, namespace="team/one")
    sink = vault.sink(VAULT_NAMESPACE="team/one/", VAULT_TOKEN=token)
    assert sink.name.endswith(", namespace team/one")
    assert "does not exist yet" in sink.check()[0]
    sink.deliver(delivery(KEY))
    assert sink.read_back() == Secret(KEY)
    assert server.secret("secret", "ci/signotaur", namespace="team/one") == {NAME: KEY}
    assert vault.read() == OLDER


@pytest.mark.parametrize("mount", ["kv/team", "kv/team/"])
def test_a_mount_may_have_several_parts(vault: VaultHarness, mount: str) -> None:
    vault.server.mount("kv/team")
    vault.server.add_token(vault.token, {"kv/team/data/app": vault.rights})
    sink = vault.sink(f"vault:app#KEY,mount={mount}")
    sink.check()
    sink.deliver(delivery(KEY))
    assert vault.server.secret("kv/team", "app") == {"KEY": KEY}


def test_every_request_says_that_it_is_one(vault: VaultHarness) -> None:
    """An agent in between may demand it, against requests that a browser was lured into."""
    sink = vault.sink()
    sink.check()
    sink.deliver(delivery(KEY))
    assert {each.headers["x-vault-request"] for each in vault.server.requests} == {"true"}


@pytest.mark.parametrize("path", ["a?version=1", "a%2Fb", "a#b", "a&b;c=d", "...x", "a+b", "it's"])
def test_a_path_is_escaped_part_by_part(vault: VaultHarness, path: str) -> None:
    vault.server.add_token(vault.token, {f"secret/data/ci/{path}": vault.rights})
    sink = vault.sink(f"vault:secret/ci/{path}#a.key/with-signs")
    sink.check()
    sink.deliver(delivery(KEY))
    assert vault.server.secret("secret", f"ci/{path}") == {"a.key/with-signs": KEY}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "vault: needs PATH#FIELD$"),
        ("secret/app", "vault: needs PATH#FIELD$"),
        (
            "secret/app#",
            "vault: the value must be a field after #: ASCII characters except space, # and comma",
        ),
        ("#KEY", "vault: needs PATH#FIELD$"),
        ("secret#KEY", "vault: needs MOUNT/PATH#FIELD, or mount=$"),
        ("secret/#KEY", "vault: needs MOUNT/PATH#FIELD, or mount=$"),
        ("/secret/app#KEY", "vault: mount: the value must be names with slashes between them"),
        ("secret/app/#KEY", "vault: path: the value must be names with slashes between them"),
        ("secret//app#KEY", "vault: path: "),
        ("secret/../app#KEY", "vault: path: "),
        ("secret/./app#KEY", "vault: path: "),
        ("secret/..#KEY", "vault: path: "),
        ("secret/app.#KEY", "vault: path: "),
        ("secret/a b#KEY", "vault: path: "),
        ("secret/äpp#KEY", "vault: path: "),
        ("secret/app#A KEY", "after #"),
        ("secret/app\n#KEY", "vault: "),
        ("app#KEY,mount=/", "vault: mount: "),
        ("app#KEY,mount=..", "vault: mount: "),
        ("app#KEY,mount=a,mount=b", "vault: "),
    ],
)
def test_a_destination_that_makes_no_sense_is_a_fault(
    vault: VaultHarness, text: str, fault: str
) -> None:
    with pytest.raises(SinkError, match=fault):
        vault.sink(f"vault:{text}")


@pytest.mark.parametrize("namespace", ["team one", "team\r\nX-Evil: 1", "ünits"])
def test_a_namespace_that_no_header_carries_is_a_fault(vault: VaultHarness, namespace: str) -> None:
    with pytest.raises(SinkError, match="VAULT_NAMESPACE"):
        vault.sink(VAULT_NAMESPACE=namespace)
