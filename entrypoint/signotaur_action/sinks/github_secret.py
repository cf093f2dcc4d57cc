"""The key as a secret of GitHub: of a repository, an environment or an organization.

https://docs.github.com/en/rest/actions/secrets, and the same of Dependabot and Codespaces. The
value is sent in a sealed box and never returned, so a delivery is proved by its time.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib import import_module

from signotaur_action.github.rest import NOT_FOUND, UNAUTHORIZED, GitHubRest, github_refusal
from signotaur_action.http import Answer, HttpError
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError, read_argument, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.github_scope import KIND, SETTINGS, secret_scope
from signotaur_action.sinks.stores.token_end import end_of_github_token, ends_soon, is_refused
from signotaur_wire.members import Json

_NEXT = (
    "Set a token with write access (input github-token, or GH_TOKEN), then run the command again."
)
_STALE_KEY = (400, 409, 422)
"""What GitHub may answer to a secret that was sealed for an older key pair."""
_SCOPES = "X-OAuth-Scopes"
"""The header in which GitHub lists the scopes of a classic token."""
_TOKEN_END = "GitHub-Authentication-Token-Expiration"  # noqa: S105 - the name of a header
_SELECTED = "selected"
_PAGE = 100
_PROOFS = 4
_PROOF_PAUSE = 0.5
_SAME_MOMENT = timedelta(seconds=2)
"""GitHub's times are whole seconds, and are not all taken at the same place."""


class GithubSecretSink:
    """``github-secret:NAME`` with ``repo=``, ``env=``, ``org=``, ``visibility=``, ``app=``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        secret, settings = read_argument(KIND, argument, SETTINGS)
        require_name(
            KIND, secret, r"(?!(?i:GITHUB_))[A-Za-z_][A-Za-z0-9_]*",
            "a name of letters, digits and _ that does not begin with a digit or GITHUB_",
        )  # fmt: skip
        self._scope = secret_scope(settings, context.environ)
        self._path = f"{self._scope.secrets}/{secret}"
        self._visibility = settings.get("visibility", "")
        self._for_organization = "org" in settings
        self._github = _github(context)
        self._clock = context.servers().clock
        self._public_key: tuple[str, str] | None = None
        self.name = f"GitHub secret {secret} of {self._scope.owner}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. Fetching the public key proves that the token reaches the secrets."""
        import_module(
            "signotaur_action.github.sealed_box"
        )  # finds a broken library before the rotation
        with check_faults(self.name, _NEXT):
            answer = self._ask(f"{self._scope.secrets}/public-key")
            self._require_classic_scope(answer)
            self._public_key = _public_key(answer)
            return [*self._concerns(), *_token_concerns(answer)]

    def token_concerns(self) -> Sequence[str]:
        """See ``ports.TokenHolder``. GitHub tells the end of a token in every answer."""
        with check_faults(self.name, _NEXT):
            answer = self._github.call("GET", f"{self._scope.secrets}/public-key")
            if answer.status == UNAUTHORIZED:
                return is_refused("GitHub")
            return _token_concerns(self._require_success(answer))

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``. The secret's time of change proves that GitHub took the key."""
        with delivery_faults(self.name):
            before = self._changed_at()
            written = self._write(delivery.key)
            self._prove(before, written.server_time)

    def read_back(self) -> None:
        """See ``ports.Sink``. GitHub never gives a secret back."""

    # The check

    def _require_classic_scope(self, answer: Answer) -> None:
        """Refuse a classic token without it: it could still read a public repository's key."""
        scopes = answer.headers.get(_SCOPES)
        if scopes is None:  # not a classic token
            return
        if self._scope.classic not in [each.strip() for each in scopes.split(",")]:
            raise StoreRefusedError(f"the token lacks the scope {self._scope.classic}")

    def _concerns(self) -> Sequence[str]:
        found = self._found()
        present = "" if found is None else found.text("visibility")
        if self._visibility == _SELECTED != present:
            raise StoreRefusedError(
                "it is not visible to selected repositories; select them on GitHub first"
            )
        return [] if found else [f"{self.name} does not exist yet; it will be created."]

    # The delivery

    def _write(self, key: Secret) -> Answer:
        public_key = self._public_key or self._fresh_public_key()
        answer = self._put(key, public_key)
        if answer.status in _STALE_KEY:
            fresh = self._fresh_public_key()
            if fresh != public_key:  # GitHub changed its key pair since the check
                answer = self._put(key, fresh)
        return self._require_success(answer)

    def _put(self, key: Secret, public_key: tuple[str, str]) -> Answer:
        key_id, text = public_key
        body: Json = {"encrypted_value": _sealed(key, text), "key_id": key_id}
        if self._for_organization:
            body |= self._sharing()
        return self._github.call("PUT", self._path, body, hide=[key])

    def _fresh_public_key(self) -> tuple[str, str]:
        self._public_key = _public_key(self._ask(f"{self._scope.secrets}/public-key"))
        return self._public_key

    def _sharing(self) -> Json:
        """Return who may use an organization's secret: as asked, else as before."""
        found = self._found()
        present = "" if found is None else found.text("visibility")
        visibility = self._visibility or present or "private"
        if visibility != _SELECTED:
            return {"visibility": visibility}
        return {"visibility": visibility, "selected_repository_ids": self._selected()}

    def _selected(self) -> list[int]:
        identities: list[int] = []
        page = 0
        while True:
            page += 1
            path = f"{self._path}/repositories?per_page={_PAGE}&page={page}"
            found = _identities(self._ask(path))
            identities += found
            if len(found) < _PAGE:
                return identities

    def _prove(self, before: datetime | None, written_at: datetime) -> None:
        for attempt in range(_PROOFS):
            if attempt:
                self._clock.sleep(_PROOF_PAUSE)
            after = self._changed_at()
            if after is None:
                continue
            # Changed, or written twice within the resolution of GitHub's clock.
            if after != before or abs(after - written_at) <= _SAME_MOMENT:
                return
        raise StoreRefusedError("GitHub accepted the key, but does not show the secret as changed")

    # Calls

    def _changed_at(self) -> datetime | None:
        found = self._found()
        return None if found is None else found.moment("updated_at")

    def _found(self) -> Answer | None:
        answer = self._github.call("GET", self._path)
        return None if answer.status == NOT_FOUND else self._require_success(answer)

    def _ask(self, path: str) -> Answer:
        return self._require_success(self._github.call("GET", path))

    def _require_success(self, answer: Answer) -> Answer:
        if answer.refused:
            is_classic = _SCOPES in answer.headers
            needed = f"the scope {self._scope.classic}" if is_classic else self._scope.permission
            raise StoreRefusedError(github_refusal(answer, needed))
        return answer


