"""A key that is given in the wrong place, or that a server sends back, is shown nowhere.

``tests/proof/test_leak_scan.py`` searches what all other runs leave behind.
"""

import json
from pathlib import Path

import pytest

from e2e.client_harness import ClientHarness, bearer
from proof.leak_harness import GITHUB_FILES, LeakHarness
from support.front import Exchange, Fault, Front
from support.key_encodings import leaks
from support.keyserver import KeyServer


@pytest.fixture
def harness(front: Front, plain_server: KeyServer, tmp_path: Path) -> LeakHarness:
    client = ClientHarness(plain_server, tmp_path)
    return LeakHarness(client, front, client.ledger.add())


@pytest.mark.parametrize(
    "arguments",
    [
        ["KEY"],
        ["--af", "KEY"],
        ["--akn", "KEY"],
        ["-s", "KEY"],
        ["-s", "https://KEY@signotaur.example.com"],
        ["-s", "https://KEY"],
        ["-o", "KEY"],
        ["-e", "KEY"],
        ["-e", "template:KEY={{KEY}}"],
        ["-e", "github-env:KEY="],
        ["-e", "continua:serverVar=KEY-"],
        ["-e", "azure:KEY-"],
        ["-e", "teamcity:'KEY'"],
        ["-e", "key-file:/proc/KEY/KEY"],
        ["-e", "env-file:/proc/KEY/KEY#KEY"],
        ["-e", "env-file:KEY#KEY-"],
        ["-e", "command:KEY"],
        ["-e", "command:no-such-program --key 'KEY"],
        ["-e", "command:no-such-program --key KEY"],
        ["-e", "github-secret:KEY,repo=KEY/KEY"],
        ["-e", "github-secret:NAME,KEY=KEY"],
        ["-e", "gitlab-var:KEY,project=KEY"],
        ["-e", "vault:KEY#KEY"],
        ["-e", "buildkite-secret:KEY,cluster=KEY"],
        ["--github-token", "KEY", "-e", "KEY"],
        ["--wn", "KEY"],
        ["--wk", "KEY/KEY"],
        ["--we", "/proc/KEY"],
        ["--ca-file", "KEY"],
        ["--timeout", "KEY"],
        ["--if-expiring-within", "KEY"],
        ["--state-dir", "/proc/KEY", "--wk", "new.txt"],
        ["--KEY"],
        ["--json=KEY"],
    ],
    ids=" ".join,
)
def test_key_in_the_wrong_place(arguments: list[str], harness: LeakHarness) -> None:
    """A variable in the wrong place of a workflow puts the key where no key belongs."""
    given = [each.replace("KEY", harness.old) for each in arguments]
    source = (
        () if "--af" in arguments or "--akn" in arguments else ("--af", harness.client.key_file)
    )
    done = harness.run(*source, *given)
    assert done.code in {1, 10, 11}, done.said
    known = harness.client.ledger.successors(harness.old)
    assert known == []
    assert leaks(harness.old, {"out": done.out.encode(), "err": done.err.encode()}) == []
    files = {path: (harness.client.folder / path).read_bytes() for path in GITHUB_FILES}
    assert leaks(harness.old, files) == []


def test_key_as_the_command(harness: LeakHarness) -> None:
    done = harness.client.run(harness.old)
    assert done.code == 10
    assert leaks(harness.old, {"out": done.out.encode(), "err": done.err.encode()}) == []


@pytest.mark.parametrize("key", [None, "foreign-key/0123456789+abcdef=="], ids=["ours", "foreign"])
@pytest.mark.parametrize("how", ["detail", "type", "content type", "name", "holder", "number"])
def test_server_that_repeats_the_key(how: str, key: str | None, harness: LeakHarness) -> None:
    """A proxy's error page and a careless server show the request's own headers."""
    if key is not None:
        harness.client.key_file.write_text(key)
    harness.front.faults.append(_echo(how, key))
    output = harness.path("new.txt")
    done = harness.run("--af", harness.client.key_file, "--wk", output, "--json", "--debug")
    assert done.code in {0, 1, 2, 14}, done.said
    searched = {name: (harness.client.folder / name).read_bytes() for name in GITHUB_FILES}
    searched |= {"out": done.out.encode(), "err": done.err.encode()}
    for each in harness.keys:
        found = leaks(each, searched) if each.startswith("sig_") else _raw(each, searched)
        assert found == []


def _raw(key: str, places: dict[str, bytes]) -> list[str]:
    return [place for place, content in places.items() if key.encode() in content]


def _echo(how: str, foreign: str | None) -> Fault:
    def fault(exchange: Exchange) -> bool:
        key = bearer(exchange)
        problem: dict[str, object] = {"type": "internal-error", "detail": f"bad token {key}"}
        if how == "content type":
            exchange.answer(400, {"Content-Type": f"text/{key}"}, b"<html>")
            return True
        if how == "name" and foreign is None:
            status, headers, body = exchange.forward()
            document = json.loads(body)
            for part in (document, document.get("rotation") or {}):
                part.update({name: key for name in ("name", "newKeyName", "owner") if name in part})
            exchange.answer(status, headers, json.dumps(document).encode())
            return True
        if how == "type":
            problem["type"] = key
        if how == "holder":
            problem = {"type": "rotation-open", "holder": key}
        if how == "number":
            problem = {"id": key}
        exchange.answer(200 if how == "number" else 400, {}, json.dumps(problem).encode())
        return True

    return fault
