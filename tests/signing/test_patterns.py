"""Which files a pattern names, and which a !pattern takes away."""

from pathlib import Path

import pytest

from signotaur_action.signing.files import FilesError, excluded, matching, patterns_in

TREE = (
    "a.exe", "b.exe", "a.dll", "a.Test.dll", "we[1]rd.exe", "sp ace.exe", ".hidden.exe",
    "sub/a.dll", "sub/a.Test.dll", "sub/deep/c.dll", "sub/deep/er/d.dll", "other/c.dll",
)  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in TREE:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["a.exe"], ["a.exe"]),
        (["?.exe"], ["a.exe", "b.exe"]),
        (["*.exe"], [".hidden.exe", "a.exe", "b.exe", "sp ace.exe", "we[1]rd.exe"]),
        (["we[1]*.exe"], ["we[1]rd.exe"]),
        (["b.exe", "?.exe", "./b.exe"], ["b.exe", "a.exe"]),
        (["*.dll", "!*.Test.dll"], ["a.dll"]),
        (["**/c.dll"], ["other/c.dll", "sub/deep/c.dll"]),
        (["sub/**"], ["sub/a.Test.dll", "sub/a.dll", "sub/deep/c.dll", "sub/deep/er/d.dll"]),
        (["**/*.dll", "!*.Test.dll", "!sub/deep/**"], ["a.dll", "other/c.dll", "sub/a.dll"]),
        (["**/*.dll", "!sub/*.dll", "!**/er/*", "!a*"], ["other/c.dll", "sub/deep/c.dll"]),
        (["*/?.dll", "!other/c.dll"], ["sub/a.dll"]),
    ],
)
def test_patterns(tree: Path, patterns: list[str], expected: list[str]) -> None:
    found = matching(patterns, tree)
    assert [each.relative_to(tree).as_posix() for each in found] == expected


def test_relative_to_the_working_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "sub")
    assert matching(["../?.exe", "!../b.exe"], Path()) == [Path("../a.exe")]
    absolute = str(tree / "*.dll")
    assert matching([absolute, f"!{tree}/a.Test.dll"], Path()) == [tree / "a.dll"]


def test_every_pattern_without_a_match_is_reported(tree: Path) -> None:
    with pytest.raises(FilesError) as caught:
        matching(["none.exe", "*.none", "sub", "a.exe"], tree)
    assert caught.value.faults == (
        "none.exe does not exist", "no file matches *.none", "sub is not a file"
    )  # fmt: skip


def test_a_star_stays_within_a_name() -> None:
    base = Path("/base")
    assert excluded(Path("/base/sub/a.dll"), ["sub/*.dll"], base)
    assert not excluded(Path("/base/sub/deep/a.dll"), ["sub/*.dll"], base)
    assert not excluded(Path("/base/aXdll"), ["a.dll"], base)


def test_a_file_list_may_come_from_windows() -> None:
    assert patterns_in("\ufeffa b.exe\r\n\r\n !c.dll \r\n") == ["a b.exe", "!c.dll"]
