"""The stand-in of Vault keeps to what Vault documents."""

from collections.abc import Callable, Iterator

import pytest
import requests

from support.providers.vault import ROOT, Vault

Ask = Callable[..., requests.Response]
APP = "secret/data/app"
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
DENIED = {"errors": ["permission denied"]}


@pytest.fixture
def vault() -> Iterator[Vault]:
    with Vault() as stand_in:
        yield stand_in


@pytest.fixture
def ask(vault: Vault) -> Iterator[Ask]:
    with requests.Session() as session:
        session.trust_env = False

        def send(
            method: str,
            path: str,
            token: str = ROOT,
            *,
            headers: dict[str, str] | None = None,
            **more: object,
        ) -> requests.Response:
            own = ({"X-Vault-Token": token} if token else {}) | (headers or {})
            url = f"{vault.url}/v1/{path}"
            return session.request(method, url, headers=own, timeout=60, **more)  # type: ignore[arg-type]

        yield send


def write(data: dict[str, str], cas: int | None = None) -> dict[str, object]:
    return {"data": data} | ({} if cas is None else {"options": {"cas": cas}})


def test_a_write_replaces_all_members(vault: Vault, ask: Ask) -> None:
    vault.put_secret("secret", "app", {"key": "old", "user": "me"})
    answer = ask("POST", APP, json=write({"key": "new"}, cas=1))
    assert answer.json()["data"]["version"] == 2
    assert vault.secret("secret", "app") == {"key": "new"}
    assert ask("GET", f"{APP}?version=1").json()["data"]["data"] == {"key": "old", "user": "me"}


def test_a_patch_changes_what_it_names(vault: Vault, ask: Ask) -> None:
    vault.put_secret("secret", "app", {"key": "old", "user": "me", "note": "x"})
    body = {"data": {"key": "new", "note": None}, "options": {"cas": 1}}
    assert ask("PATCH", APP, json=body, headers=MERGE_PATCH).status_code == 200
    assert vault.secret("secret", "app") == {"key": "new", "user": "me"}
    assert ask("PATCH", "secret/data/no", json=body, headers=MERGE_PATCH).json() == {"errors": []}


def test_check_and_set(vault: Vault, ask: Ask) -> None:
    assert ask("POST", APP, json=write({"key": "1"}, cas=0)).status_code == 200
    late = ask("POST", APP, json=write({"key": "2"}, cas=0))
    assert late.status_code == 400
    assert late.json() == {"errors": ["check-and-set parameter did not match the current version"]}
    vault.mount("strict", cas_required=True)
    bare = ask("POST", "strict/data/app", json=write({"key": "1"}))
    assert bare.json() == {"errors": ["check-and-set parameter required for this call"]}


@pytest.mark.parametrize("destroy", [False, True])
def test_what_is_deleted_is_not_found_but_has_metadata(
    vault: Vault, ask: Ask, *, destroy: bool
) -> None:
    vault.put_secret("secret", "app", {"key": "old"})
    vault.delete("secret", "app", destroy=destroy)
    answer = ask("GET", APP)
    assert answer.status_code == 404
    metadata = answer.json()["data"]["metadata"]
    assert (bool(metadata["deletion_time"]), metadata["destroyed"]) == (not destroy, destroy)
    assert answer.json()["data"]["data"] is None
    patched = ask("PATCH", APP, json=write({"key": "new"}), headers=MERGE_PATCH)
    assert (patched.status_code, patched.json()["data"]["version"]) == (404, 1)
    assert ask("POST", APP, json=write({"key": "new"}, cas=0)).status_code == 400
    assert ask("POST", APP, json=write({"key": "new"}, cas=1)).status_code == 200
    assert vault.secret("secret", "app") == {"key": "new"}


def test_old_versions_go(vault: Vault, ask: Ask) -> None:
    vault.mount("short", max_versions=2)
    for text in "abc":
        vault.put_secret("short", "app", {"key": text})
    assert ask("GET", "short/data/app?version=1").json() == {"errors": []}
    assert ask("GET", "short/data/app?version=2").status_code == 200


def test_never_written_is_not_found(ask: Ask) -> None:
    answer = ask("GET", APP)
    assert (answer.status_code, answer.json()) == (404, {"errors": []})


