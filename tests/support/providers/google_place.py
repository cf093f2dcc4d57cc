"""A secret of Google Cloud Secret Manager, and a token that may add versions to it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from signotaur_action.ports import Sink
from signotaur_action.sinks import emitter
from support.providers.exchange import Call, Request
from support.providers.google_cloud import (
    ACCOUNT,
    ADD,
    PROJECT,
    PROVIDER,
    READ,
    Caller,
    GoogleCloud,
    Version,
)
from support.providers.stores import StoreHarness
from support.tls import Certificate

NAME = "signotaur-key"


class GcpSecretHarness(StoreHarness[GoogleCloud]):
    """The secret exists in any case; a new one has no version yet."""

    readable = True
    text = f"gcp-secret:{PROJECT}/{NAME}"
    token_variable = "CLOUDSDK_AUTH_ACCESS_TOKEN"
    address_variable = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"

    def __init__(
        self, _: Path | None = None, *, new: bool = False, tls: Certificate | None = None
    ) -> None:
        server = GoogleCloud(tls=tls)
        server.secrets[NAME] = []
        super().__init__(server, "ya29.a0AfB_access_token_AAAAAAAAAAAA", new=new)

    @property
    def environ(self) -> dict[str, str]:
        """See ``StoreHarness``."""
        names = ("SECRETMANAGER", "STS", "IAMCREDENTIALS")
        urls = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}": self.server.url for name in names}
        return urls | {"CLOUDSDK_AUTH_ACCESS_TOKEN": self.token}

    def is_write(self, call: Call | Request) -> bool:
        """See ``StoreHarness``."""
        return call.path.endswith(":addVersion")

    def grant(self) -> None:
        """See ``StoreHarness``."""
        self.server.callers[self.token] = Caller({ADD, READ})

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        self.server.callers.clear()

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        self.server.secrets[NAME].append(Version(key.encode()))

    def held(self) -> Any:
        """See ``StoreHarness``."""
        versions = self.server.secrets[NAME]
        return versions[-1].data.decode() if versions else None

    def read(self) -> str:
        """See ``StoreHarness``."""
        value: str = self.held()
        return value

    def job_sink(self, **environ: str) -> tuple[Sink, list[str]]:
        """Return the sink of a job without a token, and what it masks.

        ``environ`` are further variables; an empty one is not set.
        """
        masked: list[str] = []
        variables = {
            **self.environ,
            "CLOUDSDK_AUTH_ACCESS_TOKEN": "",
            "GCP_WORKLOAD_IDENTITY_PROVIDER": PROVIDER,
            "GCP_SERVICE_ACCOUNT": ACCOUNT,
            **environ,
        }
        context = replace(
            self.context(),
            environ={name: text for name, text in variables.items() if text},
            mask_token=lambda secret: masked.append(secret.reveal()),
        )
        return emitter(self.text, context), masked
