"""The key as a credential of Jenkins, of the kind "Secret text".

https://github.com/jenkinsci/credentials-plugin/blob/master/docs/user.adoc#rest-api. The XML of a
credential is sent back as it was read, with the key in the place of the redacted secret. The value
never comes back, and nothing says when it changed: the delivery is proved by Jenkins' own answer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape

from signotaur_action.http import Answer, BasicCredential
from signotaur_action.http.address import join_path
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError, read_argument, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.stores.store import (
    CONFLICT,
    NOT_FOUND,
    Access,
    Store,
    collect_faults,
    token_of,
)

KIND = "jenkins-credential"
USER = "JENKINS_USER_ID"
_SETTINGS = ("folder", "domain")
_NAME = r"[A-Za-z0-9_.-]{1,255}"
_FOLDER = r"[^/\\?*,=\x00-\x1f]+(/[^/\\?*,=\x00-\x1f]+)*"
_SECRET_TEXT = "org.jenkinsci.plugins.plaincredentials.impl.StringCredentialsImpl"  # noqa: S105
_ROOT = re.compile(rf"\s*(<\?xml[^>]*\?>)?\s*<{re.escape(_SECRET_TEXT)}[\s>]")
_VALUE = re.compile(r"<secret>\s*<secret-redacted\s*/>\s*</secret>")
_PERMISSION = re.compile(
    r"com\.cloudbees\.plugins\.credentials\.CredentialsProvider\.([A-Z]\w{1,30})"
)
_CRUMB_FIELDS = ("Jenkins-Crumb", ".crumb")
_NEEDS = "the permissions View, Create and Update of Credentials there"
_NEXT = (
    f"Fix the problem above, or set {USER} and JENKINS_API_TOKEN to a user with write access, then "
    "run the command again."
)
_OK = 200
_TRIES = 2


@dataclass(frozen=True)
class _Place:
    """Which credential, and where it is."""

    identity: str
    folder: str
    """Empty for the credentials of Jenkins itself."""
    domain: str

    def path(self, *parts: str) -> str:
        folders = [part for each in self.folder.split("/") if each for part in ("job", each)]
        store = ("store", "folder" if folders else "system", "domain", self.domain or "_")
        return join_path(*folders, "credentials", *store, *parts)

    @property
    def config(self) -> str:
        return self.path("credential", self.identity, "config.xml")

    @property
    def in_words(self) -> str:
        domain = f"domain {self.domain}" if self.domain else ""
        return ", ".join(filter(None, [f"folder {self.folder}" if self.folder else "", domain]))


class JenkinsCredentialSink:
    """``jenkins-credential:ID`` with ``folder=`` and ``domain=``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        self._place, self._jenkins = collect_faults(
            lambda: _place(argument),
            lambda: _store(context),
        )
        where = f" of {self._place.in_words}" if self._place.in_words else ""
        self.name = f"Jenkins credential {self._place.identity}{where}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. Jenkins does not tell who may write before somebody writes."""
        with check_faults(self.name, _NEXT):
            found = self._found()
        return [] if found else [f"{self.name} does not exist yet; it will be created."]

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            answer = self._write(delivery.key)
            if answer.status != _OK or answer.document or "X-Jenkins" not in answer.headers:
                raise StoreRefusedError("something answered that is not Jenkins")
            if self._found() is None:
                raise StoreRefusedError(
                    "Jenkins accepted the key, but does not show the credential"
                )

    def read_back(self) -> None:
        """See ``ports.Sink``. Jenkins never gives a secret back."""

    def _write(self, key: Secret) -> Answer:
        for _ in range(_TRIES):
            found = self._found()
            if found is not None:
                answer = self._post(self._place.config, _filled(found, key), key)
            else:
                path = self._place.path("createCredentials")
                answer = self._post(path, _new(self._place.identity, key), key)
            if answer.status not in (CONFLICT, NOT_FOUND):
                break  # else somebody made or removed it in the meantime
        return self._require_success(answer)

    def _post(self, path: str, xml: str, key: Secret) -> Answer:
        headers = {**self._crumb(), "Content-Type": "application/xml;charset=utf-8"}
        return self._jenkins.call("POST", path, xml.encode(), hide=[key], headers=headers)

    def _crumb(self) -> Mapping[str, str]:
        """Return the header against forged requests; none where Jenkins demands none.

        It belongs to the session, whose cookie the client sends back.
        """
        answer = self._jenkins.call("GET", "/crumbIssuer/api/json")
        if answer.status == NOT_FOUND:
            return {}
        self._require_success(answer)
        field, crumb = answer.text("crumbRequestField"), answer.text("crumb")
        if field not in _CRUMB_FIELDS or not re.fullmatch("[!-~]{1,512}", crumb):
            raise StoreRefusedError("Jenkins returned no crumb")
        return {field: crumb}

    def _found(self) -> str | None:
        """Return the XML of the credential; None if there is none."""
        answer = self._jenkins.call("GET", self._place.config)
        if answer.status == NOT_FOUND:
            self._require_domain()
            return None
        xml = self._require_success(answer).document
        if not isinstance(xml, str):
            raise StoreRefusedError("Jenkins does not show the credential")
        if not _ROOT.match(xml) or len(_VALUE.findall(xml)) != 1:
            raise StoreRefusedError('the credential is not of the kind "Secret text"')
        return xml

    def _require_domain(self) -> None:
        """Refuse a folder or domain that does not exist, or that the user does not see."""
        listed = self._jenkins.call("GET", f"{self._place.path('api', 'json')}?tree=urlName")
        if self._require_success(listed).text("urlName") != (self._place.domain or "_"):
            raise StoreRefusedError("Jenkins does not show the domain")

    def _require_success(self, answer: Answer) -> Answer:
        return self._jenkins.require_success(answer, _NEEDS)


