"""Redacted texts contain no usable part of a secret, in any form."""

import json

import pytest

from signotaur_action.ci.redaction import Redaction
from signotaur_action.model import Secret
from support.echoes import IN_JSON, IN_TEXT, SECRETS, shows

EVERY_SECRET = pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)


def only_text(document: object) -> str:
    assert isinstance(document, dict)
    [(name, value)] = document.items()
    return f"{name} {value}"


@EVERY_SECRET
@pytest.mark.parametrize("form", IN_TEXT)
def test_no_form_of_a_secret_is_left_in_a_text(secret: str, form: str) -> None:
    written = IN_TEXT[form](secret)
    shown = Redaction([Secret(secret)]).text(f"no: {written}, sorry")
    assert not shows(shown, written), shown
    assert "***" in shown


@EVERY_SECRET
@pytest.mark.parametrize("form", IN_JSON)
@pytest.mark.parametrize("place", ["value", "name"])
def test_no_escape_of_json_lets_a_secret_through(secret: str, form: str, place: str) -> None:
    """Raw bytes were redacted before decoding, so whole vendor keys and tokens were shown."""
    written = f'"no: {IN_JSON[form](secret)}"'
    source = f'{{"detail": {written}}}' if place == "value" else f'{{{written}: "detail"}}'
    assert secret in only_text(json.loads(source))
    shown = only_text(Redaction([Secret(secret)]).document(json.loads(source)))
    assert not shows(shown, secret), shown
    assert "***" in shown


def test_text_without_a_secret_is_unchanged() -> None:
    key = SECRETS["own key"]
    redaction = Redaction([Secret(key), Secret("")])
    document = {
        "id": 7, "public": "0123456789ABCDE", "name": "sig_0123456789ABCDE_ is a key",
        "nested": [{"deep": [None, True, 1.5, "https://signotaur.example.com/api"]}],
    }  # fmt: skip
    assert redaction.document(document) == document


def test_the_rest_of_a_text_stays_around_a_known_form() -> None:
    token = SECRETS["GitHub token"]
    assert Redaction([Secret(token)]).text(f"token {token} is bad") == "token *** is bad"


@pytest.mark.parametrize("short", ["root", "1", 'a"b'])
def test_a_short_secret_is_hidden_as_it_is(short: str) -> None:
    shown = Redaction([Secret(short)]).text(f"<{short}> and {json.dumps(short)}")
    assert short not in shown


def test_half_a_character_is_a_secret_like_any_other() -> None:
    secret = "\ud800" + "x" * 20
    assert Redaction([Secret(secret)]).text(f"no: {secret}") == "no: ***"


def test_a_short_secret_in_json_is_hidden_whole() -> None:
    quoted = '"ab\\"'
    shown = Redaction([Secret(quoted)]).replace(json.dumps({"k": quoted}))
    assert shown == '{"k": "***"}'


def test_eleven_characters_of_a_secret_in_a_row_are_no_leak() -> None:
    secret = "0123456789abcdefghijklmnopqrstuvwxyz"
    redaction = Redaction([Secret(secret)])
    for start in range(len(secret) - 10):
        assert not redaction.leaks(f"-{secret[start : start + 11]}-")
    for start in range(len(secret) - 11):
        assert redaction.leaks(f"-{secret[start : start + 12]}-")


@pytest.mark.parametrize(("length", "hidden"), [(4096, True), (4097, False)])
def test_a_text_of_up_to_4096_characters_is_hidden_in_other_forms(
    length: int, *, hidden: bool
) -> None:
    secret = ("0123456789abcdef" * 300)[:length]
    shown = Redaction([Secret(secret)]).replace(f"no: {secret.encode().hex()}")
    assert (shown == "no: ***") is hidden


def test_text_that_is_nested_too_deep_is_an_error() -> None:
    document: object = "deep"
    for _ in range(5000):
        document = [document]
    with pytest.raises(RecursionError):
        Redaction([Secret("s" * 20)]).document(document)
