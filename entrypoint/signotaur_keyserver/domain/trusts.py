"""Whose ID tokens become keys: a trust names an issuer, an audience and what claims must be.

Pure: no I/O and no clock. Claims are those of a token whose signature was verified.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from urllib.parse import urlsplit

from signotaur_keyserver.domain.policy import Purpose
from signotaur_wire.exchange import LONGEST_LIFE, SHORTEST_LIFE
from signotaur_wire.members import Json

Claims = Mapping[str, object]

PLATFORMS = {
    "github": "https://token.actions.githubusercontent.com",
    "gitlab": "https://gitlab.com",
    "buildkite": "https://agent.buildkite.com",
}
"""Issuers that have a short name."""
_OWNER_CLAIMS = {
    PLATFORMS["github"]: (
        "sub",
        "repository",
        "repository_id",
        "repository_owner",
        "repository_owner_id",
        "enterprise",
        "enterprise_id",
    ),
    PLATFORMS["gitlab"]: (
        "sub",
        "project_id",
        "project_path",
        "namespace_id",
        "namespace_path",
    ),
    PLATFORMS["buildkite"]: ("sub", "organization_id", "organization_slug", "pipeline_id"),
}
"""Claims that say whose job it is, of issuers that anybody can get a token from."""
_CHECKED_ALWAYS = ("iss", "aud", "exp", "nbf", "iat", "jti")
RULES_MAX = 20
TEXT_MAX = 500
"""Characters of a claim's name, of its value in a rule, of an issuer and of an audience."""
CLOCK_SKEW = timedelta(seconds=60)
"""How far the clocks of an issuer and of this server may be apart."""
LONGEST_TOKEN = timedelta(hours=24)
"""How far ahead the end of a token may be: it is remembered for so long."""


class TrustError(ValueError):
    """A trust is not possible. The message says why, and ``field`` where.

    Fields: ``issuer``, ``audience``, ``claims``, ``claim_patterns``, ``may``, ``key_life_seconds``.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class TimesError(ValueError):
    """A token is not valid now. The message says why, and contains no claim."""


@dataclass(frozen=True)
class ClaimRule:
    """What one claim must be."""

    claim: str
    value: str
    pattern: bool = False
    """Whether ``*`` in the value stands for characters other than ``/`` and ``:``."""

    def allows(self, claims: Claims) -> bool:
        """Return whether a token has this claim, with a value that is allowed."""
        text = claim_text(claims.get(self.claim))
        if text is None:
            return False
        return _matches(self.value, text) if self.pattern else text == self.value

    def __str__(self) -> str:
        return f"{self.claim}{'~' if self.pattern else '='}{self.value}"


@dataclass(frozen=True)
class Trust:
    """ID tokens of an issuer, for an audience, with these claims: keys of a user."""

    id: int
    issuer: str
    audience: str
    rules: tuple[ClaimRule, ...]
    user_id: int
    user: str
    user_enabled: bool
    purpose: str
    """What the keys may do: ``sign``, ``rotate`` or ``any``."""
    life_seconds: int
    """How long a key lives that asks for no shorter time."""
    created_at_utc: datetime
    jwks: Json | None = None
    """The issuer's keys; None: they are fetched from the issuer."""
    ca_pem: str | None = None
    """Authorities to trust for the issuer, beside the usual ones."""
    added_by_user_id: int | None = None
    """The administrator who added it on the pages; None: it was added at the command line."""
    added_by: str | None = None
    """Name of that administrator."""

    def allows(self, claims: Claims) -> bool:
        """Return whether a token is for this trust: its audience, and all of the rules."""
        audience = claims.get("aud")
        if audience not in (self.audience, [self.audience]):
            return False
        return all(rule.allows(claims) for rule in self.rules)


