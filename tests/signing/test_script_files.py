"""PowerShell scripts are read, signed and verified here; osslsigncode is the judge."""

import subprocess
from pathlib import Path

import pytest

from signing.harness import SigningServer, judge
from signing.local import LocalSigner
from signotaur_action.signing import der
from signotaur_action.signing.outcomes import FileStatus, FormatError
from signotaur_action.signing.plan import OnSigned
from signotaur_action.signing.script_files import Script, ScriptFiles
from signotaur_action.signing.signed_message import verified
from signotaur_wire.signing import DigestAlgorithm

TEXT = 'Write-Host "Grüße 😀"\r\n'
MARKER = "# SIG # Begin signature block"
SCRIPTS = {
    "plain.ps1": TEXT.encode(),
    "unix.psm1": b"first\nsecond",
    "mark.psd1": TEXT.encode("utf-8-sig"),
    "WIDE.PS1": TEXT.encode("utf-16"),
    "types.ps1xml": b"<Types/>\r\n",
    "console.psc1": b"<Console/>",
    "definition.cdxml": b"<Definition/>\n\n",
    "class.mof": b"class a {};\r\n",
    "mentions.ps1": f"$begin = '{MARKER}'\r\n".encode(),
    "others.ps1xml": f"{MARKER}\r\n".encode(),
}


@pytest.fixture(scope="module")
def local() -> LocalSigner:
    return LocalSigner()


@pytest.fixture
def trusted(local: LocalSigner, tmp_path: Path) -> Path:
    file = tmp_path / "trusted.pem"
    file.write_bytes(local.pem)
    return file


def scripts(folder: Path) -> list[Path]:
    for name, content in SCRIPTS.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in SCRIPTS]


def fault_of(file: Path, signer: LocalSigner) -> str:
    """Return why our verifier refuses a script; empty if it accepts it."""
    try:
        script = Script.read(file)
        if not script.message:
            return "it is not signed"
        certificates = {each.encoded for each, _ in verified(script.message, script.digest)}
    except (FormatError, der.DerError) as fault:
        return str(fault)
    return "" if certificates == {signer.encoded} else "somebody else signed it"


@pytest.mark.parametrize("algorithm", DigestAlgorithm)
def test_the_digest_is_the_one_of_osslsigncode(
    tools: None,  # noqa: ARG001
    work: Path,
    algorithm: DigestAlgorithm,
) -> None:
    for file in scripts(work):
        out = work / "content.p7"
        out.unlink(missing_ok=True)
        command = ("osslsigncode", "extract-data", "-h", algorithm.lower(), "-in", str(file))
        subprocess.run([*command, "-out", str(out)], check=True, capture_output=True, timeout=60)
        assert ScriptFiles().content(file, algorithm, work) == out.read_bytes()


def test_osslsigncode_accepts_every_kind_of_script(
    tools: None,  # noqa: ARG001
    local: LocalSigner,
    trusted: Path,
    work: Path,
) -> None:
    for file in scripts(work):
        assert local.sign(file).status is FileStatus.SIGNED
        verdict = judge(file, trusted)
        assert verdict.good, verdict.told
        assert fault_of(file, local) == ""
        assert file.read_bytes().startswith(SCRIPTS[file.name])
        assert local.sign(file).status is FileStatus.SKIPPED


@pytest.mark.parametrize("name", ["WIDE.PS1", "plain.ps1", "types.ps1xml"])
def test_a_second_signature(tools: None, work: Path, name: str) -> None:  # noqa: ARG001
    first, second = LocalSigner(name="first"), LocalSigner(name="second")
    trusted = work / "trusted.pem"
    trusted.write_bytes(first.pem + second.pem)
    file = work / name
    file.write_bytes(SCRIPTS[name])
    assert first.sign(file).status is FileStatus.SIGNED
    for add, count in ((OnSigned.APPEND, 2), (OnSigned.APPEND, 3), (OnSigned.REPLACE, 1)):
        assert second.sign(file, add).status is FileStatus.SIGNED
        verdict = judge(file, trusted)
        assert (verdict.good, verdict.signatures) == (True, count), verdict.told
        script = Script.read(file)
        assert len(verified(script.message, script.digest)) == count


def test_scripts_need_no_osslsigncode(signer: SigningServer, work: Path) -> None:
    files = scripts(work)
    empty = work / "bin"
    empty.mkdir()
    done = signer.sign("--label", "production", *files, PATH=str(empty))
    assert done.code == 0, done.err
    assert all(judge(file, signer.trusted).good for file in files)


@pytest.mark.parametrize("name", ["unix.psm1", "class.mof"])
def test_no_changed_byte_is_accepted_that_osslsigncode_rejects(
    tools: None,  # noqa: ARG001
    local: LocalSigner,
    trusted: Path,
    work: Path,
    name: str,
) -> None:
    file = work / name
    file.write_bytes(SCRIPTS[name])
    assert local.sign(file).status is FileStatus.SIGNED
    content = file.read_bytes()
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        file.write_bytes(changed)
        if not fault_of(file, local):
            assert judge(file, trusted).good, at


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\xe9\r\n", "neither UTF-8 nor UTF-16LE"),
        (TEXT.encode("utf-16-be"), "neither UTF-8 nor UTF-16LE"),
        (b"\xff\xfea\0b", "neither UTF-8 nor UTF-16LE"),
        (f"{MARKER}\r\n".encode(), "no signature at its end"),
        (f"a\n{MARKER}\nfurther text\n".encode(), "no signature at its end"),
        (f"a\r\n{MARKER}\r\n# MAA=\r\n# SIG # End signature block\r\nb".encode(), "at its end"),
        (f"a\r\n{MARKER}\r\n# MAA=\r\n# SIG # End signature block\r\n".encode(), ""),
        (f"a\r\n{MARKER}\r\n# MAAA\r\n# SIG # End signature block\r\n".encode(), "has data after"),
        (f"a\r\n{MARKER}\r\n# MAA\r\n# SIG # End signature block\r\n".encode(), "is damaged"),
        (f"a\r\n{MARKER}\r\n# MAMEATF=\r\n# SIG # End signature block\r\n".encode(), "is damaged"),
        (f"a\r\n{MARKER}\r\n# AgA=\r\n# SIG # End signature block\r\n".encode(), "is damaged"),
    ],
)
def test_what_cannot_be_signed_is_refused_and_left_alone(
    local: LocalSigner, work: Path, content: bytes, reason: str
) -> None:
    file = work / "a.ps1"
    file.write_bytes(content)
    result = local.sign(file)
    assert file.read_bytes() == content
    assert result.status is (FileStatus.FAILED if reason else FileStatus.SKIPPED)
    assert reason in result.reason
