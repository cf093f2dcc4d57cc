"""GitHub's secret stores: what is sealed for a scope's key, and what a job would read.

Sources: "REST API endpoints for GitHub Actions Secrets" and its sisters for Dependabot and
Codespaces, "Encrypting secrets for the REST API", "Secrets reference" on docs.github.com.
"""

import base64
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from support.providers.exchange import Reply
from support.providers.github_bodies import refusal, timestamp

STORES = ("actions", "dependabot", "codespaces")
VISIBILITIES = ("all", "private", "selected")
LARGEST_SECRET = 48 * 1024

# The API's own words, from reports of those who met them.
IMPROPER = "Bad request - validation failed due to an improperly encrypted secret"
_BASE64 = r"^(?:[A-Za-z0-9+\/]{4})*(?:[A-Za-z0-9+\/]{2}==|[A-Za-z0-9+\/]{3}=|[A-Za-z0-9+\/]{4})$"

Place = tuple[str, str]
"""A store and a scope, "actions" and "repos/o/r" say; scopes in lower case."""


@dataclass
class Secret:
    """A secret, with what its metadata said before the last change."""

    value: str
    created: datetime
    updated: datetime
    visibility: str = "all"
    selected: list[int] = field(default_factory=list)
    stale_reads: int = 0
    before: "Secret | None" = None


@dataclass
class _Key:
    private: PrivateKey = field(default_factory=PrivateKey.generate)
    # GitHub's are as long: nobody may take them for numbers that a float holds.
    id: str = field(default_factory=lambda: str(10**17 + secrets.randbelow(9 * 10**17)))


class SecretStores:
    """The secrets of all stores and scopes; each place has a key pair of its own."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.lag = 0
        self._keys: dict[Place, _Key] = {}
        self._secrets: dict[tuple[Place, str], Secret] = {}

    def rotate(self, place: Place) -> None:
        """Make a place's key stale."""
        self._keys[place] = _Key()

    def public_key(self, place: Place) -> Reply:
        """Answer for the public key."""
        key = self._key(place)
        public = base64.b64encode(bytes(key.private.public_key)).decode()
        return Reply(200, {"key_id": key.id, "key": public})

    def secret(self, place: Place, name: str) -> Secret | None:
        """Return a secret as a job would get it: at once, whatever the metadata say."""
        return self._secrets.get((place, name.upper()))

    def keep(
        self,
        place: Place,
        name: str,
        value: str,
        visibility: str = "all",
        selected: list[int] | None = None,
    ) -> Reply:
        """Create or update a secret."""
        # "Secret names are case insensitive": GitHub keeps them in upper case.
        at = (place, name.upper())
        old, now = self._secrets.get(at), self._now()
        created = old.created if old else now
        new = Secret(value, created, now, visibility, list(selected or ()), self.lag, old)
        self._secrets[at] = new
        if old:
            old.before = None
            return Reply(204)
        return Reply(201, {})

    def metadata(self, place: Place, name: str, url: str) -> Reply:
        """Answer for a secret without its value; a few times as it was before the last change."""
        found = self.secret(place, name)
        if found and found.stale_reads:
            found.stale_reads -= 1
            found = found.before
        if found is None:
            return refusal(404, "Not Found")
        body: dict[str, Any] = {
            "name": name.upper(),
            "created_at": timestamp(found.created),
            "updated_at": timestamp(found.updated),
        }
        if place[1].startswith("orgs/"):
            body["visibility"] = found.visibility
            if found.visibility == "selected":
                path = f"{place[1]}/{place[0]}/secrets/{name.upper()}/repositories"
                body["selected_repositories_url"] = f"{url}/{path}"
        return Reply(200, body)

    def put(self, place: Place, name: str, body: dict[str, Any], known: set[int]) -> Reply:
        """Take a sealed secret; ``known`` are the ids of the repositories that exist."""
        organization = place[1].startswith("orgs/")
        problem = _name_problem(name) or _body_problem(body, organization=organization, known=known)
        if problem:
            return refusal(422, problem)
        value = self._opened(place, body)
        if value is None:
            return refusal(422, IMPROPER)
        if len(value.encode()) > LARGEST_SECRET:
            return refusal(422, "Secret value is too large: the limit is 48 KB")
        # Without a list, an update to "selected" takes the secret from every repository.
        selected = [int(each) for each in body.get("selected_repository_ids", ())]
        return self.keep(place, name, value, body.get("visibility", "all"), selected)

    def _opened(self, place: Place, body: dict[str, Any]) -> str | None:
        key = self._key(place)
        # How GitHub words a key id that it does not know is nowhere written.
        if body["key_id"] != key.id:
            return None
        try:
            sealed = base64.b64decode(body["encrypted_value"], validate=True)
            return SealedBox(key.private).decrypt(sealed).decode()
        except (CryptoError, UnicodeDecodeError):
            return None

    def _key(self, place: Place) -> _Key:
        return self._keys.setdefault(place, _Key())


def _name_problem(name: str) -> str | None:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return (
            "Secret names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or "
            "underscores (_). Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) "
            "or underscores (_)."
        )
    if name.upper().startswith("GITHUB_"):
        return "Secret names must not start with GITHUB_."
    return None


def _body_problem(body: dict[str, Any], *, organization: bool, known: set[int]) -> str | None:
    needed = ("encrypted_value", "key_id", *(("visibility",) if organization else ()))
    for name in needed:
        if not isinstance(body.get(name), str):
            return f'Invalid request.\n\n"{name}" wasn\'t supplied.'
    value = body["encrypted_value"]
    if not re.fullmatch(_BASE64, value):
        return f"Invalid request.\n\n{value} does not match /{_BASE64}/."
    return _audience_problem(body, known) if organization else None


def _audience_problem(body: dict[str, Any], known: set[int]) -> str | None:
    """Check who shall see an organization's secret; GitHub's own words are not documented."""
    if body["visibility"] not in VISIBILITIES:
        return f"Invalid request.\n\n{body['visibility']} is not a member of {[*VISIBILITIES]}."
    selected = body.get("selected_repository_ids")
    if selected is not None and body["visibility"] != "selected":
        return 'Invalid request.\n\n"selected_repository_ids" goes with "selected" alone.'
    if not {int(each) for each in selected or ()} <= known:
        return "Invalid request.\n\nNot all of the selected repositories exist."
    return None