def _token_concerns(answer: Answer) -> list[str]:
    end = end_of_github_token(answer.headers.get(_TOKEN_END, ""))
    return ends_soon("GitHub", end, answer.server_time)


def _github(context: SinkContext) -> GitHubRest:
    if context.github_token is None:
        raise SinkError(f"{KIND}: needs a token: give the input github-token, or set GH_TOKEN")
    try:
        return GitHubRest(context.servers(), context.github_token)
    except (ValueError, HttpError) as error:
        raise SinkError(f"{KIND}: {error}") from None


def _public_key(answer: Answer) -> tuple[str, str]:
    """Return id and text of a public key."""
    key_id, key = answer.text("key_id"), answer.text("key")
    if not (key_id and key):
        raise StoreRefusedError("GitHub returned no public key")
    return key_id, key


def _identities(answer: Answer) -> list[int]:
    """Return the ids in a page of repositories."""
    repositories = answer.member("repositories")
    try:
        return [int(repository["id"]) for repository in repositories]  # type: ignore[attr-defined]
    except (TypeError, KeyError, ValueError):
        raise StoreRefusedError("GitHub does not say which repositories can see it") from None


def _sealed(key: Secret, public_key: str) -> str:
    try:
        sealed: str = import_module("signotaur_action.github.sealed_box").seal(key, public_key)
    except ValueError as error:
        raise StoreRefusedError(f"GitHub's public key cannot be used ({error})") from None
    return sealed
