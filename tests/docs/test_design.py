"""The tables of the wire in the design are those of the code."""

import re
from collections import Counter

from fastapi.routing import APIRoute

from docs.pages import PAGES, rows
from signotaur_keyserver.api import (
    exchange_routes,
    health_routes,
    key_routes,
    leak_routes,
    signing_routes,
)
from signotaur_wire.problems import Problem

_WIRE = PAGES["docs/design.md"].split("\n## 7. Wire\n")[1].split("\n## 8. ")[0]
_ROUTERS = (exchange_routes, health_routes, key_routes, leak_routes, signing_routes)
ROUTES = [
    route for module in _ROUTERS for route in module.router.routes if isinstance(route, APIRoute)
]


def table(head: str) -> list[list[str]]:
    """The cells of the one table of the section with this first column."""
    [text] = [part for part in _WIRE.split("\n\n") if part.startswith(f"| {head} |")]
    return rows(text)


def test_every_problem_type_has_its_row() -> None:
    listed = [slug for cell, *_ in table("`type`") for slug in re.findall("`([^`]*)`", cell)]
    assert Counter(listed) == Counter(problem.value for problem in Problem)


def test_a_row_has_every_status_that_the_description_of_the_api_has() -> None:
    listed = {
        (slug, int(status))
        for cell, statuses, _when in table("`type`")
        for slug in re.findall("`([^`]*)`", cell)
        for status in re.findall(r"\d+", statuses)
    }
    described = {
        (slug, status)
        for route in ROUTES
        for status, answer in route.responses.items()
        for slug in str(answer["description"]).split(", ")
        if slug in set(Problem)
    }
    assert len(described) >= 15
    assert described <= listed


def test_every_call_has_its_row() -> None:
    listed = []
    for cell, *_ in table("Call"):
        for call in re.findall("`([^`]*)`", cell):
            method, _, path = call.rpartition(" ")
            listed.append((method or "GET", path.replace("{uuid}", "{rotation_id}")))
    routed = [(method, route.path) for route in ROUTES for method in route.methods or ()]
    assert Counter(listed) == Counter([*routed, ("GET", "/openapi.json")])
