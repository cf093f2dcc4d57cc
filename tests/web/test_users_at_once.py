"""Users who are added and renamed at once: one gets the name, and nothing waits for ever.

An error within the database, such as a deadlock that it ended, would be answered 500 or 503.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from threading import Barrier

import pytest
import requests

from keyserver.harness import Client
from signotaur_keyserver.domain.records import Person
from signotaur_wire.roles import ROTATOR
from web.pages import Pages, fault_of

pytestmark = pytest.mark.both_databases

ROUNDS = 12
TAKEN = "A user with this name already exists."

Call = Callable[[], list[requests.Response]]


def at_once(calls: Sequence[Call]) -> list[requests.Response]:
    """Begin calls at the same moment, and return all answers."""
    barrier = Barrier(len(calls))

    def begin(call: Call) -> list[requests.Response]:
        barrier.wait(60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [answer for answers in pool.map(begin, calls) for answer in answers]


def test_of_many_who_add_a_name_at_once_one_does(pages: Pages) -> None:
    root = pages.add_person("root", admin=True)
    visitors = [pages.signed_in(root) for _ in range(6)]

    def add(index: int) -> list[requests.Response]:
        names = [f"user {number}" for number in range(ROUNDS)]
        fields = {"enabled": "on"}
        return [visitors[index].post("/users", fields | {"name": name}) for name in names]

    answers = at_once([partial(add, index) for index in range(len(visitors))])
    assert [answer.status_code for answer in answers].count(303) == ROUNDS
    refused = [answer for answer in answers if answer.status_code != 303]
    assert {answer.status_code for answer in refused} == {422}
    assert {fault_of(answer, "name") for answer in refused} == {TAKEN}


def test_a_user_is_renamed_while_its_keys_are_used(pages: Pages) -> None:
    root = pages.add_person("root", admin=True)
    ci = pages.add_person("ci", ROTATOR)
    text = pages.world.key()
    calls: list[Call] = [partial(_rename, pages, root, ci, name) for name in ("build", "release")]
    calls += [partial(_rotate, pages, text), partial(_create_keys, pages, ci)]
    calls += [partial(_toggle_key, pages, root) for _ in range(2)]
    answers = at_once(calls)
    assert not [answer.text for answer in answers if answer.status_code >= 500]
    assert pages.person(ci.id).name in {"build", "release"}


def test_of_many_who_are_renamed_to_a_name_at_once_one_is(pages: Pages) -> None:
    root = pages.add_person("root", admin=True)
    several = [pages.add_person(f"user {number}") for number in range(5)]
    visitors = [pages.signed_in(root) for _ in several]

    def rename(index: int) -> list[requests.Response]:
        path, fields = f"/users/{several[index].id}", {"enabled": "on", "name": "wanted"}
        return [visitors[index].post(path, fields)]

    answers = at_once([partial(rename, index) for index in range(len(several))])
    assert sorted(answer.status_code for answer in answers) == [303, 422, 422, 422, 422]
    assert {fault_of(answer, "name") for answer in answers if answer.status_code == 422} == {TAKEN}


def _rename(pages: Pages, root: Person, user: Person, name: str) -> list[requests.Response]:
    visitor = pages.signed_in(root)
    names = [name, f"{name} 2"] * ROUNDS
    fields = {"enabled": "on", "roles": [ROTATOR]}
    return [visitor.post(f"/users/{user.id}", fields | {"name": each}) for each in [*names, name]]


def _rotate(pages: Pages, text: str) -> list[requests.Response]:
    answers = []
    with closing(Client(pages.url, pages.world.secrets)) as client:
        for _ in range(ROUNDS):
            opened = client.open(text)
            answers.append(client.confirm(opened.new.text, opened.id))
            text = opened.new.text
    return answers


def _create_keys(pages: Pages, owner: Person) -> list[requests.Response]:
    visitor = pages.signed_in(owner)
    body = {"name": "another", "lifetimeDays": 30}
    return [visitor.call("POST", "/api/v1/keys", body) for _ in range(ROUNDS)]


def _toggle_key(pages: Pages, root: Person) -> list[requests.Response]:
    visitor = pages.signed_in(root)
    path = "/api/v1/keys/1/state"
    return [visitor.call("PUT", path, {"enabled": True}) for _ in range(ROUNDS * 2)]
