"""What osslsigncode may use, and what becomes of a file when it is ended."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from signing import samples
from signing.harness import SigningServer, judge
from signing.programs import program_called

MIB = 1 << 20


def can_cut_off() -> bool:
    """Whether a user like this one may make a network namespace."""
    if not Path("/usr/bin/unshare").exists():
        return False
    tries = (["unshare", kind, "true"] for kind in ("-n", "-rn"))
    return any(
        subprocess.run(each, capture_output=True, timeout=60, check=False).returncode == 0
        for each in tries
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the limits of a process")
def test_its_limits_follow_the_size_of_the_file(
    signer: SigningServer, work: Path, tmp_path: Path
) -> None:
    """Before, a crafted file could make it use all memory, all of a disk, and dump its memory."""
    folder = tmp_path / "program"
    program = program_called(
        "osslsigncode 2.9", folder, f"cat /proc/$$/limits > '{folder}/limits-'$1"
    )
    file = samples.cabinet(work / "a.cab", bytes(MIB))
    size = file.stat().st_size
    done = signer.sign("--label", "production", file, PATH=program.path)
    assert done.code == 0, done.err

    table = (folder / "limits-attach-signature").read_text()
    limits = dict(re.findall(r"^(Max .+?)  +\S+ +(\S+)", table, re.MULTILINE))
    assert limits["Max cpu time"] == "120"
    assert limits["Max core file size"] == "0"
    assert limits["Max open files"] == "32"
    # The units are those of the shell's ulimit.
    assert 0 <= 256 * MIB + 6 * size - int(limits["Max address space"]) < 1024
    assert 0 <= 16 * MIB + 2 * size - int(limits["Max file size"]) < 512


@pytest.mark.skipif(not can_cut_off(), reason="this user may make no network namespace")
def test_it_has_no_network(signer: SigningServer, work: Path, tmp_path: Path) -> None:
    folder = tmp_path / "program"
    program = program_called(
        "osslsigncode 2.9", folder, f"cat /proc/net/dev > '{folder}/interfaces-'$1"
    )
    done = signer.sign("--label", "production", samples.cabinet(work / "a.cab"), PATH=program.path)
    assert done.code == 0, done.err
    for command in ("extract-data", "attach-signature", "extract-signature"):
        shown = (folder / f"interfaces-{command}").read_text()
        assert re.findall(r"(?m)^ *(\S+):", shown) == ["lo"], command


def test_large_files_are_signed_within_the_limits(signer: SigningServer, work: Path) -> None:
    program = samples.tiny_pe(work / "large.exe")
    with program.open("ab") as stream:
        for _ in range(200):
            stream.write(bytes(range(256)) * 4096)
    script = work / "large.ps1"
    script.write_bytes(b"Write-Host 1\r\n" * 600_000)
    done = signer.sign("--label", "production", program, script)
    assert done.code == 0, done.err
    assert judge(program, signer.trusted).good
    assert judge(script, signer.trusted).good


def test_a_file_fails_whose_program_is_killed(
    signer: SigningServer, work: Path, tmp_path: Path
) -> None:
    """Before, a copy that was written when a memory error ended the program counted as signed."""
    killed = "if [ $1 = attach-signature ]; then '{program}' \"$@\"; kill -ABRT $$; fi"
    program = program_called("osslsigncode 2.9", tmp_path / "program", killed)
    file = samples.cabinet(work / "a.cab")
    before = file.read_bytes()
    done = signer.sign("--label", "production", file, PATH=program.path)

    assert done.code == 1
    assert "osslsigncode was stopped: Aborted" in done.err
    assert file.read_bytes() == before
    assert list(work.iterdir()) == [file]
