"""A front before OpenBao's own server: it records requests and commits faults.

Every request is checked against the published description of HashiCorp Vault
(``tests/data/vault_api.json``), so that what OpenBao takes is what Vault describes.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from support.providers.exchange import Call, Drop, Reply, fail
from support.providers.openapi import Description
from support.providers.openbao import OpenBao
from support.providers.standin import StandIn
from support.tls import Certificate

DESCRIPTION = Path(__file__).parents[2] / "data" / "vault_api.json"
Policy = Mapping[str, tuple[str, ...]]
"""Capabilities by path; ``*`` and ``+`` as in a policy's file."""


class OpenBaoFront(StandIn):
    """A front before ``bao``: every call that no fault takes is answered by the real server.

    ``emptied``: whether the server is emptied first, so that only one front is open at a time.
    """

    def __init__(
        self, bao: OpenBao, *, tls: Certificate | None = None, emptied: bool = True
    ) -> None:
        super().__init__(tls=tls)
        self.bao = bao
        self.root = bao.root
        self._description = Description(DESCRIPTION)
        self._unversioned: set[str] = set()
        if emptied:
            bao.reset()
        else:
            bao.make_ready()

    def handle(self, call: Call) -> Reply | Drop:
        """Let the real server answer."""
        self._check(call)
        headers = {
            name: text
            for name, text in call.headers.items()
            if name.startswith("x-vault-") or name in ("authorization", "content-type")
        }
        answer = self.bao.send(call.method, call.path, headers, call.body or None)
        return Reply(answer.status_code, answer.content)

    def _check(self, call: Call) -> None:
        """Hold a request to what HashiCorp publishes of Vault. OpenBao's answers tell more."""
        known = self._described("/".join(call.segments[1:]))
        if known:
            path = f"/v1/{known}?{urlsplit(call.path).query}"
            body = call.json if call.body else None
            for text in self._description.check_request(call.method, path, body):
                self.violation(text)

    def _described(self, path: str) -> str:
        """Write a path as the description does, whose parameters hold no slashes.

        Empty for an engine of version 1: who meets one by mistake did no wrong.
        """
        for start in ("sys/internal/ui/mounts/", "sys/", "auth/"):
            if path.startswith(start):
                return start + quote(path.removeprefix(start), "" if "mounts" in start else "/")
        mount, _, name = path.partition("/data/")
        return "" if mount in self._unversioned else f"{quote(mount, '')}/data/{quote(name, '')}"

    def mount(
        self, path: str, *, namespace: str = "", version: int = 2, cas_required: bool = False
    ) -> None:
        """Enable a KV engine; its namespace comes into being with it."""
        if namespace:
            self.bao.make_namespace(namespace)
        if version == 1:
            self._unversioned.add(path)
        self.bao.mount(path, namespace=namespace, version=version, cas_required=cas_required)

    def add_token(
        self, text: str, policy: Policy, *, namespace: str = "", default: bool = True
    ) -> str:
        """Issue a token, or give one another policy; return it as its owner has to send it.

        ``default``: whether it has the default policy too, and so may ask for its rights.
        """
        rules = {path: {"capabilities": rights} for path, rights in policy.items()}
        named = {"policy": json.dumps({"path": rules})}
        name = f"of-{text}"
        self.bao.must("POST", f"sys/policies/acl/{name}", named, namespace=namespace)
        self.forget_token(text)
        wanted: dict[str, Any] = {"policies": [name], "no_default_policy": not default}
        if not namespace:  # elsewhere OpenBao lets nobody choose a token's text
            wanted["id"] = text
        made = self.bao.must("POST", "auth/token/create", wanted, namespace=namespace)
        token: str = made["auth"]["client_token"]
        return token

    def forget_token(self, text: str) -> None:
        """Revoke a token."""
        self.bao.ask("POST", "auth/token/revoke", {"token": text})

    def put_secret(self, mount: str, path: str, data: dict[str, Any]) -> None:
        """Write a version, as somebody else would; in an engine of version 1, the secret."""
        if self._version(mount) == 1:
            self.bao.must("POST", f"{mount}/{path}", data)
        else:
            self.bao.must("POST", f"{mount}/data/{path}", {"data": data})

    def delete(self, mount: str, path: str, *, destroy: bool = False) -> None:
        """Delete or destroy the current version."""
        found = self.bao.must("GET", f"{mount}/data/{path}")["data"]["metadata"]["version"]
        how = "destroy" if destroy else "delete"
        self.bao.must("POST", f"{mount}/{how}/{path}", {"versions": [found]})

    def secret(self, mount: str, path: str, *, namespace: str = "") -> dict[str, Any] | None:
        """Return the current members of a secret; None: never written, deleted or destroyed."""
        with self._unsealed():
            inner = path if self._version(mount, namespace) == 1 else f"data/{path}"
            where = "/".join(map(quote, f"{mount}/{inner}".split("/")))
            answer = self.bao.ask("GET", where, namespace=namespace)
        assert answer.status_code in (200, 404), answer.text
        if answer.status_code == requests.codes.not_found:
            return None
        data: dict[str, Any] = answer.json()["data"]
        return data if inner == path else data["data"]

    def seal(self) -> None:
        """Answer no request any more, except to its operator here."""
        self.bao.seal()

    def throttle(self, seconds: int = 1, *, times: int = 1) -> None:
        """Refuse the next calls: a rate limit quota is used up."""
        body = {"errors": ["rate limit quota exceeded"]}
        headers = {"Retry-After": str(seconds)}
        self.faults.append(fail("", "", 429, headers=headers, body=body, times=times))

    def _version(self, mount: str, namespace: str = "") -> int:
        tuned = self.bao.must("GET", f"sys/mounts/{mount}", namespace=namespace)
        return int(tuned["options"]["version"])

    @contextmanager
    def _unsealed(self) -> Iterator[None]:
        """Look past the seal, and leave it as it was."""
        sealed = self.bao.sealed
        if sealed:
            self.bao.unseal()
        yield
        if sealed:
            self.bao.seal()
