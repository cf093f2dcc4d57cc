"""Whatever happens, no byte of a key stands where it was not asked for, in any encoding.

Every test plants canaries (an old key, and the new one that the front saw in use) and searches
all that the run left behind: both streams, every file of the job, the server's data and log.
"""

import base64
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from e2e.client_harness import ClientHarness, bearer
from e2e.key_encodings import files_below, key_encodings, leaks
from support.client import Finished, start_client
from support.front import Exchange, Fault, Front, answering, lost_answer
from support.keyserver import KeyServer

GITHUB_FILES = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY")


@dataclass
class LeakHarness:
    """A run among canaries."""

    client: ClientHarness
    front: Front
    old: str
    allowed: set[Path] = field(default_factory=set)
    """Files that may hold a key: where it came from, where it was sent, the journal."""

    def __post_init__(self) -> None:
        self.allowed.add(self.client.store(self.old))
        folders = {"TMPDIR": "tmp", "RUNNER_TEMP": "runner-temp", "GITHUB_WORKSPACE": "cwd"}
        for variable, name in folders.items():
            (self.client.folder / name).mkdir(exist_ok=True)
            self.client.env[variable] = str(self.client.folder / name)
        for variable in GITHUB_FILES:
            file = self.client.folder / variable
            file.touch()
            self.client.env[variable] = str(file)

    def path(self, name: str) -> Path:
        """Return a file that may hold a key."""
        self.allowed.add(self.client.folder / name)
        return self.client.folder / name

    def run(self, *arguments: str | Path) -> Finished:
        state = self.client.folder / "state"
        return self.client.run(
            "rotate-key", *self.front.options, "--state-dir", state, "--timeout", "2s", *arguments
        )

    @property
    def keys(self) -> list[str]:
        """Every key that was seen in use, the old one first."""
        sent = [each.headers["Authorization"] for each in self.front.requests]
        return list(dict.fromkeys([self.old, *(line.removeprefix("Bearer ") for line in sent)]))

    def leaks(self, done: Finished, *, asked_for_on_stdout: bool = False) -> list[str]:
        server = self.client.server.data_dir
        places = files_below(self.client.folder, server)
        log = server.parent / f"{server.name}.log"
        assert b"/api/v1/keys/self" in log.read_bytes()  # the right log
        places[str(log)] = log.read_bytes()
        journals = {str(path) for path in (self.client.folder / "state").glob("*.rotation")}
        for path in {str(path) for path in self.allowed} | journals:
            places.pop(path, None)
        places["stderr"] = done.err.encode()
        if not asked_for_on_stdout:
            places["stdout"] = done.out.encode()
        return [leak for key in self.keys for leak in leaks(key, places)]


@pytest.fixture
def harness(front: Front, plain_server: KeyServer, tmp_path: Path) -> LeakHarness:
    client = ClientHarness(plain_server, tmp_path)
    return LeakHarness(client, front, client.ledger.add())


@pytest.fixture(params=[(), ("--debug",)], ids=["normal", "debug"])
def verbosity(request: pytest.FixtureRequest) -> Sequence[str]:
    flags: Sequence[str] = request.param
    return flags


