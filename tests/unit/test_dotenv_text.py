"""One variable of a dotenv file is set; every other byte stays as it was."""

import io
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

from signotaur_action.files.dotenv import (
    NAME,
    DotenvError,
    assignments,
    set_variable,
    variables,
)
from support.sample_key import KEY

VENDOR_KEYS = [
    "0123456789abcdef",
    "YWJjZGVmZ2hpamtsbW5vcA==",
    "with'single'quotes'",
    'with"double"quotes"',
    "with\\backslash\\n\\'x",
    "with#hash#and#more",
    "with$HOME${HOME}`id`",
    "~tilde-at-the-start",
    "'quoted-all-over-it'",
    '"quoted-all-over-it"',
    "ends-in-a-backslash\\",
    "a&b|c;d<e>f(g)h{i}j[k]",
    "=equals=everywhere==",
    "!bang!percent%caret^",
    "".join(map(chr, range(0x21, 0x7F))),
]


def read(text: str) -> dict[str, str | None]:
    return dotenv_values(stream=io.StringIO(text, newline=""), interpolate=False)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "K=v\n"),
        ("K=old\n", "K=v\n"),
        ("K=old", "K=v"),
        ("K=old\r\n", "K=v\r\n"),
        ("A=1\r\nB=2\r\n", "A=1\r\nB=2\r\nK=v\r\n"),
        ("A=1\nB=2", "A=1\nB=2\nK=v\n"),
        ("A=1\r\nB=2", "A=1\r\nB=2\r\nK=v\r\n"),
        ("export K=old\n", "export K=v\n"),
        ("  export\tK = old\n", "  export\tK=v\n"),
        ("K=old # why\n", "K=v # why\n"),
        ('K="old" # why\n', "K=v # why\n"),
        ("K='old'\n", "K=v\n"),
        ("K='it\\'s # no comment'\n", "K=v\n"),
        ('K="two\nlines"\nA=1\n', "K=v\nA=1\n"),
        ("K=\n", "K=v\n"),
        ("\n\n# K=comment\n\nK=old\n\n", "\n\n# K=comment\n\nK=v\n\n"),
        ("K=one\nA=1\nK=two\nB=2\n", "K=one\nA=1\nK=v\nB=2\n"),
        ("KK=1\nAK=2\nK_=3\n", "KK=1\nAK=2\nK_=3\nK=v\n"),
        ("# only a comment", "# only a comment\nK=v\n"),
        ("what is this line\nA=1\n", "what is this line\nA=1\nK=v\n"),
        ('A="multi\nK=inside\n"\n', 'A="multi\nK=inside\n"\nK=v\n'),
        ("A='x'\rK=old\r", "A='x'\rK=v\r"),
        ("  K=old  \t \n", "  K=v  \t \n"),
    ],
)  # fmt: skip
def test_the_variable_is_set_and_nothing_else(before: str, after: str) -> None:
    assert set_variable(before, "K", "v") == after


@pytest.mark.parametrize("key", VENDOR_KEYS)
@pytest.mark.parametrize("text", ["", "K=old\n", "export K='old' # why\r\nA=1\r\n"])
def test_a_key_with_odd_characters_is_read_back(key: str, text: str) -> None:
    changed = set_variable(text, "K", key)
    assert read(changed)["K"] == key
    assert variables(changed)["K"] == key


@pytest.mark.parametrize("key", VENDOR_KEYS)
def test_setting_a_key_twice_changes_nothing_more(key: str) -> None:
    once = set_variable("A=1\n", "K", key)
    assert set_variable(once, "K", key) == once


def test_the_last_assignment_is_read_and_replaced() -> None:
    text = "K=1\nexport K=2\nK='3'\n"
    assert variables(text)["K"] == "3"
    assert assignments(text, "K") == 3
    assert set_variable(text, "K", "v") == "K=1\nexport K=2\nK=v\n"


def test_a_name_alone_on_its_line_is_refused() -> None:
    with pytest.raises(DotenvError, match="cannot be changed safely"):
        set_variable("K\n", "K", "v")


def test_a_variable_is_not_interpolated() -> None:
    assert variables("A=1\nK=${A}x\n")["K"] == "${A}x"


@pytest.mark.parametrize("name", ["K", "_", "SIGNOTAUR_API_KEY", "a1", "_9"])
def test_a_variables_name_is_letters_digits_and_underscores(name: str) -> None:
    assert NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "A\nEVIL=1", "Ä", "A.B", "A\n"])
def test_any_other_name_is_none(name: str) -> None:
    assert not NAME.fullmatch(name)


def test_an_unfinished_quote_before_the_end_is_refused_and_not_swallowed() -> None:
    # A quoted value behind it would close the quote and make one variable of both lines.
    with pytest.raises(DotenvError) as caught:
        set_variable("A='unfinished", "K", "odd'value")
    assert "odd" not in str(caught.value)


@pytest.mark.parametrize("line", ["{}", "export {}"])
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_shell_reads_our_keys_as_python_dotenv_does(tmp_path: Path, line: str, end: str) -> None:
    path = tmp_path / "env file"
    before = "A='x y'\n" + line.format("SIGNOTAUR_API_KEY=old") + end
    path.write_text(set_variable(before, "SIGNOTAUR_API_KEY", KEY))
    script = 'set -a; . "$1"; printf "%s|%s" "$SIGNOTAUR_API_KEY" "$A"'
    done = subprocess.run(
        ["sh", "-euc", script, "sh", path], capture_output=True, text=True, check=True, env={}
    )
    assert done.stdout == f"{KEY}|x y"
    assert read(path.read_text())["SIGNOTAUR_API_KEY"] == KEY


def test_docker_reads_our_keys_too() -> None:
    # docker --env-file takes quotes literally, so a key of our format stands without any.
    assert set_variable("", "K", KEY) == f"K={KEY}\n"
