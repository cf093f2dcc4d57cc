"""Words that user-facing texts do not use: readers must not have to guess their meaning."""

import ast
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
    "is held to",
    "are held to",
    "holds at",
    "holds no",
)
_WORDS = re.compile(rf"\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)
MODULES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "entrypoint").rglob("*.py"))
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


def literals(source: str) -> list[str]:
    """The string literals of a module, docstrings included; of an f-string its fixed parts."""
    nodes = ast.walk(ast.parse(source))
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


@pytest.mark.parametrize("module", MODULES)
def test_the_texts_of_a_module_use_none_of_these_words(module: str) -> None:
    """Messages, events and docstrings: what users read, and what the next author copies."""
    texts = literals((ROOT / module).read_text(encoding="utf-8"))
    assert [text for text in texts if found(text)] == []


def test_literals_are_read_whole() -> None:
    source = '"""Mend"""\n# anew\ntext = f"{path!s} stands in " "{name:>6} whence"\n'
    assert [word for text in literals(source) for word in found(text)] == [
        "Mend",
        "stands in",
        "whence",
    ]


def test_the_words_are_found() -> None:
    text = "Mend it, whoever\nis\ntold. That is no key, and mending is not meant."
    assert found(text) == ["Mend", "whoever", "is told", "That is no"]
