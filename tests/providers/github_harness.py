"""A job that delivers keys to GitHub's stand-in: how its sinks are made, and what they may say."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.harness import delivery
from signotaur_action.errors import DeliveryError, DestinationRefusedError
from signotaur_action.http import StoreAccess, TimeBudget
from signotaur_action.model import Secret
from signotaur_action.ports import Sink
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkContext
from support.clock import VirtualClock
from support.providers.github import GitHub
from support.sample_key import KEY

TOKEN = "github_pat_11AAAAAAA_bbbbbbbbbbbbbbbbbbbbbbbb"
REPOSITORY = "repos/acme/product"
AT = ("actions", REPOSITORY, "KEY")
PUBLIC_KEY, SECRET = r"/secrets/public-key$", r"/secrets/KEY$"
PERMISSIONS = (
    "secrets", "environments", "dependabot_secrets", "codespaces_secrets",
    "organization_secrets", "organization_dependabot_secrets", "organization_codespaces_secrets",
)  # fmt: skip


@dataclass
class GithubHarness:
    """A job with a token of GitHub's."""

    github: GitHub
    environ: dict[str, str] = field(default_factory=dict)
    seconds: float = 20
    ca_file: Path | None = None
    clock: VirtualClock = field(default_factory=VirtualClock)

    def __post_init__(self) -> None:
        self.github.clock = self.clock

    def sink(self, text: str = "KEY", token: str | None = TOKEN) -> Sink:
        """Make a sink as ``--emit-secret`` does."""
        given = {"GITHUB_API_URL": self.github.url, "GITHUB_REPOSITORY": "acme/product"}
        environ = given | self.environ
        limit = TimeBudget(self.seconds, "a test's time", self.clock)
        context = SinkContext(
            lambda _: None,
            environ,
            github_token=Secret(token) if token else None,
            store_access=StoreAccess(environ, self.clock, ca_file=self.ca_file, budget=limit),
        )
        return emitter(f"github-secret:{text}", context)

    def checked(self, text: str = "KEY") -> Sink:
        """Make a sink and let it check."""
        sink = self.sink(text)
        sink.check()
        return sink

    def refusal(self, sink: Sink) -> str:
        """Return why a check, or else a delivery, is refused."""

        def both() -> None:
            sink.check()
            sink.deliver(delivery(KEY))

        told = self.told(both)
        assert sink.name in told
        return told

    @staticmethod
    def told(act: Callable[[], object]) -> str:
        """Return all that is told when this is refused: neither key nor token."""
        with pytest.raises((DestinationRefusedError, DeliveryError)) as caught:
            act()
        error = caught.value
        told = f"{error.what} {error.keys} {error.next}"
        assert KEY[:8] not in told
        assert TOKEN[11:] not in told
        return told


def furnish(github: GitHub) -> None:
    """Add what a job of acme/product meets, and its token."""
    github.add_repository("acme/product", environments=["production/eu"])
    github.add_repository("acme/elsewhere")
    github.add_organization("acme")
    github.add_token(TOKEN, permissions=dict.fromkeys(PERMISSIONS, "write"))


def kept_long_ago(github: GitHub, store: str, scope: str, name: str, **members: Any) -> None:
    """Keep a secret whose time of change is another one than that of any new one."""
    github.clock_offset = timedelta(hours=-1)
    github.put_secret(store, scope, name, "older", **members)
    github.clock_offset = timedelta(0)