def test_policies(vault: Vault, ask: Ask) -> None:
    policy = {
        "secret/data/*": ("create", "read", "update"),
        "secret/data/+/prod": ("deny",),
        "secret/data/read": ("read",),
        "secret/data/made": ("create",),
    }
    own = vault.add_token(policy=policy)
    for name in ("read", "made"):
        vault.put_secret("secret", name, {"key": "old"})
    assert ask("POST", APP, own, json=write({"key": "1"})).status_code == 200
    assert ask("POST", "secret/data/read", own, json=write({})).json() == DENIED
    assert ask("POST", "secret/data/made", own, json=write({})).json() == DENIED
    assert ask("GET", "secret/data/app/prod", own).json() == DENIED
    assert ask("PATCH", APP, own, json=write({}), headers=MERGE_PATCH).json() == DENIED
    assert ask("GET", "elsewhere/data/app", own).json() == DENIED
    assert ask("GET", APP, "").json() == DENIED
    assert "invalid token" in ask("GET", APP, "hvs.other").json()["errors"][0]
    assert "no handler for route" in ask("GET", "elsewhere/data/app").json()["errors"][0]


def test_capabilities_self(vault: Vault, ask: Ask) -> None:
    own = vault.add_token(policy={APP: ("update", "read")})
    body = {"paths": [APP, "secret/data/other"]}
    told = ask("POST", "sys/capabilities-self", own, json=body).json()
    assert told["data"] == {APP: ["read", "update"], "secret/data/other": ["deny"]}
    assert told[APP] == ["read", "update"]
    one = ask("POST", "sys/capabilities-self", json={"paths": [APP]}).json()
    assert one["capabilities"] == ["root"]
    own = vault.add_token(policy={APP: ("update", "read")}, default=False)
    assert ask("POST", "sys/capabilities-self", own, json=body).json() == DENIED


def test_namespaces(vault: Vault, ask: Ask) -> None:
    vault.mount("secret", namespace="team/a")
    own = vault.add_token(policy={"secret/data/app": ("create", "read")}, namespace="team/a")
    header = {"X-Vault-Namespace": "team/a/"}
    assert ask("POST", APP, own, json=write({"key": "1"})).json() == DENIED
    assert ask("POST", APP, own, json=write({"key": "1"}), headers=header).status_code == 200
    assert ask("GET", f"team/a/{APP}", own).status_code == 200
    asked = ask("POST", "sys/capabilities-self", own, json={"paths": [APP]}, headers=header)
    assert asked.json()["capabilities"] == ["create", "read"]
    assert vault.secret("secret", "app") is None
    assert vault.secret("secret", "app", namespace="team/a") == {"key": "1"}


def test_version_1_swallows_a_request_to_version_2(vault: Vault, ask: Ask) -> None:
    vault.mount("old", version=1)
    answer = ask("POST", "old/data/app", json=write({"key": "1"}, cas=0))
    assert (answer.status_code, answer.content) == (204, b"")
    assert vault.secret("old", "data/app") == {"data": {"key": "1"}, "options": {"cas": 0}}
    told = ask("GET", "sys/internal/ui/mounts/old/app").json()["data"]
    assert told["options"] == {"version": "1"}
    own = vault.add_token(policy={APP: ("read",)})
    assert ask("GET", "sys/internal/ui/mounts/secret/app", own).status_code == 200
    assert ask("GET", "sys/internal/ui/mounts/old/app", own).status_code == 403


def test_sealed_and_throttled(vault: Vault, ask: Ask) -> None:
    vault.seal()
    answer = ask("GET", APP)
    assert (answer.status_code, answer.json()) == (503, {"errors": ["Vault is sealed"]})
    vault.throttle(2)
    assert ask("GET", APP).headers["Retry-After"] == "2"


def test_a_secret_may_be_named_like_a_system_path(vault: Vault, ask: Ask) -> None:
    assert ask("POST", "secret/data/sys/app", json=write({"key": "1"})).status_code == 200
    assert vault.secret("secret", "sys/app") == {"key": "1"}


@pytest.mark.parametrize(
    ("method", "path", "request_"),
    [
        ("POST", APP, {"json": {"data": {}, "cas": 1}}),
        ("POST", APP, {"json": {"data": {}, "options": {"cas": 1, "force": True}}}),
        ("POST", APP, {"json": {"key": "1"}}),
        ("POST", APP, {"data": b'{"data": {}}'}),
        ("PATCH", APP, {"json": {"data": {}}}),
        ("POST", "secret/app", {"json": {"data": {}}}),
        ("GET", f"{APP}?token={ROOT}", {}),
    ],
)
def test_requests_out_of_shape_fail_the_test(
    method: str, path: str, request_: dict[str, object]
) -> None:
    stand_in = Vault()
    own = {"X-Vault-Token": ROOT}
    with pytest.raises(AssertionError, match="against the service's rules"), stand_in:
        requests.request(method, f"{stand_in.url}/v1/{path}", headers=own, timeout=60, **request_)  # type: ignore[arg-type]