def _place(argument: str) -> _Place:
    """Read an ``--emit-secret``. Raises SinkError."""
    identity, settings = read_argument(KIND, argument, _SETTINGS)
    require_name(KIND, identity, _NAME, "an id of letters, digits and . _ -")
    folder, domain = settings.get("folder", ""), settings.get("domain", "")
    if folder:
        require_name(f"{KIND}: folder=", folder, _FOLDER, "a folder, such as team/product")
    if domain:
        require_name(f"{KIND}: domain=", domain, _NAME, "a name of letters, digits and . _ -")
    return _Place(identity, folder, domain)


def _store(context: SinkContext) -> Store:
    # JENKINS_URL is set in jobs. Elsewhere it would make this run look like a job.
    access = replace(_ACCESS, default_url=context.environ.get("JENKINS_URL", ""))
    return Store(KIND, access, context, _credential(access, context))


def _credential(access: Access, context: SinkContext) -> BasicCredential:
    token = token_of(KIND, access, context)
    user = context.environ.get(USER, "").strip()
    if not re.fullmatch("[^:\x00-\x1f]+", user):
        raise SinkError(f"{KIND}: {USER} must be the user that the token belongs to")
    return BasicCredential(user, token)


def _filled(xml: str, key: Secret) -> str:
    return _VALUE.sub(lambda _: f"<secret>{escape(key.reveal())}</secret>", xml)


def _new(identity: str, key: Secret) -> str:
    about = f"<scope>GLOBAL</scope><id>{identity}</id><description>Signotaur API key</description>"
    return f"<{_SECRET_TEXT}>{about}<secret>{escape(key.reveal())}</secret></{_SECRET_TEXT}>"


def _error_text(answer: Answer) -> str:
    """Return which permission the user lacks; all else that Jenkins says is a page for people."""
    lacking = _PERMISSION.fullmatch(answer.headers.get("X-Required-Permission", ""))
    return f"the user lacks the permission {lacking[1]} of Credentials" if lacking else ""


_ACCESS = Access(
    store="Jenkins",
    address="JENKINS_SERVER_URL",
    token="JENKINS_API_TOKEN",  # noqa: S106 - a variable's name
    token_hint=f"an API token of the user {USER}",
    error_text=_error_text,
    text_type="application/xml",
)
