"""A secret and a parameter at Amazon, each with credentials that may write it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from signotaur_action.errors import DestinationRefusedError
from signotaur_action.ports import Sink
from signotaur_action.sinks import emitter
from support.providers.amazon import REGION, ROLE, Amazon, new_name
from support.providers.exchange import Call, Request
from support.providers.id_tokens import JOB, IdTokens
from support.providers.stores import NEIGHBOUR, StoreHarness
from support.tls import Certificate

KEY_ID = "AKIAAAAAAAAAAAAAAAAA"
AWS_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class AmazonPlace(StoreHarness[Amazon]):
    """What the places of both services share."""

    readable = True
    token_variable = "AWS_SECRET_ACCESS_KEY"
    authorities_variable = "AWS_CA_BUNDLE"
    session = "session/AAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

    def __init__(self, *, new: bool, tls: Certificate | None) -> None:
        self.name = new_name()
        super().__init__(Amazon(tls=tls), "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", new=new)

    @property
    def environ(self) -> dict[str, str]:
        """See ``StoreHarness``."""
        return {
            self.address_variable: self.server.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": self.token,
            "AWS_SESSION_TOKEN": self.session,
        }

    def is_write(self, call: Call | Request) -> bool:
        """See ``StoreHarness``."""
        return call.headers.get("x-amz-target", "").endswith((".PutSecretValue", ".PutParameter"))

    def grant(self) -> None:
        """See ``StoreHarness``."""
        self.server.add_caller(KEY_ID, self.token, self.session)

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        self.server.callers.clear()


class AwsSecretHarness(AmazonPlace):
    """A secret that is the key, or with ``field`` a JSON object that has another member, too."""

    address_variable = "AWS_ENDPOINT_URL_SECRETS_MANAGER"

    def __init__(
        self,
        _: Path | None = None,
        *,
        new: bool = False,
        tls: Certificate | None = None,
        field: str = "",
    ) -> None:
        self.field = field
        super().__init__(new=new, tls=tls)
        self.text = f"aws-secret:{self.name}{f',field={field}' if field else ''}"

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        value = {"PASSWORD": NEIGHBOUR, self.field: key}
        self.put_text(json.dumps(value) if self.field else key)

    def put_text(self, text: str) -> None:
        """Make the current version be this text."""
        made = self.server.ask("secretsmanager.CreateSecret", Name=self.name, SecretString=text)
        if made is None:
            self.ask("PutSecretValue", SecretString=text)

    def ask(self, action: str, **body: Any) -> Any:
        """Call an action for this secret as the account's owner."""
        return self.server.ask(f"secretsmanager.{action}", SecretId=self.name, **body)

    @property
    def versions(self) -> list[str]:
        """The ids of all versions that have a stage: the current one and the one before."""
        listed = self.ask("ListSecretVersionIds")["Versions"]
        return [each["VersionId"] for each in listed]

    def held(self) -> Any:
        """See ``StoreHarness``."""
        current = self.ask("GetSecretValue")
        return current and [current["SecretString"], sorted(self.versions)]

    def read(self) -> str:
        """See ``StoreHarness``."""
        text: str = self.held()[0]
        return json.loads(text)[self.field] if self.field else text


class AwsParameterHarness(AmazonPlace):
    """A SecureString with a KMS key of its owner's."""

    address_variable = "AWS_ENDPOINT_URL_SSM"
    kms_key = "alias/signing"

    def __init__(
        self, _: Path | None = None, *, new: bool = False, tls: Certificate | None = None
    ) -> None:
        super().__init__(new=new, tls=tls)
        self.text = f"aws-parameter:/{self.name}"

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        self.put_parameter(key, Type="SecureString", KeyId=self.kms_key)

    def put_parameter(self, value: str, **members: str) -> None:
        """Write a version with these members."""
        name = f"/{self.name}"
        self.server.ask("AmazonSSM.PutParameter", Name=name, Value=value, Overwrite=True, **members)

    def held(self) -> Any:
        """See ``StoreHarness``."""
        name = f"/{self.name}"
        found = self.server.ask("AmazonSSM.GetParameter", Name=name, WithDecryption=True)
        only = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
        [told] = self.server.ask("AmazonSSM.DescribeParameters", ParameterFilters=only)[
            "Parameters"
        ] or [None]
        return found and {
            **{each: found["Parameter"][each] for each in ("Value", "Type", "Version")},
            "KeyId": told.get("KeyId"),
        }

    def read(self) -> str:
        """See ``StoreHarness``."""
        value: str = self.held()["Value"]
        return value


class AwsJob:
    """A job that may become the role, and what its run masked."""

    def __init__(self, place: AmazonPlace, issuer: IdTokens) -> None:
        self.place = place
        self.issuer = issuer
        self.masked: list[str] = []
        place.server.subjects.add(JOB["sub"])
        place.revoke()
        kept = {name: text for name, text in place.environ.items() if name not in AWS_CREDENTIALS}
        sign_in = {"AWS_ROLE_ARN": ROLE, "AWS_ENDPOINT_URL_STS": place.server.url}
        self.environ = kept | sign_in | issuer.environ

    def sink(self, **environ: str) -> Sink:
        """Return the sink of the place, as this job makes it; an empty variable is not set."""
        variables = {name: text for name, text in (self.environ | environ).items() if text}
        context = replace(
            self.place.context(),
            environ=variables,
            mask_token=lambda secret: self.masked.append(secret.reveal()),
        )
        return emitter(self.place.text, context)

    def refused(self, **environ: str) -> str:
        """The check fails: nothing was written, and no token is in the message."""
        before = self.place.held()
        with pytest.raises(DestinationRefusedError) as caught:
            self.sink(**environ).check()
        assert self.place.held() == before
        said = f"{caught.value.what} {caught.value.next}"
        assert not [token for token in [*self.issuer.issued, *self.masked] if token in said]
        return said

    @property
    def sign_ins(self) -> int:
        """How often the token service was asked."""
        return sum(b"WebIdentityToken" in each.body for each in self.place.server.requests)
