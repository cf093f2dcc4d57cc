"""The examples of the manual for `verify` and `timestamp`, run as they are."""

import os
import subprocess
import sys
from pathlib import Path

from docs.pages import block
from signing import samples
from signing.authority import Authority, served
from signing.local import LocalSigner
from signotaur_action.signing.outcomes import FileStatus
from signotaur_action.signing.pe_files import PeFiles
from signotaur_action.signing.signed_message import SignedMessage

FIRST, SECOND = "http://timestamp.example.com/tsa", "http://timestamp2.example.com/tsa"


def shell(script: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run an example as a reader would."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=home, env={"PATH": path, "HOME": str(home)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def signed(file: Path, signer: LocalSigner) -> Path:
    assert signer.sign(file).status is FileStatus.SIGNED
    return file


def test_the_example_of_verify(tmp_path: Path) -> None:
    signer, stranger = LocalSigner(), LocalSigner(name="stranger")
    for folder in (".signotaur", "dist"):
        (tmp_path / folder).mkdir()
    (tmp_path / ".signotaur" / "signers.pem").write_bytes(signer.pem)
    file = signed(samples.launcher(tmp_path / "dist" / "a.exe"), signer)
    samples.tiny_pe(tmp_path / "dist" / "a.test.exe")
    example = block("signotaur-action verify ")

    done = shell(example, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 file verified" in done.stderr
    signed(samples.launcher(file), stranger)
    assert shell(example, tmp_path).returncode == 1


def test_the_example_of_timestamp(authority: Authority, tmp_path: Path) -> None:
    signer = LocalSigner()
    for folder in ("dist", "scripts"):
        (tmp_path / folder).mkdir()
    file = signed(samples.launcher(tmp_path / "dist" / "a.exe"), signer)
    script = signed(samples.script(tmp_path / "scripts" / "a.ps1"), signer)
    before = script.read_bytes()
    with served(authority.answer) as (url, asked):
        example = block("signotaur-action timestamp ")
        done = shell(example.replace(FIRST, "http://127.0.0.1:9/").replace(SECOND, url), tmp_path)

    assert done.returncode == 0, done.stderr
    assert len(asked) == 2
    assert SignedMessage.read(PeFiles().signature(file, tmp_path)).timestamps
    assert script.read_bytes() != before
