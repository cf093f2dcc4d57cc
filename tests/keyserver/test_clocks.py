"""One clock decides over keys: the database's."""

from pathlib import Path

import pytest

import signotaur_keyserver

pytestmark = pytest.mark.both_databases

ROOT = Path(signotaur_keyserver.__file__).parent
ALLOWED = {
    ROOT / "runtime" / "tls.py",
    ROOT / "runtime" / "access_log.py",  # the time in a line, as Python's logging takes it
}


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda file: file.stem)
def test_only_certificates_and_the_log_follow_the_clock_of_the_machine(file: Path) -> None:
    source = file.read_text()
    if file not in ALLOWED:
        assert "datetime.now" not in source
        assert "time.time" not in source
