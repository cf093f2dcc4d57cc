"""``command:`` starts a real program: what it is given, what it may say, and how it ends."""

import os
import re
import resource
import shlex
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from contract.harness import delivery
from signotaur_action import process
from signotaur_action.errors import DeliveryError, DestinationRefusedError
from signotaur_action.http import StoreAccess, TimeBudget
from signotaur_action.machine.clock import SystemClock
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.command import CommandSink
from signotaur_wire import keyformat
from support.client import start_client
from support.key_encodings import leaks
from support.keyserver import KeyServer

BODY = "sig_0123456789ABCDE_" + "Qk7xT" * 8 + "z9R"
KEY = BODY + keyformat.checksum(BODY)
CLOCK = SystemClock()
PATH = {"PATH": "/usr/bin:/bin"}
PYTHON = f"{sys.executable} -ISc"


def sink(
    *words: str | Path, environ: Mapping[str, str] = PATH, seconds: float = 20, hidden: str = ""
) -> CommandSink:
    context = SinkContext(lambda _: None, environ, key_variables=hidden.split())
    return CommandSink(shlex.join(map(str, words)), context, seconds)


def python(code: str, *words: str | Path, seconds: float = 20) -> CommandSink:
    return sink(sys.executable, "-ISc", code, *words, seconds=seconds)


def shell(code: str, *words: str | Path, seconds: float = 20) -> CommandSink:
    return sink("sh", "-c", code, "sh", *words, seconds=seconds)


def told(failing: CommandSink) -> str:
    """Return what is said of a program that fails; the key never is."""
    failing.check()
    with pytest.raises(DeliveryError) as caught:
        failing.deliver(delivery(KEY))
    assert leaks(KEY, {"what": caught.value.what.encode()}) == []
    return caught.value.what.removeprefix(failing.name).strip()


