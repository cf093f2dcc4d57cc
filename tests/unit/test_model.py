"""A key cannot be shown by accident."""

import copy
import dataclasses
import json
import logging
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from signotaur_action.model import Delivery, JournalEntry, KeyInfo, RotationIntent, Secret
from signotaur_action.settings.key import KeySource

TEXT = "a-key-that-nobody-shows"
KEY = Secret(TEXT)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
INTENT = RotationIntent(UUID(int=1), KEY, 7, auto_revoke=True, again=False, holder="h")
HOLDERS = [
    KEY,
    [KEY],
    {"key": KEY},
    INTENT,
    Delivery(KEY, 1, "n", None, NOW, UUID(int=1)),
    KeySource(KEY, "--api-key"),
    JournalEntry("s", KEY.fingerprint(), INTENT),
]


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda each: f"{each!r:>200}"])
def test_no_text_form_shows_the_key(holder: object, show: Callable[[object], str]) -> None:
    shown = show(holder)
    assert TEXT[:6] not in shown
    assert "***" in shown


@pytest.mark.parametrize("spec", ["", "s", ">40", "x", "10.3"])
def test_no_format_shows_the_key(spec: str) -> None:
    assert format(KEY, spec) == "***"
    assert "%s %r" % (KEY, KEY) == "Secret(***) Secret(***)"  # noqa: UP031 - one of the ways


def test_no_log_record_shows_the_key(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("the key is %s", KEY)
    assert TEXT[:6] not in caplog.text


@pytest.mark.parametrize(
    "write",
    [json.dumps, pickle.dumps, copy.copy, copy.deepcopy, lambda key: json.dumps({"key": key})],
)
def test_a_key_is_not_serialised(write: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as caught:
        write(KEY)
    assert TEXT[:6] not in str(caught.value)


def test_a_dataclass_with_a_key_is_not_turned_into_a_dictionary() -> None:
    with pytest.raises(TypeError):
        dataclasses.asdict(INTENT)


def test_a_key_has_no_attributes_to_walk() -> None:
    assert not hasattr(KEY, "__dict__")
    with pytest.raises(AttributeError):
        KEY.extra = 1  # type: ignore[attr-defined]


def test_keys_are_equal_by_their_text_and_to_nothing_else() -> None:
    assert Secret(TEXT) == KEY
    assert hash(Secret(TEXT)) == hash(KEY)
    assert Secret(TEXT + "x") != KEY
    assert KEY != TEXT


def test_a_fingerprint_is_the_sha256() -> None:
    assert Secret("abc").fingerprint() == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.mark.parametrize(
    ("expires", "revokes", "ends"),
    [(None, None, None), (5, None, 5), (None, 3, 3), (5, 3, 3), (3, 5, 3)],
)
def test_a_key_ends_at_the_first_of_its_two_ends(
    expires: int | None, revokes: int | None, ends: int | None
) -> None:
    def moment(days: int | None) -> datetime | None:
        return None if days is None else NOW + timedelta(days=days)

    info = KeyInfo(1, "n", "o", True, False, moment(expires), moment(revokes), None, NOW)  # noqa: FBT003
    assert info.ends_at == moment(ends)