# Success, for every destination


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ([], True),
        (["--json"], True),
        (["--wk", "new.txt"], False),
        (["--wk", "new.txt", "--json"], False),
        (["--wk", "key.txt"], False),
        (["--we", "new.txt"], False),
        (["-e", "continua:serverVar=A", "-e", "continua:buildVar=A"], True),
        (["-e", "template:{{name}} {{secret}}"], True),
        (["-e", "github-output", "-e", "github-env:KEY"], False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_success(
    arguments: list[str],
    printed: bool,  # noqa: FBT001 - whether the key was asked for on stdout
    verbosity: Sequence[str],
    harness: LeakHarness,
) -> None:
    given: list[str | Path] = [
        harness.path(each) if each.endswith(".txt") else each for each in arguments
    ]
    if "github-output" in arguments:
        harness.path("GITHUB_OUTPUT")
        harness.path("GITHUB_ENV")
    done = harness.run("--af", harness.client.key_file, *given, *verbosity)
    assert done.code == 0, done.said
    assert len(harness.keys) == 2
    assert harness.leaks(done, asked_for_on_stdout=printed) == []
    [old, new] = harness.keys
    assert done.out.count(new) == (arguments.count("-e") or 1 if printed else 0)
    assert old not in done.out
    assert not list((harness.client.folder / "state").iterdir())


# Failure, of every kind


def _refused_for_its_state(harness: LeakHarness) -> list[str]:
    harness.client.ledger.revoke(harness.old)
    return []


def _rotated_before(harness: LeakHarness) -> list[str]:
    done = harness.run("--af", harness.client.key_file, "--wk", harness.path("earlier.txt"))
    assert done.code == 0
    return []


def _busy(harness: LeakHarness) -> list[str]:
    harness.front.faults.append(answering(503, part="confirmation"))
    other = harness.client.folder / "other-state"
    command: list[str | Path] = ["rotate-key", *harness.front.options, "--timeout", "1s"]
    command += ["--state-dir", other, "--af", harness.client.key_file]
    done = harness.client.run(*command, "--wk", harness.path("earlier.txt"))
    assert done.code == 12
    harness.allowed.update(other.iterdir())
    harness.front.faults.clear()
    return []


def _options(*arguments: str) -> Callable[[LeakHarness], list[str]]:
    return lambda _: list(arguments)


def _fault(fault: Fault) -> Callable[[LeakHarness], list[str]]:
    def prepare(harness: LeakHarness) -> list[str]:
        harness.front.faults.append(fault)
        return []

    return prepare


FAILURES: dict[str, tuple[Callable[[LeakHarness], list[str]], int]] = {
    "revoked": (_refused_for_its_state, 2),
    "already rotated": (_rotated_before, 15),
    "busy": (_busy, 14),
    "overlap": (_options("-o", "31"), 3),
    "usage": (_options("-o", "x", "--timeout", "x", "-e", "x"), 10),
    "destination": (_options("--state-dir", "/proc"), 11),
    "no server": (_options("-s", "http://127.0.0.1:9"), 1),
    "html": (_fault(answering(200, b"<html>", Content_Type="text/html")), 1),
    "unavailable": (_fault(answering(503, method="PUT")), 1),
    "garbled": (_fault(answering(201, b'{"id": 1}', method="PUT")), 1),
    "not verified": (_fault(lost_answer("PUT", "rotations")), 1),
    "not confirmed": (_fault(answering(500, part="confirmation")), 12),
    "refused at the end": (_fault(answering(403, b'{"type": "x"}', part="confirmation")), 12),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failure(failure: str, verbosity: Sequence[str], harness: LeakHarness) -> None:
    prepare, code = FAILURES[failure]
    arguments = prepare(harness)
    file: list[str | Path] = ["--wk", harness.path("new.txt")] if "-e" not in arguments else []
    done = harness.run("--af", harness.client.key_file, *file, *arguments, *verbosity)
    assert done.code == code, done.said
    assert harness.leaks(done) == []


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


# The process itself


@pytest.mark.parametrize("by", ["file", "variable", "input"])
def test_command_line_of_the_process(by: str, harness: LeakHarness) -> None:
    """Everybody on a machine can read what stands in /proc/PID/cmdline."""
    hold = harness.client.folder / "hold"
    hold.touch()

    def wait(_: Exchange) -> bool:
        while hold.exists():
            time.sleep(0.01)
        return False

    harness.front.faults.append(wait)
    given = {
        "file": (["--af", str(harness.client.key_file)], {}),
        "variable": ([], {"SIGNOTAUR_API_KEY": harness.old}),
        "input": ([], {"INPUT_API-KEY": harness.old}),
    }
    arguments, env = given[by]
    output = ["--wk", str(harness.path("new.txt"))]
    whole = {"HOME": str(harness.client.home), **env}
    process = start_client("rotate-key", *harness.front.options, *arguments, *output, env=whole)
    try:
        deadline = time.monotonic() + 60
        while b"rotate-key" not in _cmdline(process.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        shown = {str(process.pid): _cmdline(process.pid)}
        shown |= {pid: _cmdline(int(pid)) for pid in _children(process.pid)}
    finally:
        hold.unlink()
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert b"rotate-key" in shown[str(process.pid)]
    assert leaks(harness.old, shown) == []
    assert out == ""


def _cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


# The scanner itself


def _hex_dump(key: str) -> bytes:
    return key.encode().hex().encode()


PLANTED: dict[str, Callable[[str], bytes]] = {
    "raw": str.encode,
    "the secret alone": lambda key: key[20:63].encode(),
    "a half": lambda key: key[15:45].encode(),
    "hex": _hex_dump,
    "HEX": lambda key: _hex_dump(key).upper(),
    "hex with colons": lambda key: key.encode().hex(":").encode(),
    "base32": lambda key: base64.b32encode(key.encode()),
    "base64": lambda key: base64.b64encode(key.encode()),
    "base64 behind one": lambda key: base64.b64encode(f"x{key}\n".encode()),
    "base64 behind two": lambda key: base64.b64encode(f"u:{key}&z=1".encode()),
    "base64url": lambda key: base64.urlsafe_b64encode(f"{key}\n".encode()),
    "base64 of utf-16": lambda key: base64.b64encode(key.encode("utf-16-le")),
    "basic authentication": lambda key: base64.b64encode(f"user:{key}".encode()),
    "reversed": lambda key: key[::-1].encode(),
    "percent": lambda key: "".join(f"%{byte:02X}" for byte in key.encode()).encode(),
    "utf-16-le": lambda key: key.encode("utf-16-le"),
    "utf-16-be": lambda key: key.encode("utf-16-be"),
    "utf-16 with mark": lambda key: key.encode("utf-16"),
    "json": lambda key: json.dumps({"key": f"Bearer {key}"}).encode(),
    "list of bytes": lambda key: repr(list(key.encode())).encode(),
    "ascii85": lambda key: base64.a85encode(key[20:].encode()),
    "lower case": lambda key: key.lower().encode(),
}


@pytest.mark.parametrize("encoding", PLANTED)
def test_scanner_finds_a_planted_key(encoding: str, harness: LeakHarness) -> None:
    done = harness.run(
        "--af", harness.client.key_file, "--wk", harness.path("new.txt"), "--dry-run"
    )
    assert harness.leaks(done) == []
    planted = harness.client.cwd / "core.1234"
    planted.write_bytes(os.urandom(500) + PLANTED[encoding](harness.old) + os.urandom(500))
    found = harness.leaks(done)
    assert found
    assert all(leak.startswith(f"{planted}: ") for leak in found)


def test_scanner_knows_many_encodings(harness: LeakHarness) -> None:
    encoded = key_encodings(harness.old)
    assert len(encoded) >= 14
    assert min(map(len, encoded.values())) >= 20
    assert leaks(harness.client.ledger.add(), {"other key": harness.old.encode()}) == []
