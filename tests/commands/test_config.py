"""``config`` with real files, and what the other commands then read."""

import json
import stat
from pathlib import Path

import pytest

from docs.pages import table
from signotaur_action.options.commands import OPTIONS
from signotaur_action.settings.config_file import SETTINGS
from support.client import Finished, run_client
from support.clock import VirtualClock
from support.in_process import run_here
from support.keyserver import KeyServer

VALUES = {
    "signServer": "https://signotaur.example.com",
    "allowUntrusted": "true",
    "thumbprint": "a9 99 3e 36 47 06 81 6a ba 3e 25 71 78 50 c2 6c 9c d0 d8 9d",
    "label": "Übung: 1",
    "subject": "CN=Example",
    "encoding": "CodePage1252",
    "theme": "Dark",
    "noColor": "false",
}
WRONG = {
    "signServer": ("http://example.com", "https://user:hidden@example.com", "example.com", ""),
    "allowUntrusted": ("yes", "True", ""),
    "thumbprint": ("abc", "g" * 40),
    "label": ("", " "),
    "subject": ("",),
    "encoding": ("utf-8", "CodePage", "CodePage-1"),
    "theme": ("dark", "Blue"),
    "noColor": ("1",),
}


class Config:
    """The command, with a home folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / ".signotaur" / "config.json"

    def run(self, *words: str, **env: str) -> Finished:
        return run_client("config", *words, env={"HOME": str(self.home), **env})

    def run_here(self, *words: str) -> Finished:
        """Run it in this process, which is faster."""
        return run_here("config", *words, env={"HOME": str(self.home)}, clock=VirtualClock())

    def put(self, content: bytes) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_bytes(content)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path)


def test_every_setting_of_an_option_can_be_stored_and_is_documented() -> None:
    assert {option.config for option in OPTIONS.values() if option.config} <= set(SETTINGS)
    assert [row[0].strip("`") for row in table("settings")] == list(SETTINGS)
    unused = {row[0].strip("`") for row in table("settings") if "tool only" in row[2]}
    assert unused == set(SETTINGS) - {option.config for option in OPTIONS.values()}
    assert set(VALUES) == set(WRONG) == set(SETTINGS)


def test_it_shows_where_the_file_is_even_if_the_file_is_broken(config: Config) -> None:
    assert config.run("path").out == f"{config.path}\n"
    config.put(b"{")
    assert config.run("path").out == f"{config.path}\n"


def test_what_is_stored_is_shown_and_removed_again(config: Config) -> None:
    assert config.run("list").out == ""
    for name, value in VALUES.items():
        done = config.run_here("set", name, value)
        assert done.code == 0, done.said
        assert done.err == f"Stored: {name} in {config.path}.\n"
        assert config.run_here("get", name).out == f"{value}\n"
    assert config.run("list").out == "".join(f"{name}={each}\n" for name, each in VALUES.items())
    stored = json.loads(config.path.read_bytes())
    assert stored == VALUES | {"allowUntrusted": True, "noColor": False}
    assert stat.S_IMODE(config.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.path.parent.stat().st_mode) == 0o700
    assert list(config.path.parent.iterdir()) == [config.path]
    assert config.run("unset", "label").code == 0
    assert config.run("unset", "label").code == 0
    missing = config.run("get", "label")
    assert (missing.code, missing.out) == (1, "")
    assert f"label is not set in {config.path}" in missing.err


def test_members_of_others_are_kept_and_not_shown(config: Config) -> None:
    config.put(b'\xef\xbb\xbf{"other": {"a": [1]}, "label": "x", "apiKey": "secret of somebody"}')
    assert config.run("set", "label", "y").code == 0
    assert config.run("list").out == "label=y\n"
    assert json.loads(config.path.read_bytes()) == {
        "other": {"a": [1]},
        "label": "y",
        "apiKey": "secret of somebody",
    }


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_value_that_is_not_valid_changes_nothing(config: Config, name: str, value: str) -> None:
    config.put(b'{"label": "x"}')
    done = config.run_here("set", name, value)
    assert done.code == 10, done.said
    assert done.err.startswith(f"Error: {name}: ")
    assert "hidden" not in done.said
    assert config.path.read_bytes() == b'{"label": "x"}'


@pytest.mark.parametrize(
    "words", [("label", "{}"), ("apiKey", "{}"), ("SIGNOTAUR_API_KEY", "{}"), ("{}", "x")]
)
def test_no_key_is_stored_or_shown(config: Config, key: str, words: tuple[str, str]) -> None:
    done = config.run_here("set", *(word.format(key) for word in words))
    assert done.code == 10, done.said
    assert "auth set-key" in done.err
    assert key not in done.said
    assert not config.path.exists()


@pytest.mark.parametrize("words", [(), ("show",), ("get",), ("set", "label"), ("path", "label")])
def test_other_words_are_refused(config: Config, words: tuple[str, ...]) -> None:
    done = config.run_here(*words)
    assert done.code == 10
    assert "give one of: path, list, get NAME, set NAME VALUE, unset NAME" in done.err


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_broken_file_is_not_replaced(config: Config, content: bytes) -> None:
    config.put(content)
    done = config.run_here("set", "label", "x")
    assert done.code == 10
    assert str(config.path) in done.err
    assert config.path.read_bytes() == content


def test_a_symbolic_link_is_followed_only_if_that_is_meant(config: Config, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text("{}")
    config.path.parent.mkdir()
    config.path.symlink_to(elsewhere)
    refused = config.run("set", "label", "x")
    assert refused.code == 11
    assert "it is a symbolic link; use --follow-symlinks" in refused.err
    assert elsewhere.read_text() == "{}"
    assert config.run("set", "label", "x", "--follow-symlinks").code == 0
    assert json.loads(elsewhere.read_text()) == {"label": "x"}
    assert config.path.is_symlink()


def test_a_github_job_is_warned_that_it_does_not_read_the_file(config: Config) -> None:
    done = config.run("set", "label", "x", GITHUB_ACTIONS="true")
    assert done.code == 0
    assert "::warning title=signotaur-action::this file is not read in a GitHub job" in done.out


def test_no_value_is_a_command_for_the_runner(config: Config) -> None:
    config.put(json.dumps({"label": "::set-output name=x::y\n::debug::z"}).encode())
    done = config.run("get", "label")
    assert done.out == ": :set-output name=x::y\\x0a::debug::z\n"


def test_other_commands_use_what_is_stored(
    config: Config, shared_server: KeyServer, key: str
) -> None:
    assert config.run("set", "signServer", shared_server.url).code == 0
    done = run_client(
        *("guard", "--fail-if-expiring-within", "1d", "--ca-file", shared_server.ca_file),
        env={"HOME": str(config.home), "SIGNOTAUR_API_KEY": key},
    )
    assert done.code == 0, done.said


def test_a_switch_that_is_not_valid_changes_nothing(config: Config) -> None:
    done = config.run("set", "label", "x", SIGNOTAUR_FOLLOW_SYMLINKS="maybe")
    assert done.code == 10
    assert "SIGNOTAUR_FOLLOW_SYMLINKS must be true or false" in done.err
    assert not config.path.exists()


def test_without_a_home_folder_nothing_is_written(tmp_path: Path) -> None:
    done = run_client("config", "set", "label", "x", env={"HOME": str(tmp_path / "none")})
    assert done.code == 11, done.said
    assert "was not changed (no such file or directory)" in done.err
