"""From an ID token of a CI job to a key: once for each token, and for a short time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import refusals
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.trusts import (
    CLOCK_SKEW,
    TimesError,
    Trust,
    claim_text,
    require_valid_now,
)
from signotaur_keyserver.pki.id_tokens import IdTokenError, fingerprint, unverified_issuer
from signotaur_keyserver.service.issuer_keys import PAUSE, IssuerKeys, IssuerUnavailableError
from signotaur_keyserver.service.log_text import sanitize
from signotaur_keyserver.service.names import NAME_MAX_LENGTH
from signotaur_keyserver.store import events, keys, trusts
from signotaur_wire import keyformat
from signotaur_wire.exchange import ExchangeAnswer
from signotaur_wire.members import Json, format_time

_NOT_TRUSTED = "This is not an ID token of an issuer that this server trusts."
_LOGGED_CLAIMS = (
    *("sub", "jti", "repository", "ref", "sha", "environment", "workflow_ref", "job_workflow_ref"),
    *("run_id", "run_attempt", "actor", "project_path", "pipeline_id", "job_id", "user_login"),
    *("organization_slug", "pipeline_slug", "build_number", "build_branch", "build_commit"),
)
"""Claims of GitHub, GitLab and Buildkite that an event names, besides those of rules."""


def exchange_token(
    database: Database,
    issuer_keys: IssuerKeys,
    token: str,
    life_seconds: int | None,
    source: str | None,
) -> ExchangeAnswer:
    """Make a key for the user of the first trust that allows a token.

    It lives as long as is asked for, and no longer than the trust says. Raises RefusedError.
    """
    with database.read() as connection:
        now = database.clock.now(connection)
        candidates = _candidates(connection, token)
    verified, claims = _verified(issuer_keys, candidates, token)
    logged = _logged(verified, claims)
    try:
        ends = require_valid_now(claims, now)
    except TimesError as error:
        raise _refused(f"{str(error).capitalize()}.", logged) from None
    trust = next((each for each in verified if each.allows(claims)), None)
    if trust is None:
        detail = "No trust of this server allows the audience and the claims of this token."
        raise _refused(detail, logged)
    with database.write() as connection:
        now = database.clock.now(connection)
        _require_present(connection, trust, logged)
        try:
            trusts.remember(connection, fingerprint(token, claims), ends + CLOCK_SKEW)
        except trusts.TokenUsedError:
            raise _refused("This token was used before.", logged) from None
        life = min(life_seconds or trust.life_seconds, trust.life_seconds)
        text = _make_key(connection, trust, now + timedelta(seconds=life), now, logged, source)
        return ExchangeAnswer(text, life)


def _candidates(connection: Connection, token: str) -> list[Trust]:
    """Return the trusts in the issuer that a token names. Raises RefusedError without any."""
    try:
        candidates = trusts.of_issuer(connection, unverified_issuer(token))
    except IdTokenError as error:
        raise refusals.invalid_grant(_NOT_TRUSTED, {"reason": str(error)}) from None
    if not candidates:
        raise refusals.invalid_grant(_NOT_TRUSTED, {"reason": "no trust names its issuer"})
    return candidates


def _verified(
    issuer_keys: IssuerKeys, candidates: Sequence[Trust], token: str
) -> tuple[list[Trust], dict[str, Any]]:
    """Return the trusts by whose keys a token is genuine, and its claims.

    A trust whose keys cannot be had does not keep the token from another one.
    """
    verified, claims, reason, unavailable = [], dict[str, Any](), "", ""
    logged: Json = {"issuer": candidates[0].issuer}
    for trust in candidates:
        try:
            claims = issuer_keys.claims(trust, token)
            verified.append(trust)
        except IdTokenError as error:
            reason = str(error)
        except IssuerUnavailableError as error:
            unavailable = str(error)
    if not verified and unavailable:
        raise refusals.issuer_unavailable(int(PAUSE), logged | {"reason": unavailable})
    if not verified:
        raise refusals.invalid_grant(_NOT_TRUSTED, logged | {"reason": reason})
    return verified, claims


def _require_present(connection: Connection, trust: Trust, logged: Json) -> None:
    """Raise RefusedError where the trust was removed meanwhile, or its user is disabled."""
    trusts.lock(connection, trust.id, shared=True)
    present = trusts.get(connection, trust.id)
    if present is None or not present.user_enabled:
        raise _refused("The trust was removed, or its user is disabled.", logged)


def _make_key(
    connection: Connection,
    trust: Trust,
    expires: datetime,
    now: datetime,
    logged: dict[str, Any],
    source: str | None,
) -> str:
    text = keyformat.generate()
    parsed = keyformat.parse(text)
    new = keys.NewKey(
        parsed.public_id,
        parsed.sha256,
        trust.user_id,
        f"trust {trust.id}: {logged['claims'].get('sub', 'no subject')}"[:NAME_MAX_LENGTH],
        now,
        expires,
        policy={"purpose": trust.purpose},
        trust_id=trust.id,
    )
    key_id = keys.add(connection, new)
    message = f"An ID token became key {key_id} of {trust.user}, by trust {trust.id}."
    data: Json = {"trustId": trust.id, "expiresAt": format_time(expires), **logged}
    event = Event(
        Level.INFORMATION,
        EventType.TOKEN_EXCHANGED,
        message,
        trust.user_id,
        key_id,
        source=source,
        data=data,
    )
    events.write(connection, now, event)
    return text


def _logged(verified: Sequence[Trust], claims: Mapping[str, object]) -> dict[str, Any]:
    """Return what events tell of a genuine token: issuer, audience, and claims that matter."""
    names = dict.fromkeys(
        [*_LOGGED_CLAIMS, *(rule.claim for each in verified for rule in each.rules)]
    )
    texts = {name: sanitize(claim_text(claims.get(name))) for name in names}
    audience = claims.get("aud")
    return {
        "issuer": verified[0].issuer,
        "audience": sanitize(audience if isinstance(audience, str) else None),
        "claims": {name: text for name, text in texts.items() if text is not None},
    }


def _refused(detail: str, logged: Json) -> refusals.RefusedError:
    return refusals.invalid_grant(detail, {"reason": detail, **logged})
