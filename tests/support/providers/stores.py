"""GitLab, Vault and Buildkite with one place for a key each, and a token that may write it.

Each has what the contract suite wants of a store (``environ``, ``tokens``, ``held``), and what
tests of all three together need besides.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar
from uuid import uuid4

from signotaur_action.http import StoreAccess, TimeBudget
from signotaur_action.model import Secret
from signotaur_action.ports import Sink
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkContext
from support.clock import VirtualClock
from support.providers.buildkite import Buildkite
from support.providers.exchange import Call, Fault, Reply, Request
from support.providers.gitlab import GitLab
from support.providers.openbao import shared_openbao
from support.providers.openbao_front import OpenBaoFront
from support.providers.standin import StandIn
from support.tls import Certificate

NAME = "SIGNOTAUR_API_KEY"
OLDER = "the-older-key-0123456789"
NEIGHBOUR = "a-password-of-somebody-else"
WRITTEN = "(variable|data|secret|credential|parameter|envvar)"
"""What the path of a request that writes a key has, where a harness names nothing else."""

Server = TypeVar("Server", bound=StandIn)


class StoreHarness(ABC, Generic[Server]):
    """A store that holds an older key, unless it is ``new``. Open while a test runs."""

    text: str
    """The destination, as ``--emit-secret`` takes it."""
    readable: bool
    """Whether the store shows what it holds."""
    token_variable: str
    address_variable: str
    authorities_variable: str = ""
    refusal: ClassVar[Mapping[str, Any]] = {
        "message": "not now", "errors": ["not now"], "error": {"message": "not now"}
    }  # fmt: skip
    """The answer of a store that takes no key, as most of them word it."""

    def __init__(self, server: Server, token: str, *, new: bool) -> None:
        self.server = server
        self.clock = self.server.clock = VirtualClock()
        self.token = token
        self.grant()
        if not new:
            self.put(OLDER)

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self.server.__exit__(*raised)  # type: ignore[arg-type]

    @property
    def environ(self) -> dict[str, str]:
        """The variables by which the sink finds the store."""
        return {self.address_variable: self.server.url, self.token_variable: self.token}

    @property
    def header_token(self) -> str:
        """The token as its header carries it."""
        return self.token

    @property
    def tokens(self) -> dict[str, Secret]:
        """Nothing: the token is in a variable."""
        return {}

    @abstractmethod
    def grant(self) -> None:
        """Let the token write the place."""

    @abstractmethod
    def revoke(self) -> None:
        """Forget the token."""

    @abstractmethod
    def put(self, key: str) -> None:
        """Make the place with this key in it, as somebody did by hand."""

    @abstractmethod
    def held(self) -> Any:
        """Return all that the place holds; None where there is no such place."""

    @abstractmethod
    def read(self) -> str:
        """Return the key, past the API."""

    def is_write(self, call: Call | Request) -> bool:
        """Return whether a request writes a key."""
        return call.method in ("PUT", "POST") and re.search(WRITTEN, call.path) is not None

    def refuse_writes(self, status: int) -> Fault:
        """Return a fault that takes no key, for a reason of its own."""

        def fault(call: Call) -> Reply | None:
            return Reply(status, self.refusal) if self.is_write(call) else None

        return fault

    def context(
        self, *, seconds: float = 20, ca_file: Path | None = None, **environ: str
    ) -> SinkContext:
        """Return the world as a sink sees it; ``environ`` is on top of the place's own."""
        variables = self.environ | environ
        limit = TimeBudget(seconds, "the patience of a test", self.clock)
        access = StoreAccess(variables, self.clock, ca_file=ca_file, budget=limit)
        return SinkContext(_silent, variables, store_access=access)

    def sink(self, text: str = "", **how: Any) -> Sink:
        """Return a sink of this place, or of the one that ``text`` names; ``how``: see above."""
        return emitter(text or self.text, self.context(**how))


