"""A place for each kind of destination."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from contract.sink_cases import CASES, SinkCase, SinkHarness


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> SinkCase:
    chosen: SinkCase = request.param
    return chosen


@pytest.fixture
def place(tmp_path: Path, case: SinkCase) -> Iterator[SinkHarness]:
    folder = tmp_path / "place"
    folder.mkdir()
    with case.store(folder) if case.store else nullcontext() as store:
        place = SinkHarness(folder, store)
        if case.before is not None:
            place.file.write_bytes(case.before)
            place.file.chmod(0o600)
        place.appends = case.writes_file and not case.durable
        yield place
