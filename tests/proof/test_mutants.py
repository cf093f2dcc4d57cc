"""Every destination's code is in a part that ``make mutants`` changes."""

from collections import Counter
from pathlib import Path

import signotaur_action
from proof.mutant_parts import PARTS

CLIENT = Path(signotaur_action.__file__).parent
TESTS = Path(__file__).parents[1]


def test_each_module_of_the_destinations_is_changed_in_one_part() -> None:
    changed = Counter(
        file for part in PARTS.values() for glob in part.changed for file in CLIENT.glob(glob)
    )
    assert set(changed.values()) == {1}
    sinks = CLIENT / "sinks"
    empty = {sinks / "sign_in/__init__.py", sinks / "stores/__init__.py"}
    assert {file for file in changed if file.is_relative_to(sinks)} == {
        *sinks.rglob("*.py")
    } - empty


def test_the_tests_that_judge_a_part_exist() -> None:
    named = {test for part in PARTS.values() for test in part.tests}
    assert [test for test in named if not (TESTS / test).is_file()] == []
