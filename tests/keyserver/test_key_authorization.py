"""Every cell of the table of what an API key opens; ``test_matrix`` asks over HTTP."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from keyserver.records import KEY, NOW, ROTATION
from signotaur_keyserver.api.app import Options, create_app
from signotaur_keyserver.database.database import Database, sqlite_url
from signotaur_keyserver.domain.key_authorization import (
    ALLOWED,
    LIVE,
    KeyCall,
    require_call,
    require_party,
)
from signotaur_keyserver.domain.policy import Purpose
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.domain.rules import require_alive
from signotaur_wire import paths
from signotaur_wire.messages import KeyState, RotationState
from signotaur_wire.problems import Problem
from signotaur_wire.roles import AUDITOR, ROTATOR

OPEN_TO_ALL = {("GET", path) for path in ("/healthz", "/readyz", "/metrics", "/openapi.json")}
SIGNED_REPORTS = {("POST", paths.LEAKS)}
ID_TOKENS = {("POST", paths.TOKEN_EXCHANGE)}
OLD, NEW, OTHER = 1, 2, 3
UNKNOWN, MISMATCH = Problem.UNKNOWN_ROTATION, Problem.ROTATION_MISMATCH
BY_PARTY: dict[KeyCall, dict[int, Problem | None]] = {
    KeyCall.PUT_ROTATION: {OLD: None, NEW: None, OTHER: UNKNOWN},
    KeyCall.SEE_ROTATION: {OLD: None, NEW: None, OTHER: UNKNOWN},
    KeyCall.CONFIRM: {OLD: MISMATCH, NEW: None, OTHER: UNKNOWN},
    KeyCall.ABORT: {OLD: None, NEW: MISMATCH, OTHER: UNKNOWN},
}
BY_PURPOSE = {
    KeyCall.PUT_ROTATION: {Purpose.SIGN},
    KeyCall.FIND_CERTIFICATE: {Purpose.ROTATE},
    KeyCall.SIGN: {Purpose.ROTATE},
}
"""The purposes that are refused."""


def _refused(decide: Callable[[], object]) -> Problem | None:
    try:
        decide()
    except RefusedError as refused:
        return refused.problem
    return None


@pytest.mark.parametrize("call", KeyCall)
def test_roles_and_purposes(call: KeyCall) -> None:
    for roles, purpose in product([(), (AUDITOR,), (ROTATOR,), (AUDITOR, ROTATOR)], Purpose):
        key = replace(KEY, roles=roles, purpose=purpose.value)
        expected = None
        if call is KeyCall.PUT_ROTATION and ROTATOR not in roles:
            expected = Problem.ROLE_REQUIRED
        elif purpose in BY_PURPOSE.get(call, set()):
            expected = Problem.PURPOSE_DENIED
        assert _refused(partial(require_call, call, key)) == expected, (roles, purpose)


@pytest.mark.parametrize("call", KeyCall)
@pytest.mark.parametrize("key_id", [OLD, NEW, OTHER])
def test_parties(call: KeyCall, key_id: int) -> None:
    rotation = replace(ROTATION, old_key_id=OLD, new_key_id=NEW)
    # A call that names no rotation is refused for each of them.
    no_party = {OLD: MISMATCH, NEW: MISMATCH, OTHER: UNKNOWN}
    expected = BY_PARTY.get(call, no_party)[key_id]
    assert _refused(lambda: require_party(call, rotation, key_id)) == expected
    assert _refused(lambda: require_party(call, None, key_id)) == UNKNOWN


def test_only_a_key_that_is_alive_opens_anything() -> None:
    keys = {
        KeyState.ACTIVE: KEY,
        KeyState.CANDIDATE: replace(KEY, origin=RotationState.OPEN),
        KeyState.EXPIRED: replace(KEY, expires_at_utc=NOW),
        KeyState.REVOKED: replace(KEY, revoked_at_utc=NOW),
        KeyState.DISABLED: replace(KEY, enabled=False),
    }
    assert set(keys) == set(KeyState)
    for state, key in keys.items():
        assert key.state(NOW) is state
        refused = _refused(partial(require_alive, key, NOW))
        assert (refused is None) == (state in LIVE) == (state.value in ("active", "candidate"))


def test_every_route_of_the_api_is_in_the_table() -> None:
    app = create_app(Database(sqlite_url(Path("none"))), Options())
    assert set(ALLOWED) == set(KeyCall)
    routes = set(_served(app.routes)) - {("HEAD", "/openapi.json")}
    assert routes == {call.value for call in KeyCall} | OPEN_TO_ALL | SIGNED_REPORTS | ID_TOKENS


def _served(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if hasattr(route, "original_router"):  # a router that FastAPI included
            yield from _served(route.original_router.routes)
        else:
            yield from ((method, route.path) for method in route.methods)
