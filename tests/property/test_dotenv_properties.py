"""Whatever a dotenv file holds: python-dotenv reads the new key, and all else as before."""

import io

from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st

from signotaur_action.files.dotenv import DotenvError, assignments, set_variable, variables

ENDS = st.sampled_from(["\n", "\r\n"])
NAMES = st.sampled_from(["K", "A", "B", "SIGNOTAUR_API_KEY", "KK"])
PLAIN = st.text("abcXYZ0189_./+=:@-", min_size=1, max_size=12)
QUOTED = st.text("abc 01#=$\\t{}'\"\n", max_size=12)


@st.composite
def lines(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["plain", "single", "double", "comment", "blank", "export", "odd"]))
    name, end = draw(NAMES), draw(ENDS)
    if kind == "comment":
        return f"# {draw(PLAIN)}={draw(PLAIN)}{end}"
    if kind == "blank":
        return draw(st.sampled_from(["", " ", "\t"])) + end
    if kind == "odd":
        return draw(PLAIN).replace("=", "") + " and more" + end
    if kind == "single":
        value = "'" + draw(QUOTED).replace("\\", "\\\\").replace("'", "\\'") + "'"
    elif kind == "double":
        value = '"' + draw(QUOTED).replace("\\", "\\\\").replace('"', '\\"') + '"'
    else:
        value = draw(PLAIN)
    head = "export " if kind == "export" else ""
    comment = draw(st.sampled_from(["", " # why", "\t#", "  "]))
    return f"{head}{name}{draw(st.sampled_from(['=', ' = ', '= ']))}{value}{comment}{end}"


def without_the_last_end(pieces: list[str]) -> list[str]:
    return [*pieces[:-1], *(piece.rstrip("\r\n") for piece in pieces[-1:])]


PIECES = st.lists(lines(), max_size=8)
FILES = st.one_of(PIECES, PIECES.map(without_the_last_end))
KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=16, max_size=60)


def read(text: str) -> dict[str, str | None]:
    return dotenv_values(stream=io.StringIO(text, newline=""), interpolate=False)


@given(pieces=FILES, name=NAMES, key=KEYS)
def test_a_reader_finds_the_key_and_all_other_variables(
    pieces: list[str], name: str, key: str
) -> None:
    text = "".join(pieces)
    assert read(set_variable(text, name, key)) == read(text) | {name: key}


@given(pieces=FILES, name=NAMES, key=KEYS)
def test_every_other_line_stays_byte_for_byte(pieces: list[str], name: str, key: str) -> None:
    text = "".join(pieces)
    changed = set_variable(text, name, key)
    places = [place for place, piece in enumerate(pieces) if assignments(piece, name)]
    if places:
        before, after = pieces[: places[-1]], pieces[places[-1] + 1 :]
        assert changed.startswith("".join(before))
        assert changed.endswith("".join(after))
        assert assignments(changed, name) == len(places)
    else:
        assert changed.startswith(text)
        assert changed[len(text) :].lstrip("\r\n").startswith(f"{name}=")
        assert assignments(changed, name) == 1


@given(text=st.text(max_size=80), key=KEYS)
@settings(max_examples=200)
def test_any_text_at_all_is_changed_safely_or_refused(text: str, key: str) -> None:
    before = variables(text)
    said = ""
    try:
        changed = set_variable(text, "K", key)
    except DotenvError as error:
        said = str(error)
    else:
        assert variables(changed) == before | {"K": key}
    assert key not in said


@given(pieces=FILES, name=NAMES, key=KEYS)
@settings(max_examples=50)
def test_setting_the_same_key_again_changes_nothing(pieces: list[str], name: str, key: str) -> None:
    once = set_variable("".join(pieces), name, key)
    assert set_variable(once, name, key) == once
