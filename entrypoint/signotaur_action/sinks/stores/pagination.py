"""A list that a store gives in numbered pages."""

from collections.abc import Callable, Iterator, Mapping

from signotaur_action.http import Answer
from signotaur_action.sinks.errors import StoreRefusedError


def numbered_pages(
    call: Callable[[str], Answer], size: str, number: int, listed: str, member: str = ""
) -> Iterator[Mapping[str, object]]:
    """Yield the entries of all pages, which are asked for one after the other.

    ``call`` gets a page by its query. ``size`` is the parameter that asks for ``number`` entries;
    a store may give fewer and name the next page in its header ``Link`` or in a member ``next``.
    ``listed``: what is listed, for the error. ``member`` has the list; empty: the answer is it.
    Raises StoreRefusedError where the answer is no list of objects.
    """
    page = 0
    while True:
        page += 1
        answer = call(f"?{size}={number}&page={page}")
        entries = answer.member(member) if member else answer.document
        if not (isinstance(entries, list) and all(isinstance(each, dict) for each in entries)):
            raise StoreRefusedError(f"the store does not list {listed}")
        yield from entries
        more = 'rel="next"' in answer.headers.get("Link", "") or answer.text("next")
        if len(entries) < number and not more:
            return
