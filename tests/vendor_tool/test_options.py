"""The options of the vendor's tool: the table of the manual, and what the client accepts."""

import re

import pytest

from docs.pages import table
from signotaur_action.options.commands import COMMANDS, IGNORED
from support.client import run_client
from vendor_tool.conftest import STAND_IN

ROWS = table("options of the tool")


def flags(cell: str) -> set[str]:
    return set(re.findall(r"`(-[^`]+)`", cell))


DOCUMENTED = {
    "rotate-key": "--api-key --api-key-file --api-key-name --sign-server --overlap-days "
    "--no-auto-revoke --write-key-file --write-env-file --write-env-var-name --emit-secret "
    "--allow-untrusted --if-expiring-within",
    "auth set-key": "--from-stdin --from-env --api-key --write-key-file --write-env-file "
    "--write-env-var-name --if-missing --verify",
    "sign": "--api-key --api-key-file --sign-server --thumbprint --label --subject "
    "--additional-certificates --file-list --base-directory --file-digest --timestamp-server "
    "--timestamp-digest --fallback-timestamp-server --max-degree-of-parallelism "
    "--fail-if-expiring-within --allow-untrusted --auto-self-update --update-mode "
    "--retries-on-failure --encoding",
    "verify": "--file-list --revocation-mode --strict-lifetime --ignore-untrusted-root "
    "--max-degree-of-parallelism",
    "timestamp": "--timestamp-server --timestamp-digest --fallback-timestamp-server "
    "--max-degree-of-parallelism",
    "all": "--no-color --no-colour --theme --verbose --no-banner",
}
"""The options in the public pages of the tool, by their long names."""


def test_the_table_is_true() -> None:
    ignored = [set(option.flags) for option in IGNORED]
    for command, option, here in ROWS:
        if here.startswith("ignored"):
            assert command == "all"
            assert flags(option) in ignored, option
        elif command != "config":
            known = [{*each.short, str(each)} for each in COMMANDS[command].options]
            assert (flags(option) in known) is here.startswith("same"), (command, option)


@pytest.mark.parametrize("command", DOCUMENTED)
def test_every_documented_option_is_in_the_table_once(command: str) -> None:
    rows = [flags(option) for name, option, _ in ROWS if name == command]
    listed = [flag for row in rows for flag in row if flag in DOCUMENTED[command].split()]
    assert sorted(listed) == sorted(DOCUMENTED[command].split())
    assert all(row & set(listed) for row in rows)


def test_every_documented_option_of_the_stand_in_is_in_the_table() -> None:
    """Its command line is that of the vendor's documentation, to the letter."""
    text = STAND_IN.read_text().split('add_parser("rotate-key"')[1].split("return parser")[0]
    theirs = re.findall(r'add_argument\((?:"(--?\w+)", )?"(--[\w-]+)"', text)
    ours = {frozenset(flags(option)) for name, option, _ in ROWS if name == "rotate-key"}
    assert {frozenset(filter(None, names)) for names in theirs} == ours


def test_the_words_of_config_are_in_the_table() -> None:
    words = [
        word for name, row, _ in ROWS if name == "config" for word in re.findall(r"`(.+?)`", row)
    ]
    refused = run_client("config").err
    assert refused.startswith("Error: give one of: ")
    assert sorted(words) == sorted(re.findall(r"\b[a-z]+\b", refused.split(": ")[2].split("\n")[0]))


def test_every_ignored_option_is_in_the_table() -> None:
    listed = [flags(option) for _, option, here in ROWS if here.startswith("ignored")]
    assert sorted(map(sorted, listed)) == sorted(sorted(option.flags) for option in IGNORED)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_accepts_what_it_ignores(command: str) -> None:
    words = [word for option in IGNORED for word in option.flags]
    values = [f"{word}=Dark" if word == "--theme" else word for word in words]
    done = run_client(*command.split(), *values, "--help")
    assert done.code == 0, done.said
    assert not any(f"{word} " in done.out for word in words)


def test_they_are_accepted_before_the_command_too() -> None:
    assert run_client("--nc", "--theme", "Dark", "rotate-key", "--help").code == 0
