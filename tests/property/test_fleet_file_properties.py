"""A fleet file may contain anything: it is read or refused, with lines, and never shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signotaur_action.settings.fleet import FleetFile, read_fleet_file
from signotaur_wire import keyformat

SOUND = """\
defaults:
  sign-server: https://signotaur.example.com
keys:
  desktop:
    api-key-file: a.txt
    emit-secret: [key-file:a.txt, "env-file:b#C"]
    variables-from: {GH_TOKEN: TOKEN}
"""
KEY = keyformat.generate()
PARTS = (
    *("\n", "  ", "- ", ": ", "&a ", "*a", "!!str ", "? ", "{", "}", "[", "]", "'", '"', "|\n"),
    *("---\n", "%YAML 1.1\n", "<<: ", "\t", "\x85", "\ufeff", "# ", "~", "1:30", KEY),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet")
    folder.chmod(0o700)
    return folder / "fleet.yml"


def read(place: Path, text: str) -> FleetFile | None:
    place.write_bytes(text.encode("utf-8", "surrogatepass"))
    place.chmod(0o600)
    try:
        return read_fleet_file(place, {})
    except ValueError:  # no UTF-8
        return None


@given(st.lists(st.one_of(st.sampled_from([*PARTS, *SOUND.splitlines(keepends=True)]), st.text())))
def test_any_text_is_read_or_refused(place: Path, parts: list[str]) -> None:
    text = "".join(parts)
    file = read(place, text)
    if file is not None:
        assert file.faults or file.keys
        last = len(text.splitlines()) + 1
        for line, fault in file.faults:
            assert 1 <= line <= last
            assert KEY not in fault
            assert "\n" not in fault


@given(st.integers(0, len(SOUND)), st.sampled_from(PARTS))
def test_a_changed_file_is_read_or_refused(place: Path, at: int, part: str) -> None:
    file = read(place, SOUND[:at] + part + SOUND[at:])
    assert file is None or file.faults or file.keys
    if part == KEY and file is not None:
        assert file.has_secret
        assert not [fault for _, fault in file.faults if KEY in fault]
