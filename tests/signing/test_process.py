"""The run as a process: on a terminal, interrupted, and without the extra."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from signing import samples
from signing.harness import SigningServer, judge
from support.client import BARE, CLIENT, start_client

WITHOUT_EXTRA = (
    "import sys; sys.modules[sys.argv[1]] = None; "
    "from signotaur_action import cli; sys.exit(cli.main(['sign', '--label', 'a', 'b.exe']))"
)
EXTRA = ("asn1crypto", "cryptography")
OTHER_COMMANDS = "rotate_key", "confirm_rotation", "guard", "set_key"


def test_a_terminal_shows_progress_in_one_line(signer: SigningServer, work: Path) -> None:
    for name in "ab":
        samples.tiny_pe(work / f"{name}.exe", name.encode())
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*CLIENT, "sign", *signer.server.options, "--label", "production", "-b", work, "*.exe"],
        env=BARE | {"SIGNOTAUR_API_KEY": signer.key}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=theirs, timeout=300, check=False,
    )  # fmt: skip
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)

    assert done.returncode == 0, shown
    assert "\r\x1b[K1 of 2  " in shown
    assert "\r\x1b[K2 of 2  " in shown
    assert "signed: " not in shown
    assert "\r\x1b[K2 files signed in" in shown


def test_a_stopped_run_leaves_files_signed_or_untouched(signer: SigningServer, work: Path) -> None:
    before = {}
    for number in range(150):
        file = samples.tiny_pe(work / f"{number}.exe", b"%d" % number)
        before[file] = file.read_bytes()
    process = start_client(
        "sign", *signer.server.options, "--label", "production", "*.exe",
        env={"SIGNOTAUR_API_KEY": signer.key}, cwd=work,
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline().startswith("signed: ")
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    _, told = process.communicate(timeout=300)

    assert process.returncode == 143
    assert time.monotonic() - began < 60
    assert "terminated (SIGTERM)" in told
    assert "Every file is either fully signed or unchanged" in told
    assert sorted(work.iterdir()) == sorted(before)  # no folder of ours is left
    changed = [file for file in before if file.read_bytes() != before[file]]
    assert 0 < len(changed) < len(before)
    for file in changed[:10]:
        assert judge(file, signer.trusted).good


@pytest.mark.parametrize("library", EXTRA)
def test_without_the_extra_it_says_what_to_install(tmp_path: Path, library: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", WITHOUT_EXTRA, library],
        env=BARE, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 10
    assert f"this command needs {library}" in done.stderr
    assert "Install signotaur-action[sign]" in done.stderr


@pytest.mark.parametrize("command", OTHER_COMMANDS)
def test_the_other_commands_load_no_part_of_the_extra(command: str) -> None:
    """They run without it, and start faster."""
    code = f"import sys, signotaur_action.commands.{command}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        env=BARE, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert not set(EXTRA) & set(done.stdout.split())
