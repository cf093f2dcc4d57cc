"""What the tests ask of any Vault: the stand-in, and OpenBao's own server."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from support.providers.exchange import fail
from support.providers.standin import StandIn

Policy = Mapping[str, tuple[str, ...]]
"""Capabilities by path; ``*`` and ``+`` as in a policy's file."""


class VaultServer(StandIn):
    """A Vault with KV version 2 at ``secret``, as its operator sees it."""

    root: str
    """A token that may do everything."""

    @abstractmethod
    def mount(
        self, path: str, *, namespace: str = "", version: int = 2, cas_required: bool = False
    ) -> None:
        """Enable a KV engine; its namespace comes into being with it."""

    @abstractmethod
    def add_token(
        self, text: str, policy: Policy, *, namespace: str = "", default: bool = True
    ) -> str:
        """Issue a token, or give one another policy; return it as its owner has to send it.

        ``default``: whether it has the default policy too, and so may ask for its rights.
        """

    @abstractmethod
    def forget_token(self, text: str) -> None:
        """Revoke a token."""

    @abstractmethod
    def put_secret(self, mount: str, path: str, data: dict[str, Any]) -> object:
        """Write a version, as somebody else would; in an engine of version 1, the secret."""

    @abstractmethod
    def delete(self, mount: str, path: str, *, destroy: bool = False) -> None:
        """Delete or destroy the current version."""

    @abstractmethod
    def secret(self, mount: str, path: str, *, namespace: str = "") -> dict[str, Any] | None:
        """Return the current members of a secret; None: never written, deleted or destroyed."""

    @abstractmethod
    def seal(self) -> None:
        """Answer no request any more, except to its operator here."""

    def throttle(self, seconds: int = 1, *, times: int = 1) -> None:
        """Refuse the next calls: a rate limit quota is used up."""
        body = {"errors": ["rate limit quota exceeded"]}
        headers = {"Retry-After": str(seconds)}
        self.faults.append(fail("", "", 429, headers=headers, body=body, times=times))
