"""The list of contacted hosts has every host that the client knows."""

import ast
import re
from collections.abc import Iterator

from docs.pages import ROOT, after
from signotaur_action.sinks import EMITTERS

CLIENT = ROOT / "entrypoint" / "signotaur_action"
HOSTS = after("hosts")
LOCAL = {  # they reach no host of their own
    "azure", "command", "continua", "env-file", "github-env", "github-output", "key-file",
    "teamcity", "template",
}  # fmt: skip
NAMES = {
    "github.com",  # where to get osslsigncode, in an error
    "iam.googleapis.com",  # an audience
    "registry.example.com",
    "signotaur.example.com",
    "www.googleapis.com",  # a scope
}
"""Hosts in addresses that are never called."""


def test_every_address_in_the_code_is_in_the_list() -> None:
    hosts = {host for text in strings() for host in re.findall(r"\w+://((?:[\w-]+\.)+\w+)", text)}
    assert {"api.github.com", "api.buildkite.com"} <= hosts
    assert [host for host in sorted(hosts - NAMES) if host not in HOSTS] == []


def test_every_store_has_a_row() -> None:
    rows = HOSTS.splitlines()
    missing = [kind for kind in EMITTERS if not any(f"| `{kind}`" in row for row in rows)]
    assert sorted(missing) == sorted(LOCAL)


def strings() -> Iterator[str]:
    """Yield every text in the client's code but docstrings."""
    for path in sorted(CLIENT.rglob("*.py")):
        tree = ast.parse(path.read_text())
        constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = (node.value for node in constants if id(node) not in alone)
        yield from (text for text in texts if isinstance(text, str))
