"""A list in numbered pages, whatever a store says of the next one."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from requests.structures import CaseInsensitiveDict

from signotaur_action.http import Answer
from signotaur_action.sinks.errors import StoreRefusedError
from signotaur_action.sinks.stores.pagination import numbered_pages

NEXT = '<https://store.example.com/secrets?page=2>; rel="next"'


def answer(document: object, **headers: str) -> Answer:
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    return Answer(200, document, None, CaseInsensitiveDict(headers), moment)


def entries(*names: str) -> list[Mapping[str, str]]:
    return [{"name": each} for each in names]


def listed(pages: list[Answer], member: str = "") -> tuple[list[object], list[str]]:
    """Return the names in pages of two, and the queries."""
    asked: list[str] = []

    def call(query: str) -> Answer:
        asked.append(query)
        return pages[len(asked) - 1]

    found = numbered_pages(call, "limit", 2, "the secrets", member)
    return [each["name"] for each in found], asked


@pytest.mark.parametrize(
    ("pages", "names"),
    [
        ([answer([])], []),
        ([answer(entries("a"))], ["a"]),
        ([answer(entries("a", "b")), answer([])], ["a", "b"]),
        ([answer(entries("a", "b")), answer(entries("c"))], ["a", "b", "c"]),
        ([answer(entries("a"), Link=NEXT), answer(entries("b"))], ["a", "b"]),
        ([answer([], Link=NEXT), answer(entries("b"))], ["b"]),
    ],
)
def test_a_page_is_followed_by_the_next_until_one_is_short(
    pages: list[Answer], names: list[str]
) -> None:
    asked = [f"?limit=2&page={number}" for number in range(1, len(pages) + 1)]
    assert listed(pages) == (names, asked)


def test_a_member_may_have_the_list_and_another_one_the_next_page() -> None:
    first = answer({"values": entries("a"), "next": "https://store.example.com/secrets?page=2"})
    assert listed([first, answer({"values": entries("b")})], "values")[0] == ["a", "b"]


@pytest.mark.parametrize("document", [None, {}, "text", ["name"], [{"name": "a"}, None], 3])
def test_what_is_no_list_of_objects_is_refused(document: object) -> None:
    with pytest.raises(StoreRefusedError, match="the store does not list the secrets"):
        listed([answer(document)])
