"""Jenkins with its credentials plugin, and a credential in it.

There is no machine-readable description. The rules are those of the plugin's docs/user.adoc (REST
API) and of its CredentialsStoreAction: VIEW to read, CREATE and UPDATE to write, 409 for an id that
exists, 200 without content for success.
"""

import base64
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from support.providers.described import RefusedError
from support.providers.exchange import Call, Reply, fail
from support.providers.standin import StandIn
from support.providers.stores import NAME, StoreHarness
from support.tls import Certificate

USER = "rotation"
SECRET_TEXT = "org.jenkinsci.plugins.plaincredentials.impl.StringCredentialsImpl"
_PERMISSION = "com.cloudbees.plugins.credentials.CredentialsProvider"
_PLACE = re.compile(r"((?:/job/[^/]+)*)/credentials/store/(system|folder)/domain/([^/]+)/(.+)")


@dataclass
class Token:
    """What the user of a token may do with credentials; ``password``: it needs a crumb."""

    permissions: set[str] = field(default_factory=lambda: {"View", "Create", "Update"})
    password: bool = False


class Jenkins(StandIn):
    """Credentials by folder and domain: their XML, with the secret as it was sent."""

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.tokens: dict[str, Token] = {}
        self.crumbs = True
        """Whether Jenkins protects itself against forged requests."""
        self.charset = "utf-8"
        self.domains: dict[tuple[str, str], dict[str, str]] = {("", "_"): {}}

    def throttle(self, seconds: int = 1, *, times: int = 1) -> None:
        """Refuse the next calls, as a proxy before Jenkins does."""
        headers = {"Retry-After": str(seconds)}
        self.faults.append(fail("", "", 429, headers=headers, times=times))

    def value(self, folder: str, domain: str, identity: str) -> str:
        """Return the secret of a credential."""
        return _parsed(self.domains[folder, domain][identity]).findtext("secret") or ""

    def handle(self, call: Call) -> Reply:
        """Answer a call; every answer of Jenkins says that it is Jenkins."""
        try:
            reply = self._serve(call)
        except RefusedError as refused:
            reply = refused.reply
            reply.headers.setdefault("Content-Type", "text/html;charset=utf-8")
            reply.body = b"<html><body>Error</body></html>"
        reply.headers["X-Jenkins"] = "2.528.1"
        return reply

    def _serve(self, call: Call) -> Reply:
        token = self._token(call)
        if call.route == "/crumbIssuer/api/json":
            if not self.crumbs:
                raise RefusedError(404)
            crumb = {"crumb": "a" * 64, "crumbRequestField": "Jenkins-Crumb"}
            return Reply(200, crumb, {"Set-Cookie": "JSESSIONID.1=session; Path=/; HttpOnly"})
        if call.method == "POST":
            self._check_crumb(call, token)
        place = _PLACE.fullmatch(call.route)
        assert place is not None, call.route
        folders, store, domain, action = place.groups()
        folder = "/".join(unquote(each) for each in folders.split("/job/")[1:])
        credentials = self.domains.get((folder, domain))
        if (store == "folder") != bool(folder) or credentials is None:
            raise RefusedError(404)
        self._require(token, "View")
        return self._act(call, token, domain, action, credentials)

    def _act(
        self, call: Call, token: Token, domain: str, action: str, credentials: dict[str, str]
    ) -> Reply:
        if action == "api/json" and call.query == {"tree": "urlName"}:
            return Reply(200, {"_class": "…$DomainWrapper", "urlName": domain})
        if call.method == "POST" and (
            call.headers.get("content-type") != "application/xml;charset=utf-8"
        ):
            self.violation(f"{call.method} {call.route}: not XML")
        if action == "createCredentials":
            self._require(token, "Create")
            identity = _parsed(call.body).findtext("id") or ""
            if identity in credentials:
                raise RefusedError(409)
            credentials[identity] = call.body.decode()
            return Reply(200)
        _, identity, _ = action.split("/")
        if identity not in credentials:
            raise RefusedError(404)
        if call.method == "GET":
            xml = re.sub(
                r"<(secret|password)>[^<]*</\1>",
                r"<\1>\n    <secret-redacted/>\n  </\1>",
                credentials[identity],
            )
            kind = {"Content-Type": f"application/xml;charset={self.charset}"}
            return Reply(200, xml.encode(self.charset), kind)
        self._require(token, "Update")
        _parsed(call.body)
        credentials[identity] = call.body.decode()
        return Reply(200)

    def _token(self, call: Call) -> Token:
        scheme, _, text = call.headers.get("authorization", "").partition(" ")
        user, _, secret = base64.b64decode(text).decode().partition(":")
        if scheme != "Basic" or user != USER or secret not in self.tokens:
            raise RefusedError(401)
        return self.tokens[secret]

    def _check_crumb(self, call: Call, token: Token) -> None:
        if not (self.crumbs and token.password):
            return
        cookie = call.headers.get("cookie", "")
        if call.headers.get("jenkins-crumb") != "a" * 64 or "JSESSIONID.1=session" not in cookie:
            raise RefusedError(403)

    def _require(self, token: Token, permission: str) -> None:
        if permission not in token.permissions:
            refused = RefusedError(403)
            refused.reply.headers["X-Required-Permission"] = f"{_PERMISSION}.{permission}"
            raise refused


class JenkinsHarness(StoreHarness[Jenkins]):
    """A credential of Jenkins itself, or of a folder and a domain."""

    readable = False
    token_variable = "JENKINS_API_TOKEN"
    address_variable = "JENKINS_SERVER_URL"

    def __init__(
        self,
        _: Path | None = None,
        *,
        new: bool = False,
        folder: str = "",
        domain: str = "_",
        tls: Certificate | None = None,
    ) -> None:
        self.place = (folder, domain)
        more = f",folder={folder},domain={domain}" if folder else ""
        self.text = f"jenkins-credential:{NAME}{more}"
        server = Jenkins(tls=tls)
        server.domains.setdefault(self.place, {})
        super().__init__(server, "11f0e1d2c3b4a5968778695a4b3c2d1e0f", new=new)

    @property
    def header_token(self) -> str:
        """See ``StoreHarness``."""
        return base64.b64encode(f"{USER}:{self.token}".encode()).decode()

    @property
    def environ(self) -> dict[str, str]:
        """See ``StoreHarness``."""
        address = {"JENKINS_SERVER_URL": f"{self.server.url}/", "JENKINS_USER_ID": USER}
        return address | {"JENKINS_API_TOKEN": self.token}

    def grant(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens[self.token] = Token()

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens.clear()

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        self.server.domains[self.place][NAME] = (
            f'<{SECRET_TEXT} plugin="plain-credentials@199">\n  <scope>SYSTEM</scope>\n'
            f"  <id>{NAME}</id>\n  <description>for &lt;signing&gt;</description>\n"
            f"  <secret>{key}</secret>\n</{SECRET_TEXT}>"
        )

    def held(self) -> Any:
        """See ``StoreHarness``."""
        return self.server.domains[self.place].get(NAME)

    def read(self) -> str:
        """See ``StoreHarness``."""
        return self.server.value(*self.place, NAME)


def _parsed(xml: str | bytes) -> ET.Element:
    return ET.fromstring(xml)  # noqa: S314 - what our own client sends
