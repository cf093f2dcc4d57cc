"""The cells of the leak scan: command and destination, way of speaking, what goes wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from e2e.client_harness import bearer
from proof.leak_harness import JOB, LeakHarness
from support.client import Finished
from support.front import Exchange, Fault, answering, lost_answer

Given = list[str | Path]
PRINTED = ("stdout", "continua", "template", "azure", "teamcity")
"""Destinations on stdout."""


def _emit(*texts: str) -> Callable[[LeakHarness], Given]:
    return lambda _: [word for text in texts for word in ("-e", text)]


def _command_files(harness: LeakHarness) -> Given:
    for name in ("GITHUB_OUTPUT", "GITHUB_ENV"):
        harness.path(name)
    return ["-e", "github-output", "-e", "github-env:KEY"]


SINKS: Mapping[str, Callable[[LeakHarness], Given]] = {
    "stdout": lambda _: [],
    "key file": lambda harness: ["--wk", harness.path("new.txt")],
    "the old key's file": lambda harness: ["--wk", harness.client.key_file],
    "dotenv file": lambda harness: ["--we", harness.path("new.env")],
    "command files": _command_files,
    "continua": _emit("continua:serverVar=A", "continua:buildVar=A"),
    "template": _emit("template:{{name}} {{secret}}"),
    "azure": _emit("azure:KEY", "azure:KEY,output=true"),
    "teamcity": _emit("teamcity:env.KEY"),
    "program": lambda harness: ["-e", f"command:tee {harness.path('kept')}"],
    "program that fails": lambda _: ["-e", "command:sh -c 'cat; cat >&2; exit 1'"],
}
WAYS: Mapping[str, tuple[str, ...]] = {
    "plain": (),
    "debug": ("--debug",),
    "json": ("--json",),
    "job": ("--debug",),
}
"""How a run is asked to speak; ``job`` is a step of a GitHub job with debugging."""


def _guard(harness: LeakHarness, way: Given) -> Finished:
    return harness.command("guard", *_source(harness), "--fail-if-expiring-within", "7d", *way)


def _confirm(harness: LeakHarness, way: Given) -> Finished:
    faults, harness.front.faults = harness.front.faults, []
    file = harness.path("candidate.txt")
    harness.run(*_source(harness), "--wk", file, "--defer-confirm")
    harness.front.faults = faults
    return harness.command("confirm-rotation", "--af", file, *way)


def _sign(harness: LeakHarness, way: Given) -> Finished:
    script = harness.client.cwd / "script.ps1"
    script.write_text("Write-Output 1\n")
    return harness.command("sign", *_source(harness), "--label", "none", *way, script)


def _set_key(harness: LeakHarness, way: Given) -> Finished:
    given = {"MY_KEY": harness.old} | dict(JOB if harness.client.env.get("CI") else {})
    target = ("--from-env", "MY_KEY", "--wk", harness.path("stored.txt"), "--verify")
    return harness.command("auth set-key", *target, *(w for w in way if w != "--json"), env=given)


def _source(harness: LeakHarness) -> Given:
    return ["--af", harness.client.key_file]


COMMANDS: Mapping[str, Callable[[LeakHarness, Given], Finished]] = {
    "guard": _guard,
    "confirm-rotation": _confirm,
    "sign": _sign,
    "auth set-key": _set_key,
}


def _echo(exchange: Exchange) -> bool:
    """Answer as a careless proxy does: with the request's own headers."""
    key = bearer(exchange)
    body = f'{{"type": "{key}", "detail": "bad token {key}", "holder": "{key}"}}'
    exchange.answer(400, {"Content-Type": "application/problem+json", "X-Said": key}, body.encode())
    return True


def _echo_page(exchange: Exchange) -> bool:
    key = bearer(exchange)
    page = f"<html>{key} {key[::-1]} {key.encode().hex()}</html>"
    exchange.answer(502, {"Content-Type": "text/html"}, page.encode())
    return True


def _revoked(harness: LeakHarness) -> None:
    harness.client.ledger.revoke(harness.old)


def _rotated_before(harness: LeakHarness) -> None:
    assert harness.run(*_source(harness), "--wk", harness.path("earlier.txt")).code == 0


def _by(fault: Fault) -> Callable[[LeakHarness], None]:
    return lambda harness: harness.front.faults.append(fault)


FAULTS: Mapping[str, Callable[[LeakHarness], None]] = {
    "none": lambda _: None,
    "revoked key": _revoked,
    "rotated before": _rotated_before,
    "page of a proxy": _by(answering(200, b"<html>", Content_Type="text/html")),
    "server away": _by(answering(503)),
    "no answer to the rotation": _by(lost_answer("PUT", "rotations")),
    "garbled answer": _by(answering(201, b'{"id": 1}', method="PUT")),
    "refused at the end": _by(answering(403, b'{"type": "x"}', part="confirmation")),
    "not confirmed": _by(answering(500, part="confirmation")),
    "redirect": _by(answering(307, Location="https://other.example/")),
    "key repeated": _by(_echo),
    "key repeated in a page": _by(_echo_page),
}
CODES = frozenset({0, 1, 2, 10, 11, 12, 13, 14, 15})


@dataclass(frozen=True)
class Cell:
    """One run of the scan."""

    work: str
    """A destination of rotate-key, or another command."""
    way: str
    fault: str

    def __str__(self) -> str:
        return f"{self.work}, {self.way}, {self.fault}"

    @property
    def prints_key(self) -> bool:
        """Whether the key is asked for on stdout."""
        return self.work in PRINTED

    def run(self, harness: LeakHarness) -> Finished:
        """Run the cell's command once its fault is there."""
        FAULTS[self.fault](harness)
        if self.fault != "none":
            harness.timeout = "2s"
        if self.way == "job":
            harness.client.env |= JOB
        flags: Given = list(WAYS[self.way])
        if self.work in COMMANDS:
            return COMMANDS[self.work](harness, flags)
        return harness.run(*_source(harness), *SINKS[self.work](harness), *flags)


CELLS = [Cell(*each) for each in product([*SINKS, *COMMANDS], WAYS, FAULTS)]
