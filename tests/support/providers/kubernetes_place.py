"""One entry of a Secret of Kubernetes, beside another entry."""

from pathlib import Path
from typing import Any

from support.providers.exchange import Call, Request
from support.providers.kubernetes import NAMESPACE, Kubernetes
from support.providers.stores import NEIGHBOUR, StoreHarness
from support.tls import Certificate

SECRET, KEY = "signing", "SIGNOTAUR_API_KEY"


class KubernetesHarness(StoreHarness[Kubernetes]):
    """The account may read and apply the Secret."""

    readable = True
    text = f"kubernetes:{NAMESPACE}/{SECRET}#{KEY}"
    token_variable = "KUBERNETES_TOKEN"
    address_variable = "KUBERNETES_API_URL"
    authorities_variable = "KUBERNETES_CA_FILE"

    def __init__(
        self, _: Path | None = None, *, new: bool = False, tls: Certificate | None = None
    ) -> None:
        super().__init__(Kubernetes(tls=tls), "eyJhbGciOiJSUzI1NiJ9.account.AAAAAAAA", new=new)

    def is_write(self, call: Call | Request) -> bool:
        """See ``StoreHarness``."""
        return call.method == "PATCH"

    def grant(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens[self.token] = {"get", "create", "patch"}

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens.clear()

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        self.server.put(SECRET, PASSWORD=NEIGHBOUR, **{KEY: key})

    def held(self) -> Any:
        """See ``StoreHarness``."""
        found = self.server.secrets.get(SECRET)
        return found and {each: self.server.value(SECRET, each) for each in sorted(found["data"])}

    def read(self) -> str:
        """See ``StoreHarness``."""
        return self.server.value(SECRET, KEY)
