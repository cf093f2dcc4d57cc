"""``init``: what it writes and refuses, what it asks at a real terminal, and that YAML is sound."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from signotaur_action.workflows.answers import DUE, INIT_FILES, WINDOW, Answers, workflows
from signotaur_wire.keyformat import generate
from support.client import BARE, CLIENT, Finished, run_client

BIN = Path(sys.executable).parent
SERVER = "https://sign.example.com"
TIMES = ("--if-expiring-within", DUE, "--fail-if-expiring-within", WINDOW)
SECRET = ("-s", SERVER, "--environment", "signing", *TIMES)
KEY_FILE = ("-s", SERVER, "--key-file", "/var/lib/k", "--runner", "self-hosted,signing", *TIMES)
ACTION = f"acme/signotaur-action@{'0123456789' * 4}"
FOLDER = Path(".github", "workflows")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path


def init(home: Path, *options: str, **env: str) -> Finished:
    return run_client("init", *options, cwd=home, env=env)


def written(home: Path, folder: Path = FOLDER) -> list[dict[Any, Any]]:
    """What rotates and what builds, read back as YAML."""
    assert sorted(path.name for path in (home / folder).iterdir()) == sorted(INIT_FILES)
    return [yaml.safe_load((home / folder / name).read_text()) for name in INIT_FILES]


def nothing_written(home: Path) -> bool:
    return sorted(path.name for path in home.iterdir()) == [".git"]


# What is written


def test_two_workflows_are_written_and_the_rest_is_reported(home: Path) -> None:
    done = init(home, *SECRET)
    assert done.code == 0, done.err
    rotate, build = written(home)
    step = rotate["jobs"]["rotate"]["steps"][-1]
    assert step["with"]["sign-server"] == SERVER
    assert step["with"]["emit-secret"] == "github-secret:SIGNOTAUR_API_KEY,env=signing"
    assert build[True]["push"]["branches"] == ["main"]
    assert done.out == ""
    for told in (
        "Written: .github/workflows/rotate-signing-key.yml and .github/workflows/build-signed.yml.",
        'Settings, Environments: create "signing"',
        "gh secret set SIGNOTAUR_API_KEY --env signing",
        '"Environments: Read and write"',
        "Replace OWNER/signotaur-action@0000000000000000000000000000000000000000 in both files",
    ):
        assert told in done.err
    assert "not the root of a repository" not in done.err


def test_every_answer_has_its_place(home: Path) -> None:
    done = init(
        home, "-s", f"{SERVER}/", "--environment", "release", "--secret", "SIGN_KEY", "--runner",
        "linux, docker", "--if-expiring-within", "2w", "--fail-if-expiring-within", "36h",
        "--branch", "trunk", "--action", ACTION, "--folder", "out/here",
    )  # fmt: skip
    assert done.code == 0, done.err
    rotate, build = written(home, Path("out/here"))
    for job in (*rotate["jobs"].values(), *build["jobs"].values()):
        assert job["runs-on"] == ["linux", "docker"]
        assert job["environment"] == "release"
    step = rotate["jobs"]["rotate"]["steps"][-1]
    assert step["uses"] == ACTION
    assert step["with"] == {
        "sign-server": SERVER,
        "api-key": "${{ secrets.SIGN_KEY }}",
        "if-expiring-within": "${{ !inputs.force && '2w' || '' }}",
        "again": "${{ inputs.again }}",
        "dry-run": "${{ inputs.dry-run }}",
        "overlap-days": "7",
        "emit-secret": "github-secret:SIGN_KEY,env=release",
        "github-token": "${{ steps.app.outputs.token || secrets.ROTATION_TOKEN }}",
    }
    guard = build["jobs"]["guard"]["steps"][0]["with"]
    assert (guard["fail-if-expiring-within"], guard["warn-if-expiring-within"]) == ("36h", "7d")
    assert build[True]["push"]["branches"] == ["trunk"]
    assert "OWNER/" not in (home / "out/here" / INIT_FILES[0]).read_text()
    assert "Replace OWNER" not in done.err


def test_a_key_file_stays_on_its_runner(home: Path) -> None:
    done = init(home, *KEY_FILE)
    assert done.code == 0, done.err
    for workflow in written(home):
        assert "secrets." not in str(workflow)
        for job in workflow["jobs"].values():
            assert job["runs-on"] == ["self-hosted", "signing"]
            assert "/var/lib/k" in str(job["steps"][-1]["env"])
    assert "auth set-key --from-stdin --write-key-file /var/lib/k" in done.err
    assert "ROTATION_TOKEN" not in done.err


@pytest.mark.parametrize("options", [SECRET, (*SECRET, "--action", ACTION), KEY_FILE])
def test_what_is_written_is_sound_by_githubs_schema_and_zizmor(
    home: Path, options: tuple[str, ...]
) -> None:
    assert init(home, *options).code == 0
    paths = [str(home / FOLDER / name) for name in INIT_FILES]
    for check in (
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *paths],
        ["zizmor", "--offline", "--quiet", *paths],
    ):
        done = subprocess.run(
            [BIN / check[0], *check[1:]], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("window", "due", "warning"),
    [("7d", "30d", "18d"), ("29d", "30d", "708h"), ("1m", "2m", "2m"), ("25%", "30d", "30d")],
)
def test_a_build_warns_between_the_guard_and_the_rotation(
    home: Path, window: str, due: str, warning: str
) -> None:
    times = ("--if-expiring-within", due, "--fail-if-expiring-within", window)
    assert init(home, "-s", SERVER, "--secret", "KEY", *times).code == 0
    guard = written(home)[1]["jobs"]["guard"]["steps"][0]["with"]
    assert (guard["fail-if-expiring-within"], guard["warn-if-expiring-within"]) == (window, warning)


# Odd values


@pytest.mark.parametrize(
    "name",
    [
        "a b", "a: b", "a #b", "#a", "- a", "*a", "&a", "!a", "|", ">", "%a", "@a", "{a}", "[a]",
        "true", "NO", "null", "~", "1", "1.0", "0x1f", "1e3", "12:30:00", "2026-01-01", "=", "?",
        "a:", ":a", "<due>", "<<", "$a", "a/b", "größe", "é" * 255, "鍵", "🔑", "}}",
        "a=b", "-", "---", "...", "on", "y", ".inf", "0o7", "1_000",
    ],
)  # fmt: skip
def test_any_legal_name_is_read_back_as_it_was_given(home: Path, name: str) -> None:
    assert init(home, "-s", SERVER, "--environment", name, *TIMES).code == 0
    rotate, build = written(home)
    for job in (*rotate["jobs"].values(), *build["jobs"].values()):
        assert job["environment"] == name
    emitted = rotate["jobs"]["rotate"]["steps"][-1]["with"]["emit-secret"]
    assert emitted == f"github-secret:SIGNOTAUR_API_KEY,env={name}"


@pytest.mark.parametrize(
    "path", ["/a b/k", "/it's", '/"q"', "/a\\b", "C:\\keys\\k", "/#: {}", "/鍵"]
)
def test_any_path_is_read_back_as_it_was_given(home: Path, path: str) -> None:
    assert init(home, "-s", SERVER, "--key-file", path, "--runner", "a b, it's", *TIMES).code == 0
    rotate, build = written(home)
    env = rotate["jobs"]["rotate"]["steps"][-1]["env"]
    assert env["SIGNOTAUR_API_KEY_FILE"] == env["SIGNOTAUR_WRITE_KEY_FILE"] == path
    assert build["jobs"]["build"]["steps"][-1]["env"]["SIGNOTAUR_API_KEY_FILE"] == path
    assert build["jobs"]["build"]["runs-on"] == ["a b", "it's"]


@pytest.mark.parametrize("branch", ["1.0", "release/1.x", "a#b", "it's", "ü", "on", "{a}", "a,b"])
def test_any_branch_is_read_back_as_it_was_given(home: Path, branch: str) -> None:
    assert init(home, *SECRET, "--branch", branch).code == 0
    assert written(home)[1][True]["push"]["branches"] == [branch]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--sign-server", "http://sign.example.com"),
        ("--sign-server", "https://user@sign.example.com"),
        ("--sign-server", "https://sign.example.com/\nevil: 1"),
        ("--environment", "a\nb"),
        ("--environment", "a\u2028b"),
        ("--environment", "a\x85b"),
        ("--environment", "a,b"),
        ("--environment", "it's"),
        ("--environment", " a"),
        ("--environment", "e" * 256),
        ("--environment", "${{ secrets.OTHER }}"),
        ("--secret", "GITHUB_KEY"),
        ("--secret", "1KEY"),
        ("--secret", "A-B"),
        ("--secret", "A }} ${{ B"),
        ("--runner", "a,,b"),
        ("--runner", "a\nb"),
        ("--runner", "${{ inputs.x }}"),
        ("--if-expiring-within", "30"),
        ("--if-expiring-within", "0d"),
        ("--if-expiring-within", "30d' || 'x"),
        ("--fail-if-expiring-within", "soon"),
        ("--fail-if-expiring-within", "30d"),
        ("--branch", "a..b"),
        ("--branch", "a b"),
        ("--branch", "feature/*"),
        ("--branch", "c++"),
        ("--branch", "!a"),
        ("--branch", "a.lock"),
        ("--action", "acme/signotaur-action@v1"),
        ("--action", "acme@0123456789012345678901234567890123456789"),
        ("--action", f"{ACTION} # x"),
    ],
)
def test_what_github_would_not_take_is_refused(home: Path, option: str, value: str) -> None:
    rest = {"--sign-server": SERVER, "--environment": "signing"}
    rest |= dict(zip(TIMES[::2], TIMES[1::2], strict=True))
    given = [part for pair in (rest | {option: value}).items() for part in pair]
    done = init(home, *given)
    assert done.code == 10
    assert f"{option}: " in done.err
    assert nothing_written(home)


@pytest.mark.parametrize("path", ["keys/k", "~/k", "$HOME/k", "/k\n", "/${{ a }}"])
def test_a_path_that_is_not_absolute_is_refused(home: Path, path: str) -> None:
    done = init(home, "-s", SERVER, "--key-file", path, "--runner", "x", *TIMES)
    assert done.code == 10
    assert "--key-file: " in done.err


# What is refused


def test_without_a_terminal_all_that_is_missing_is_reported_at_once(home: Path) -> None:
    done = init(home)
    assert done.code == 10
    for fault in (
        "where is the key stored?",
        "--sign-server is missing",
        "--if-expiring-within is missing",
        "--fail-if-expiring-within is missing",
        "Keys: No key was used or asked for. No file was changed.",
    ):
        assert fault in done.err
    assert nothing_written(home)


def test_missing_and_wrong_are_reported_together(home: Path) -> None:
    done = init(home, "--key-file", "/k", "--secret", "A", "--action", "x", "--branch", "a b")
    assert done.code == 10
    for fault in (
        "--runner is missing",
        "--sign-server is missing",
        "--branch: ",
        "--action: ",
        "--secret cannot be used with --key-file: it is for a key in a secret",
        "--action cannot be used with --key-file: it is for a key in a secret",
    ):
        assert fault in done.err


@pytest.mark.parametrize("name", INIT_FILES)
def test_nothing_is_overwritten_unless_asked_and_then_both(home: Path, name: str) -> None:
    (home / FOLDER).mkdir(parents=True)
    (home / FOLDER / name).write_text("mine\n")
    (home / FOLDER / name).chmod(0o640)

    done = init(home, *SECRET)
    assert done.code == 10
    assert f"{FOLDER / name} already exists; --force overwrites it" in done.err
    assert [path.name for path in (home / FOLDER).iterdir()] == [name]
    assert (home / FOLDER / name).read_text() == "mine\n"

    assert init(home, *SECRET, "--force").code == 0
    assert len(written(home)) == 2
    assert (home / FOLDER / name).stat().st_mode & 0o777 == 0o640


def test_a_link_or_a_folder_in_the_way_is_refused(home: Path) -> None:
    (home / FOLDER).mkdir(parents=True)
    (home / "elsewhere").write_text("mine\n")
    (home / FOLDER / INIT_FILES[0]).symlink_to(home / "elsewhere")
    (home / FOLDER / INIT_FILES[1]).mkdir()
    done = init(home, *SECRET, "--force")
    assert done.code == 10
    assert done.err.count("is not a regular file") == 2
    assert (home / "elsewhere").read_text() == "mine\n"


@pytest.mark.parametrize("force", [False, True])
def test_both_are_written_or_none(home: Path, *, force: bool) -> None:
    """The second file finds no space: the first one is as it was."""
    if force:
        (home / FOLDER).mkdir(parents=True)
        for name in INIT_FILES:
            (home / FOLDER / name).write_text("mine\n")
    branch = "b" * 800
    sizes = [len(text) for text in workflows(Answers(SERVER, branch=branch)).values()]
    assert sizes[0] < sizes[1]
    limit = ("prlimit", f"--fsize={sizes[0]}")
    options = (*SECRET, "--branch", branch, *(["--force"] if force else []))
    done = run_client("init", *options, cwd=home, prefix=limit)
    assert done.code == 11, done.err
    assert "cannot be written" in done.err
    assert "No file was changed." in done.err
    if force:
        assert sorted(path.name for path in (home / FOLDER).iterdir()) == sorted(INIT_FILES)
        assert {(home / FOLDER / name).read_text() for name in INIT_FILES} == {"mine\n"}
    else:
        assert nothing_written(home)


def test_a_folder_that_cannot_be_made_is_reported(home: Path) -> None:
    (home / ".github").write_text("a file\n")
    done = init(home, *SECRET)
    assert done.code == 11
    assert "cannot be written" in done.err


def test_outside_a_repository_it_warns(tmp_path: Path) -> None:
    done = init(tmp_path, *SECRET)
    assert done.code == 0
    assert "Warning: this is not the root of a repository" in done.err


# Keys


def test_a_key_in_the_place_of_a_name_is_refused_and_not_shown(home: Path) -> None:
    key = generate()
    for option in ("--secret", "--environment", "--branch", "--runner"):
        done = init(home, "-s", SERVER, *TIMES, option, key)
        assert done.code == 10
        assert "init never asks for one" in done.err
        assert key not in done.said
    assert nothing_written(home)


def test_a_key_that_is_there_is_not_used(home: Path) -> None:
    key = generate()
    done = init(home, *SECRET, SIGNOTAUR_API_KEY=key, GH_TOKEN="github_pat_x")
    assert done.code == 0
    texts = [(home / FOLDER / name).read_text() for name in INIT_FILES]
    for text in (done.said, *texts):
        assert key not in text
        assert "github_pat_x" not in text


# At a terminal


class Terminal:
    """A person who answers each question as it comes."""

    def __init__(self, home: Path, *options: str) -> None:
        self.ours, theirs = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [*CLIENT, "init", *options],
            env=BARE,
            cwd=home,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def answer(self, question: str, text: str) -> None:
        self.wait_for(question)
        os.write(self.ours, f"{text}\n".encode())

    def wait_for(self, question: str) -> None:
        seen = len(self.shown)
        while question not in self.shown[seen:]:
            self.shown += os.read(self.ours, 1024).decode()

    def end(self) -> int:
        try:
            while part := os.read(self.ours, 1024):
                self.shown += part.decode()
        except OSError:  # the terminal is gone with its last user
            pass
        os.close(self.ours)
        return self.process.wait(timeout=120)


def test_a_person_is_asked_and_may_take_what_is_suggested(home: Path) -> None:
    terminal = Terminal(home)
    terminal.answer("URL of the code-signing server: ", "http://sign.example.com")
    terminal.answer("plain http would expose the key", SERVER)
    terminal.answer("or in a file on a self-hosted runner [secret]: ", "")
    terminal.answer("GitHub environment [signing]: ", "two words")
    terminal.answer("Name of the secret [SIGNOTAUR_API_KEY]: ", "")
    terminal.answer("Rotate when the key ends within [30d]: ", "")
    terminal.answer("Let builds fail when the key ends within [7d]: ", "31d")
    terminal.answer("31d must be shorter than 30d", "10d")
    terminal.answer("Branch whose pushes are signed [main]: ", "trunk")
    assert terminal.end() == 0, terminal.shown
    rotate, build = written(home)
    assert rotate["jobs"]["rotate"]["environment"] == "two words"
    assert rotate["jobs"]["rotate"]["steps"][-1]["with"]["sign-server"] == SERVER
    assert build["jobs"]["guard"]["steps"][0]["with"]["fail-if-expiring-within"] == "10d"
    assert build[True]["push"]["branches"] == ["trunk"]


def test_a_person_with_a_key_file_is_asked_for_path_and_runner(home: Path) -> None:
    terminal = Terminal(home, "-s", SERVER)
    terminal.answer("or in a file on a self-hosted runner [secret]: ", "disk")
    terminal.answer("answer secret or file", "file")
    terminal.answer("GitHub environment [signing]: ", "")
    terminal.answer("Its path on the runner: ", "/var/lib/k")
    terminal.answer("Labels of that runner: ", "self-hosted")
    terminal.answer("Rotate when the key ends within [30d]: ", "")
    terminal.answer("Let builds fail when the key ends within [7d]: ", "")
    terminal.answer("Branch whose pushes are signed [main]: ", "")
    assert terminal.end() == 0, terminal.shown
    assert written(home)[0]["jobs"]["rotate"]["runs-on"] == "self-hosted"
    assert "URL of the" not in terminal.shown


def test_what_the_options_say_is_not_asked_and_their_faults_come_first(home: Path) -> None:
    terminal = Terminal(home, *SECRET, "--secret", "1")
    assert terminal.end() == 10
    assert "--secret: " in terminal.shown
    assert "]: " not in terminal.shown

    terminal = Terminal(home, *SECRET, "--secret", "A")
    terminal.answer("Branch whose pushes are signed [main]: ", "")
    assert terminal.end() == 0, terminal.shown


def test_no_question_is_for_a_key(home: Path) -> None:
    terminal = Terminal(home, "-s", SERVER, *TIMES)
    terminal.answer("[secret]: ", "")
    terminal.answer("[signing]: ", "")
    terminal.answer("Name of the secret", generate())
    terminal.answer("init never asks for one", "")
    terminal.answer("[main]: ", "")
    assert terminal.end() == 0
    assert "sig_" not in "".join((home / FOLDER / name).read_text() for name in INIT_FILES)


@pytest.mark.parametrize("code", [10, 130])
def test_an_aborted_prompt_leaves_nothing_behind(home: Path, code: int) -> None:
    terminal = Terminal(home)
    terminal.answer("URL of the code-signing server: ", SERVER)
    terminal.wait_for("[secret]: ")
    if code == 10:
        os.write(terminal.ours, b"\x04")  # the end of the input: Ctrl-D
    else:
        terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == code, terminal.shown
    assert "Keys: No key was used or asked for." in terminal.shown
    assert nothing_written(home)
