"""Whatever happens, no byte of a key is where it was not asked for, in any encoding."""

import base64
import codecs
import gzip
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from proof.build import Build
from proof.conftest import Proof
from proof.leak_cells import CELLS, CODES, SINKS, Cell
from proof.leak_harness import LeakHarness
from proof.matrix import SEED, chosen
from proof.planted import MODULE, PLANTS, changes
from support.client import start_client
from support.front import Exchange
from support.key_encodings import key_encodings, leaks

PLANTED = Path(__file__).with_name("planted_leaks.py")


@pytest.mark.parametrize("part", range(4))
def test_no_run_leaves_a_key_behind(
    part: int, new_harness: Callable[[str], LeakHarness], proof: Proof
) -> None:
    cells = chosen(CELLS[part::4], 6, f"leaks {part}")
    random.Random(SEED).shuffle(cells)  # noqa: S311 - a limit of time leaves out cells of every sort
    with proof("leak scan") as record:
        for number, cell in enumerate(cells):
            if record.is_late:
                break
            with record.point(str(cell)):
                harness = new_harness(str(number))
                done = cell.run(harness)
                record.outcomes[f"ended by {done.code}"] += 1
                _require_sound(cell, harness, done.code, done.said)
                found = harness.leaks(
                    done, asked_for_on_stdout=cell.prints_key, job=cell.way == "job"
                )
                assert found == []


def _require_sound(cell: Cell, harness: LeakHarness, code: int, said: str) -> None:
    assert code in CODES, said
    assert "Internal error" not in said, said
    assert "Traceback" not in said, said
    if cell.work in SINKS and cell.fault == "none" and code == 0:
        assert len(harness.keys) == 2, "the new key was not seen, so nothing searched for it"


# The process itself


@pytest.mark.parametrize("by", ["file", "variable", "input"])
@pytest.mark.parametrize("to", ["key file", "program"])
def test_other_processes_see_no_key(
    by: str, to: str, new_harness: Callable[[str], LeakHarness]
) -> None:
    """Everybody on a machine reads /proc/PID/cmdline; its user reads /proc/PID/environ."""
    harness = new_harness("run")
    hold = harness.client.folder / "hold"
    hold.touch()
    confirming: list[bool] = []

    def wait(exchange: Exchange) -> bool:
        if "confirmation" in exchange.path:
            confirming.append(True)
            while hold.exists():
                time.sleep(0.01)
        return False

    harness.front.faults.append(wait)
    variables = {"variable": "SIGNOTAUR_API_KEY", "input": "INPUT_API-KEY"}
    source = ["--af", str(harness.client.key_file)] if by == "file" else []
    env = {variables[by]: harness.old} if by in variables else {}
    process = start_client(
        *("rotate-key", *harness.front.options, *source, *map(str, SINKS[to](harness))),
        env={"HOME": str(harness.client.home), **env},
    )
    try:
        deadline = time.monotonic() + 60
        while not confirming and time.monotonic() < deadline:
            time.sleep(0.01)
        shown = _shown([process.pid, *_children(process.pid)])
    finally:
        hold.unlink()
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert b"rotate-key" in shown[f"{process.pid} cmdline"]
    old, new = harness.keys
    given = {name: text for name, text in shown.items() if not (env and name.endswith("environ"))}
    assert leaks(old, given) == []
    assert leaks(new, shown) == []


def _shown(numbers: list[int]) -> dict[str, bytes]:
    return {
        f"{number} {name}": Path(f"/proc/{number}/{name}").read_bytes()
        for number in numbers
        for name in ("cmdline", "environ", "comm")
    }


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# The scan itself


ENCODED: dict[str, Callable[[str], bytes]] = {
    "raw": str.encode,
    "the secret alone": lambda key: key[20:63].encode(),
    "twelve characters": lambda key: key[37:49].encode(),
    "hex": lambda key: key.encode().hex().encode(),
    "HEX": lambda key: key.encode().hex().upper().encode(),
    "hex with colons": lambda key: key.encode().hex(":").encode(),
    "base32": lambda key: base64.b32encode(key.encode()),
    "base64": lambda key: base64.b64encode(key.encode()),
    "base64 behind one": lambda key: base64.b64encode(f"x{key}\n".encode()),
    "base64 behind two": lambda key: base64.b64encode(f"u:{key}&z=1".encode()),
    "base64url": lambda key: base64.urlsafe_b64encode(f"{key}\n".encode()),
    "base64 of utf-16": lambda key: base64.b64encode(key.encode("utf-16-le")),
    "basic authentication": lambda key: base64.b64encode(f"user:{key}".encode()),
    "reversed": lambda key: key[::-1].encode(),
    "rot13": lambda key: codecs.encode(key, "rot13").encode(),
    "percent": lambda key: "".join(f"%{byte:02X}" for byte in key.encode()).encode(),
    "utf-16-le": lambda key: key.encode("utf-16-le"),
    "utf-16-be": lambda key: key.encode("utf-16-be"),
    "utf-16 with mark": lambda key: key.encode("utf-16"),
    "json": lambda key: json.dumps({"key": f"Bearer {key}"}).encode(),
    "list of bytes": lambda key: repr(list(key.encode())).encode(),
    "ascii85": lambda key: base64.a85encode(key[20:].encode()),
    "lower case": lambda key: key.lower().encode(),
    "gzip": lambda key: gzip.compress(key.encode()),
}


def test_every_encoding_is_found_and_no_other_key(
    new_harness: Callable[[str], LeakHarness],
) -> None:
    harness = new_harness("run")
    other = harness.client.ledger.add()
    for name, encode in ENCODED.items():
        content = os.urandom(500) + encode(harness.old) + os.urandom(500)
        assert leaks(harness.old, {name: content}), name
        assert leaks(other, {name: content}) == [], name
    assert min(map(len, key_encodings(harness.old).values())) >= 12


def test_every_planted_leak_is_caught(tmp_path: Path, proof: Proof) -> None:
    """The scan runs on a copy of client and server that leaks a key in one place at a time."""
    build = Build(tmp_path, changes())
    (build.source / "planted.py").write_text(MODULE)
    (build.source / "planted.now").touch()
    assert len(PLANTS) >= 30
    with proof("planted leaks") as record:
        done = build.pytest(
            str(PLANTED), "--maxfail=1000", "-rA", f"--basetemp={tmp_path / 'runs'}"
        )
        for name in PLANTS:
            with record.point(name):
                assert f"PASSED {PLANTED.relative_to(Path.cwd())}::" in done.stdout, done.stdout
                assert f"[{name}]\n" in _passed(done.stdout), done.stdout[-3000:]


def _passed(out: str) -> str:
    return "".join(f"{line}\n" for line in out.splitlines() if line.startswith("PASSED "))
