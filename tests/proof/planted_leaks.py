"""Run by ``test_leak_scan`` on a copy that leaks: the scan sees each leak, and else nothing."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proof.leak_cells import Cell
from proof.leak_harness import LeakHarness
from proof.planted import PLANTS

CLEAN: set[Cell] = set()
"""The cells in which the copy leaks nothing of its own accord."""


@pytest.fixture
def plant() -> Iterator[Callable[[str], object]]:
    """Choose the leak that happens from now on, until the test ends."""
    chosen = Path(str(importlib.import_module("planted").__file__)).with_name("planted.now")
    yield chosen.write_text
    chosen.write_text("")


def scan(cell: Cell, harness: LeakHarness) -> list[str]:
    done = cell.run(harness)
    return harness.leaks(done, asked_for_on_stdout=cell.prints_key, job=cell.way == "job")


@pytest.mark.parametrize("name", PLANTS)
def test_leak(
    name: str, plant: Callable[[str], object], new_harness: Callable[[str], LeakHarness]
) -> None:
    cell = PLANTS[name].cell
    if cell not in CLEAN:
        assert scan(cell, new_harness("before")) == []
        CLEAN.add(cell)
    plant(name)
    assert scan(cell, new_harness("planted")) != []