def claim_text(value: object) -> str | None:
    """Return a claim as the text that rules compare; None for what has no such text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None


def rule_of(text: str, *, pattern: bool) -> ClaimRule:
    """Return the rule of ``NAME=VALUE``. Raises TrustError."""
    field = "claim_patterns" if pattern else "claims"
    name, equals, value = text.partition("=")
    if not equals or not _is_text(name) or not _is_text(value):
        rule = f"a claim is NAME=VALUE, each of 1 to {TEXT_MAX} printable characters"
        raise TrustError(field, rule)
    if name in _CHECKED_ALWAYS:
        raise TrustError(field, f"the claim {name} has no rule: the server checks it by itself")
    if pattern and "*" not in value:
        raise TrustError(field, f"the pattern for {name} has no *: give it as an exact claim")
    return ClaimRule(name, value, pattern)


def require_possible(
    issuer: str, audience: str, rules: Sequence[ClaimRule], purpose: str, life_seconds: int
) -> None:
    """Raise TrustError unless these can be a trust."""
    _require_issuer(issuer)
    if not _is_text(audience):
        raise TrustError("audience", f"an audience has 1 to {TEXT_MAX} printable characters")
    if not 1 <= len(rules) <= RULES_MAX:
        raise TrustError("claims", f"a trust has 1 to {RULES_MAX} claims")
    names = [rule.claim for rule in rules]
    if len(set(names)) < len(names):
        raise TrustError(
            "claims", "a claim is given twice: add a second trust to allow another value"
        )
    if all(rule.pattern for rule in rules):
        raise TrustError("claims", "at least one claim must be exact")
    owners = _OWNER_CLAIMS.get(issuer)
    if owners and not any(rule.claim in owners and not rule.pattern for rule in rules):
        raise TrustError(
            "claims",
            "anybody can get a token of this issuer: one of these claims must be exact: "
            + ", ".join(owners),
        )
    if purpose not in list(Purpose):
        raise TrustError("may", "what a key may do is sign, rotate or any")
    if not SHORTEST_LIFE <= life_seconds <= LONGEST_LIFE:
        limits = f"{SHORTEST_LIFE} to {LONGEST_LIFE} seconds"
        raise TrustError("key_life_seconds", f"a key lives from {limits}")


def require_valid_now(claims: Claims, now: datetime) -> datetime:
    """Return when a token ends. Raises TimesError unless it is valid now.

    ``exp`` and ``iat`` are required. Clocks may be ``CLOCK_SKEW`` apart.
    """
    ends = _moment(claims, "exp")
    issued = _moment(claims, "iat")
    begins = _moment(claims, "nbf") if "nbf" in claims else issued
    if now >= ends + CLOCK_SKEW:
        raise TimesError("the token has expired")
    if max(issued, begins) > now + CLOCK_SKEW:
        raise TimesError("the token is not valid yet")
    if ends > now + LONGEST_TOKEN:
        raise TimesError("the token is valid for more than 24 hours")
    return ends


def _matches(pattern: str, text: str) -> bool:
    """Return whether a text is of a pattern; in linear time, unlike a regular expression."""
    first, *middle, last = re.split(r"\*+", pattern)
    at, end = len(first), len(text) - len(last)
    if not text.startswith(first) or not text.endswith(last):
        return False
    # The first place of each part leaves most to the rest: no later one is tried.
    for part in middle:
        found = text.find(part, at)
        if found < 0 or _is_divided(text[at:found]):
            return False
        at = found + len(part)
    return at <= end and not _is_divided(text[at:end])


def _is_divided(text: str) -> bool:
    return "/" in text or ":" in text


def _moment(claims: Claims, name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise TimesError(f"the token has no usable {name}")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        raise TimesError(f"the token has no usable {name}") from None


def _require_issuer(issuer: str) -> None:
    try:
        parts = urlsplit(issuer)
        usable = parts.scheme == "https" and parts.hostname and parts.port != 0
        extra = parts.query or parts.fragment or parts.username or parts.password
    except ValueError:
        usable, extra = False, ""
    if not usable or extra or not issuer.isascii() or not _is_text(issuer) or " " in issuer:
        raise TrustError(
            "issuer",
            f"an issuer is https://HOST/PATH without a query, or one of {', '.join(PLATFORMS)}",
        )


def _is_text(text: str) -> bool:
    return 0 < len(text) <= TEXT_MAX and text.isprintable()