class GitlabHarness(StoreHarness[GitLab]):
    """A variable of the project acme/app, or of the group acme; ``members`` are the variable's."""

    readable = True
    token_variable = "GITLAB_TOKEN"
    address_variable = "CI_API_V4_URL"
    authorities_variable = "CI_SERVER_TLS_CA_FILE"

    def __init__(
        self,
        _: Path | None = None,
        *,
        new: bool = False,
        owner: str = "acme/app",
        scope: str = "",
        tls: Certificate | None = None,
        **members: object,
    ) -> None:
        self.owner = owner
        self._scope = scope or "*"
        self._members = {"masked": True, "protected": True, **members}
        whose = "project=acme/app" if owner == "acme/app" else f"group={owner}"
        self.text = f"gitlab-var:{NAME},{whose}{f',scope={scope}' if scope else ''}"
        super().__init__(GitLab(tls=tls), "glpat-AAAAAAAAAAAAAAAAAAAA", new=new)

    @property
    def environ(self) -> dict[str, str]:
        """See ``StoreHarness``."""
        return {"CI_API_V4_URL": self.server.api, "GITLAB_TOKEN": self.token}

    def grant(self) -> None:
        """See ``StoreHarness``."""
        role = "maintainer" if self.owner == "acme/app" else "owner"
        self.server.add_token(self.token, kind="personal", roles={self.owner: role})

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens.clear()

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        members = self._members | {"environment_scope": self._scope}
        self.server.set_variable(self.owner, NAME, key, **members)

    def held(self) -> Any:
        """See ``StoreHarness``."""
        try:
            return self.server.variable(self.owner, NAME, self._scope)
        except IndexError:
            return None

    def read(self) -> str:
        """See ``StoreHarness``."""
        value: str = self.held()["value"]
        return value


class VaultHarness(StoreHarness[OpenBaoFront]):
    """A field of secret/ci/signotaur, beside another field; OpenBao behind a front is the server.

    All of a process share the server, which is emptied for each: only one is open at a time.
    ``beside``: any number of these are open at a time, each with a secret, a policy and a token of
    its own.
    """

    readable = True
    token_variable = "VAULT_TOKEN"
    address_variable = "VAULT_ADDR"
    authorities_variable = "VAULT_CACERT"
    rights: tuple[str, ...] = ("read", "create", "update")

    def __init__(
        self,
        _: Path | None = None,
        *,
        new: bool = False,
        tls: Certificate | None = None,
        beside: bool = False,
    ) -> None:
        self.bao = shared_openbao()
        name = uuid4().hex if beside else "signotaur"
        self.path = f"ci/{name}"
        self.text = f"vault:secret/{self.path}#{NAME}"
        server = OpenBaoFront(self.bao, tls=tls, emptied=not beside)
        super().__init__(server, f"ci-token-AAAAAAAAAAAAAAAA-{name}", new=new)

    def grant(self) -> None:
        """See ``StoreHarness``."""
        self.server.add_token(self.token, {f"secret/data/{self.path}": self.rights})

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        self.server.forget_token(self.token)

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        self.server.put_secret("secret", self.path, {"PASSWORD": NEIGHBOUR, NAME: key})

    def held(self) -> Any:
        """See ``StoreHarness``."""
        return self.server.secret("secret", self.path)

    def read(self) -> str:
        """See ``StoreHarness``."""
        value: str = self.held()[NAME]
        return value


class OpenBaoOverTls(VaultHarness):
    """The same with nothing before the server, found by the variables of OpenBao's own tools."""

    token_variable = "BAO_TOKEN"
    address_variable = "BAO_ADDR"
    authorities_variable = "BAO_CACERT"

    @property
    def environ(self) -> dict[str, str]:
        """See ``StoreHarness``."""
        return {
            "BAO_ADDR": self.bao.url,
            "BAO_TOKEN": self.token,
            "BAO_CACERT": str(self.bao.ca_file),
        }


class BuildkiteHarness(StoreHarness[Buildkite]):
    """A secret of the one cluster, with a description and a policy."""

    readable = False
    token_variable = "BUILDKITE_API_TOKEN"
    address_variable = "BUILDKITE_REST_API_ENDPOINT"

    def __init__(
        self, _: Path | None = None, *, new: bool = False, tls: Certificate | None = None
    ) -> None:
        server = Buildkite(tls=tls)
        self.text = f"buildkite-secret:{NAME},cluster={server.cluster},organization=acme"
        super().__init__(server, "bkua_AAAAAAAAAAAAAAAAAAAA", new=new)

    def grant(self) -> None:
        """See ``StoreHarness``."""
        self.server.add_token(self.token)

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        del self.server.tokens[self.token]

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        policy = "- pipeline_slug: app"
        self.server.add_secret(NAME, key, description="for signing", policy=policy)

    def held(self) -> Any:
        """See ``StoreHarness``."""
        try:
            secret = self.server.secret(NAME)
        except StopIteration:
            return None
        return {name: secret[name] for name in ("id", "value", "description", "policy")}

    def read(self) -> str:
        """See ``StoreHarness``."""
        value: str = self.held()["value"]
        return value


def _silent(_: str) -> None:
    raise AssertionError("a store's sink prints nothing")
