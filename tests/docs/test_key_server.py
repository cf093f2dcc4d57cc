"""The page about running the key server says what the program does."""

import re
from datetime import timedelta
from pathlib import Path

import typer.main

from signotaur_keyserver.api.app import Options
from signotaur_keyserver.api.metrics import COUNTS_CACHE_SECONDS
from signotaur_keyserver.api.middleware import BODY_LIMIT
from signotaur_keyserver.cli import command_line
from signotaur_keyserver.runtime.bounded_http import HEAD_LIMIT
from signotaur_keyserver.runtime.connections import DEFAULT
from signotaur_keyserver.service.retention import BATCH

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "key-server.md").read_text()


def _rows(start: str) -> list[list[str]]:
    """The cells of the first table behind a text, without its head."""
    rest = PAGE.split(start)[1]
    lines = rest[rest.index("| --- |") :].split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_options_of_serve_are_those_of_its_help() -> None:
    serve = typer.main.get_command(command_line()).commands["serve"]  # type: ignore[attr-defined]
    declared = [
        [f"`{each.opts[0]}`", f"`{each.default}`" if each.default else "", each.help]
        for each in serve.params
    ]
    assert _rows("<!-- options: serve -->") == declared


def test_the_limits_are_those_of_the_code() -> None:
    limits = " ".join(value for _what, value in _rows("## What it limits"))
    assert HEAD_LIMIT == BODY_LIMIT == 16 * 1024
    assert re.findall(r"(\d+) s\b", limits) == [
        f"{seconds:g}" for seconds in (DEFAULT.head, DEFAULT.body, DEFAULT.answer, DEFAULT.idle)
    ]
    options = Options()
    assert f"{options.failures_burst} at once, then one a second" in limits
    assert options.failures_per_second == 1
    assert options.sweep_interval == timedelta(hours=1)
    assert f"at most once in {COUNTS_CACHE_SECONDS:g} seconds" in PAGE
    assert f"in batches of {BATCH:,}" in PAGE


def test_a_proxy_may_take_every_connection() -> None:
    assert f"--max-connections-per-address {DEFAULT.connections}\n" in PAGE
