"""Every property of a parser or a writer, for many more inputs than ``tests/property`` tries."""

from collections.abc import Callable, Iterator
from functools import wraps
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings

from proof.conftest import Proof
from proof.matrix import SEED, Record, amount
from property import test_ci_text_properties, test_dotenv_properties, test_parser_properties

SAMPLE, FULL = 20, 10_000
"""Inputs for each property."""
MODULES = (test_ci_text_properties, test_dotenv_properties, test_parser_properties)


def _properties(module: ModuleType) -> Iterator[str]:
    return (name for name in vars(module) if name.startswith("test_"))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        pytest.param(module, name, id=f"{module.__name__.rpartition('.')[2]}::{name}")
        for module in MODULES
        for name in _properties(module)
    ],
)
def test_a_property_holds_for_many_inputs(module: ModuleType, name: str, proof: Proof) -> None:
    with proof("parsers") as record:
        _try(getattr(module, name), record)


def _try(test: Any, record: Record) -> None:
    """Run a property with its inner test counted; Hypothesis fails it with the smallest input."""
    inner: Callable[..., None] = test.hypothesis.inner_test

    @wraps(inner)
    def counted(*given: object, **named: object) -> None:
        record.points += 1
        inner(*given, **named)

    before = test._hypothesis_internal_use_settings
    test.hypothesis.inner_test = counted
    test._hypothesis_internal_use_settings = settings(
        max_examples=amount(SAMPLE, FULL),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        seed(SEED)(test)()
    finally:
        test.hypothesis.inner_test = inner
        test._hypothesis_internal_use_settings = before