def ended(pid: int) -> bool:
    """Return whether a process is no more; one that nobody reaps does nothing either."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# What the program is given


@pytest.mark.parametrize(
    "word",
    ["a b", "; touch evil", "$(touch evil)", "`touch evil`", "$HOME", "*", "~", "| cat", ">evil",
     "&& false", "{a,b}", "\\", "%PATH%", "'", '"', "ü", "", "\t", "a\nb"],
)  # fmt: skip
def test_no_shell_reads_the_command(tmp_path: Path, word: str) -> None:
    code = "import sys; open(sys.argv[1], 'wb').write(repr(sys.argv[2:]).encode())"
    python(code, tmp_path / "words", word, "end").deliver(delivery(KEY))
    assert (tmp_path / "words").read_text() == repr([word, "end"])
    assert [each.name for each in tmp_path.iterdir()] == ["words"]


def test_a_command_is_split_as_a_shell_would() -> None:
    text = f"""{PYTHON} "import sys; print(sys.argv[1:]); sys.exit(1)" 'a b'  c\\ d "e 'f'" g"""
    failing = CommandSink(text, SinkContext(lambda _: None, PATH))
    assert told(failing) == """ended with 1: ['a b', 'c d', "e 'f'", 'g']."""


@pytest.mark.parametrize("key", [KEY, "a key of other's, 512 " + "ü" * 245, "%s\\n$1"])
def test_the_key_alone_is_the_standard_input(tmp_path: Path, key: str) -> None:
    shell('cat >"$1"', tmp_path / "key").deliver(delivery(key))
    assert (tmp_path / "key").read_bytes() == key.encode()


def test_neither_arguments_nor_variables_tell_a_key(tmp_path: Path) -> None:
    old = KEY[::-1]
    environ = PATH | {"SIGNOTAUR_API_KEY": old, "INPUT_API-KEY": old, "OTHER": "stays"}
    code = "for each in cmdline environ; do cat /proc/$$/$each /proc/self/$each >>$0/$each; done"
    hidden = "SIGNOTAUR_API_KEY INPUT_API-KEY"
    sink("sh", "-c", code, tmp_path, environ=environ, hidden=hidden).deliver(delivery(KEY))
    shown = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert shown["cmdline"].count(b"sh\0-c\0for each") == 1
    assert b"OTHER=stays" in shown["environ"]
    assert leaks(KEY, shown) == []
    assert old.encode() not in b"".join(shown.values())


def test_no_variable_with_a_copy_of_a_key_reaches_the_program(tmp_path: Path) -> None:
    """Variables were left out by name, so another one with the old or the new key was passed on.

    Tokens are still passed on: the program may need them.
    """
    old = KEY[::-1]
    environ = PATH | {"MY_COPY": old, "URL": f"https://h/?k={old}&x", "NEW": KEY, "GH_TOKEN": "t"}
    context = SinkContext(lambda _: None, environ, old_key=Secret(old))
    script = f"sh -c 'env >\"$0\"' {shlex.quote(str(tmp_path / 'env'))}"
    CommandSink(script, context).deliver(delivery(KEY))
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert {"PATH", "GH_TOKEN", "SIGNOTAUR_KEY_ID"} <= names
    assert not {"MY_COPY", "URL", "NEW"} & names


def test_variables_describe_the_key_without_showing_it(tmp_path: Path) -> None:
    given = delivery(KEY, name="{{name}} $(x) \U0001f511")
    script = 'env | grep ^SIGNOTAUR_ | sort >"$1"'
    shell(script, tmp_path / "facts").deliver(given)
    assert (tmp_path / "facts").read_text().splitlines() == [
        "SIGNOTAUR_KEY_EXPIRES_AT=2026-09-01T08:30:00Z",
        "SIGNOTAUR_KEY_ID=17",
        "SIGNOTAUR_KEY_NAME={{name}} $(x) \U0001f511",
        "SIGNOTAUR_OVERLAP_END=2026-06-08T08:30:00Z",
    ]
    shell(script, tmp_path / "facts").deliver(replace(given, expires_at=None))
    assert (tmp_path / "facts").read_text().startswith("SIGNOTAUR_KEY_EXPIRES_AT=\n")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("store 'the key", "command: cannot be split into words: No closing quotation"),
        ("", "command: needs a program and its arguments"),
        (" ", "command: needs a program and its arguments"),
    ],
)
def test_a_command_that_cannot_be_is_a_fault(text: str, fault: str) -> None:
    with pytest.raises(SinkError) as caught:
        CommandSink(text, SinkContext(lambda _: None, PATH))
    assert str(caught.value) == fault


def test_long_commands_that_begin_alike_are_two_destinations() -> None:
    """The journal knows a destination by its name, and gives one that has the key no other."""
    names = {sink("program", "x" * 500, each).name for each in ("a", "b")}
    assert len(names) == 2


# What it says, and how it ends


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("exit 1", "ended with 1."),
        ("exit 255", "ended with 255."),
        ("kill -9 $$", "ended with -9."),
        ("echo one; echo two >&2; exit 3", "ended with 3: one / two."),
        ("seq 1 9; exit 3", "ended with 3: 5 / 6 / 7 / 8 / 9."),
        ("printf '\\033[31m##vso[x]\\n::error::y\\n'; exit 1",
         "ended with 1: \\x1b[31m# #vso[x] / : :error: :y."),
    ],
)  # fmt: skip
def test_the_exit_code_decides_and_the_last_output_is_reported(code: str, what: str) -> None:
    assert told(shell(code)) == what


def test_words_of_a_program_that_succeeds_are_nobodys_business() -> None:
    shell("cat; cat >&2 /proc/self/environ").deliver(delivery(KEY))


WITHHELD = "ended with 3; its output is not shown, because it contains parts of the key."
HIDDEN = {
    "raw": "key",
    "in text": "f'cannot store {key}: denied'",
    "secret part": "key[20:63]",
    "twice": "key + key",
    "base64": "base64.b64encode(key.encode()).decode()",
    "base64 of more": "base64.b64encode(f'user:{key}'.encode()).decode()",
    "base64url": "base64.urlsafe_b64encode(f'{key}\\n'.encode()).decode()",
    "base32": "base64.b32encode(key.encode()).decode()",
    "hex": "key.encode().hex()",
    "HEX": "key.encode().hex().upper()",
    "reversed": "key[::-1]",
    "utf-16": "key.encode('utf-16-le').decode('latin-1')",
    "json": "json.dumps({'key': key})",
}
"""Forms that are replaced in a line, so that the rest of the output can be shown."""

IN_PARTS = {
    "half": "key[15:45]",
    "base64 in lines": "base64.encodebytes(key.encode() * 3).decode()",
    "hex with colons": "key.encode().hex(':')",
    "hex dump": "'\\n'.join(key[i:i+16].encode().hex(' ', 2) for i in range(0, 69, 16))",
    "percent": "''.join(f'%{byte:02X}' for byte in key.encode())",
    "spaced": "' '.join(key)",
    "upper case": "key.upper()",
    "lower case": "key.lower()",
    "coloured": "'\\x1b[1m' + key[:30] + '\\x1b[0m' + key[30:]",
    "lines of 5": "textwrap.fill(key, 5)",
    "lines of 8": "textwrap.fill(key, 8)",
    "lines of 11": "textwrap.fill(key, 11)",
    "lines of 11, numbered": "'\\n'.join(f'{i}: {key[i:i+11]}' for i in range(0, 69, 11))",
    "fold 13": "textwrap.fill(key, 13)",
    "fold 20": "textwrap.fill(key, 20)",
    "fold 40": "textwrap.fill(key, 40)",
    "base64 in lines of 11": "textwrap.fill(base64.b64encode(key.encode()).decode(), 11)",
    "base64 in lines of 20": "textwrap.fill(base64.b64encode(key.encode()).decode(), 20)",
    "hex in lines of 11": "textwrap.fill(key.encode().hex(), 11)",
    "base64 twice": "base64.b64encode(base64.b64encode(key.encode())).decode()",
    "base64 twice, of more": "base64.b64encode(b'k=' + base64.b64encode(f'a:{key}'.encode()))",
    "decimal": "' '.join(str(byte) for byte in key.encode())",
    "list of numbers": "list(key.encode())",
    "octal": "' '.join(f'{byte:03o}' for byte in key.encode())",
    "octal escapes": "''.join(f'\\\\{byte:o}' for byte in key.encode())",
    "hexadecimal escapes": "''.join(f'\\\\x{byte:02x}' for byte in key.encode())",
    "hexadecimal numbers": "[hex(byte) for byte in key.encode()]",
    "JSON escapes": "''.join(f'\\\\u{byte:04x}' for byte in key.encode())",
    "HTML numbers": "''.join(f'&#{byte};' for byte in key.encode())",
    "HTML hexadecimal numbers": "''.join(f'&#x{byte:x};' for byte in key.encode())",
    "rot13": "codecs.encode(key, 'rot13')",
}
"""Forms of which no line, or no line alone, is a whole encoding."""


def failing_after(form: str) -> CommandSink:
    code = "import base64, codecs, json, sys, textwrap; key = sys.stdin.read()"
    return python(f"{code}; print({form}); print('no such vault'); sys.exit(3)")


@pytest.mark.parametrize("form", HIDDEN)
def test_a_whole_encoding_is_hidden_and_the_rest_is_shown(form: str) -> None:
    said = told(failing_after(HIDDEN[form]))
    assert said.startswith("ended with 3: ")
    assert said.endswith("no such vault.")
    plain = re.sub("[^0-9A-Za-z]", "", said)
    assert not any(KEY[start : start + 12] in plain for start in range(20, 57))


@pytest.mark.parametrize("form", IN_PARTS)
def test_output_with_parts_of_the_key_is_not_shown(form: str) -> None:
    """Each line was judged alone, and only by 12 characters in a row.

    Lines of 11 showed 56 of the key's 69 characters, lines of 8 showed 39, octal, decimal,
    base64 twice and rot13 all. Now the output is withheld, so 0 are shown.
    """
    assert told(failing_after(IN_PARTS[form])) == WITHHELD


@pytest.mark.parametrize(
    "line",
    [
        "error: 403 Forbidden (request 8f14e45f-ceea-467f-a0e6-1b2c3d4e5f60)",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "fingerprint 16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
        "  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0",
        "Bearer error=invalid_token, the access token expired at 2026-11-26T10:30:00Z",
        "key 17 was not stored: SIGNOTAUR_API_KEY is read-only",
    ],
)
def test_an_output_without_the_key_is_shown(line: str) -> None:
    assert told(shell('echo "$1"; exit 3', line)).startswith("ended with 3: ")


def test_a_key_at_the_edge_of_the_kept_output_is_not_shown() -> None:
    for kept in (64 * 1024 - 40, 64 * 1024 - 13, 64 * 1024):
        said = told(python(f"print(input() + '-' * {kept}); import sys; sys.exit(1)"))
        assert KEY[-12:] not in said


def test_endless_words_cost_nothing() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert told(sink("yes", "no", seconds=2)).startswith("was stopped: it took too long: ")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 * 1024  # KiB


# Programs that do not end, or not alone


def test_all_programs_of_a_run_share_its_time(tmp_path: Path) -> None:
    access = StoreAccess(PATH, CLOCK, budget=TimeBudget(0.5, "half a second", CLOCK))
    context = SinkContext(lambda _: None, PATH, store_access=access)
    slow = CommandSink("sleep 99", context)
    late = CommandSink(f"touch {tmp_path / 'new'}", context)
    began = time.monotonic()
    assert told(slow) == "was stopped: it took too long."
    assert told(late) == "could not be written: no time is left (half a second)."
    assert time.monotonic() - began < 50
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_never_ends_is_ended_with_its_children(tmp_path: Path) -> None:
    code = 'sleep 99 & echo $! >>"$1"; echo $$ >>"$1"; echo waiting; wait'
    began = time.monotonic()
    said = told(shell(code, tmp_path / "pids", seconds=2))
    assert time.monotonic() - began < 50
    assert said == "was stopped: it took too long: waiting."
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    wait_until(lambda: all(map(ended, pids)))


def test_a_program_that_leaves_children_behind_has_ended(tmp_path: Path) -> None:
    began = time.monotonic()
    shell('sleep 99 & echo $! >"$1"', tmp_path / "pid").deliver(delivery(KEY))
    assert time.monotonic() - began < 50
    wait_until(lambda: ended(int((tmp_path / "pid").read_text())))


@pytest.mark.parametrize("code", ["exec <&-; sleep 0.05", "true", "sleep 0.05"])
def test_a_program_may_leave_the_key_unread(code: str) -> None:
    shell(code).deliver(delivery(KEY))
    assert told(shell(f"{code}; exit 1")) == "ended with 1."


def test_a_program_that_is_missing_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("#!/bin/sh\n")
    for program in ("no-such-program", tmp_path / "missing", tmp_path / "text", tmp_path):
        missing = sink(program, "--flag")
        with pytest.raises(DestinationRefusedError) as caught:
            missing.check()
        assert caught.value.what == (
            f"{missing.name} cannot be used: {program} is not a program on this machine."
        )
        assert caught.value.next == (
            "Install it or give its full path. The action's image contains no other programs: "
            "install the client on the runner, or use the action in the folder cli "
            "(docs/install.md)."
        )
        assert "could not be written" in told_without_check(missing)
    assert sink("sh", environ={}).check() == []  # the system's own PATH
    with pytest.raises(DestinationRefusedError):
        sink("sh", environ={"PATH": str(tmp_path)}).check()


def test_a_program_is_looked_for_where_the_runs_variables_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "store"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sink("store", environ={"PATH": str(tmp_path)}).check() == []
    with pytest.raises(DestinationRefusedError):
        sink("store", environ={}).check()


def told_without_check(failing: CommandSink) -> str:
    with pytest.raises(DeliveryError) as caught:
        failing.deliver(delivery(KEY))
    return caught.value.what


def test_a_signal_while_a_program_starts_is_delivered_once_it_has_started() -> None:
    """It was raised within the start, and the program lived on with nobody to end it."""
    order = []
    before = signal.signal(signal.SIGTERM, lambda *_: order.append("signal"))
    try:
        with process.signals_deferred():
            signal.raise_signal(signal.SIGTERM)
            order.append("started")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert order == ["started", "signal"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_client_ends_the_program(
    shared_server: KeyServer, key_file: Path, tmp_path: Path, number: signal.Signals
) -> None:
    pids, stored = tmp_path / "pids", tmp_path / "stored"
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\nsleep 99 & echo "$! $$" >"$1"\nwait\n')
    program.chmod(0o755)
    emit = ("-e", f"command:{program} {pids} {stored}")
    command: tuple[str | Path, ...] = (
        "rotate-key",
        *shared_server.options,
        "--af",
        key_file,
        *emit,
    )
    env = {"HOME": str(tmp_path), **PATH}
    client = start_client(*command, env=env)
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    client.send_signal(number)
    _, err = client.communicate(timeout=120)
    assert client.returncode == 128 + number, err
    wait_until(lambda: all(ended(int(pid)) for pid in pids.read_text().split()))

    program.write_text('#!/bin/sh\ncat >"$2"\n')
    client = start_client(*command, env=env)
    _, err = client.communicate(timeout=120)
    assert client.returncode == os.EX_OK, err
    assert shared_server.accepts(stored.read_text())
