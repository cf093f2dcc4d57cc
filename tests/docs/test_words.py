"""Words that user-facing texts do not use: readers must not have to guess their meaning."""

import re

import pytest

from docs.pages import OTHER_PAGES, PAGES, ROOT
from signotaur_action.options.commands import COMMANDS
from support.client import run_client

WORDS = (
    "mend",
    "mends",
    "whence",
    "anew",
    "is told",
    "are told",
    "parted by",
    "stands in",
    "that is no",
    "goes before",
    "beforehand",
    "whoever",
)
_WORDS = re.compile(rf"\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)
TEXTS = {**PAGES, **{path: (ROOT / path).read_text() for path in OTHER_PAGES}}


def found(text: str) -> list[str]:
    """The words that are in a text, wherever its lines are broken."""
    return _WORDS.findall(" ".join(text.split()))


def commands() -> list[tuple[str, ...]]:
    """Every command, by its words."""
    return [(), ("auth",), *(tuple(name.split()) for name in COMMANDS)]


@pytest.mark.parametrize("page", TEXTS)
def test_a_page_uses_none_of_these_words(page: str) -> None:
    text = TEXTS[page]
    for quoted in re.findall(r"`[^`\n]*`", text):  # messages, as the code has them
        text = text.replace(quoted, "")
    assert found(text) == []


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_help_uses_none_of_these_words(command: tuple[str, ...]) -> None:
    assert found(run_client(*command, "--help", env={"COLUMNS": "200"}).out) == []


def test_the_words_are_found() -> None:
    text = "Mend it, whoever\nis\ntold. That is no key, and mending is not meant."
    assert found(text) == ["Mend", "whoever", "is told", "That is no"]
