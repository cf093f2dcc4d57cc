"""PE files are read, signed and verified here; osslsigncode, sbverify and OpenSSL are judges."""

import io
import os
import struct
import subprocess
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from signing import crafted, samples
from signing.harness import SigningServer, judge
from signing.local import LocalSigner
from signotaur_action.signing import der
from signotaur_action.signing.outcomes import FileStatus, FormatError
from signotaur_action.signing.pe_files import PeFiles
from signotaur_action.signing.pe_image import PeImage
from signotaur_action.signing.plan import OnSigned
from signotaur_action.signing.signed_message import SignedMessage, verified
from signotaur_wire.signing import DigestAlgorithm

MUTANTS = 400 * int(os.environ.get("SIGNOTAUR_FAULT_FACTOR", "1"))
CHECKSUM = range(0x40 + 88, 0x40 + 92)
ENTRY = range(0x40 + 168, 0x40 + 176)
"""Where the programs of ``samples.tiny_pe`` have what no digest covers."""


@pytest.fixture(scope="module")
def local() -> LocalSigner:
    return LocalSigner()


@pytest.fixture
def trusted(local: LocalSigner, tmp_path: Path) -> Path:
    file = tmp_path / "trusted.pem"
    file.write_bytes(local.pem)
    return file


def programs(folder: Path) -> list[Path]:
    """Make programs of every kind: two word sizes, other machines, odd lengths, added data."""
    odd = samples.tiny_pe(folder / "odd.exe")
    odd.write_bytes(odd.read_bytes() + b"an installer's archive")
    named = [samples.launcher(folder / f"{kind}.exe", kind) for kind in ("cli-32", "gui-arm64")]
    return [*named, samples.launcher(folder / "cli.exe"), samples.tiny_pe(folder / "t.dll"), odd]


def fault_of(content: bytes, signer: LocalSigner) -> str:
    """Return why our verifier refuses a program; empty if it accepts it."""
    try:
        image = PeImage.read(io.BytesIO(content))
        message = image.message()
        if not message:
            return "it is not signed"
        certificates = {each.encoded for each, _ in verified(message, image.digest)}
    except (FormatError, der.DerError) as fault:
        return str(fault)
    return "" if certificates == {signer.encoded} else "somebody else signed it"


# Judged by others


@pytest.mark.parametrize("algorithm", DigestAlgorithm)
def test_the_digest_is_the_one_of_osslsigncode(
    tools: None,  # noqa: ARG001
    tmp_path: Path,
    algorithm: DigestAlgorithm,
) -> None:
    for file in programs(tmp_path):
        out = tmp_path / f"{file.name}.p7"
        command = ("osslsigncode", "extract-data", "-h", algorithm.lower(), "-in", str(file))
        subprocess.run([*command, "-out", str(out)], check=True, capture_output=True, timeout=60)
        assert PeFiles().content(file, algorithm, tmp_path) == out.read_bytes()


@pytest.mark.parametrize("private", ["rsa", "ec"])
def test_osslsigncode_and_sbverify_accept_every_kind_of_program(
    tools: None,  # noqa: ARG001
    tmp_path: Path,
    private: str,
) -> None:
    key = (
        rsa.generate_private_key(65537, 2048)
        if private == "rsa"
        else ec.generate_private_key(ec.SECP384R1())
    )
    local = LocalSigner(key)
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(local.pem)
    for file in programs(tmp_path):
        unsigned = file.read_bytes()
        assert local.sign(file).status is FileStatus.SIGNED
        verdict = judge(file, trusted)
        assert verdict.good, verdict.told
        assert "MISMATCH" not in verdict.told  # the checksum too
        subprocess.run(
            ["sbverify", "--cert", trusted, file], check=True, capture_output=True, timeout=60
        )
        assert fault_of(file.read_bytes(), local) == ""
        assert file.read_bytes()[512 : len(unsigned)] == unsigned[512:]


def test_openssl_verifies_the_signature_of_the_attributes(local: LocalSigner, work: Path) -> None:
    file = samples.launcher(work / "a.exe")
    assert local.sign(file).status is FileStatus.SIGNED
    signed = SignedMessage.read(PeFiles().signature(file, work))
    attributes = der.set_of(*der.children(signed.signer[3], der.tag(0)))
    for name, content in {
        "certificate.pem": local.pem, "signature": signed.signature, "signed": attributes,
    }.items():  # fmt: skip
        (work / name).write_bytes(content)
    key = _openssl(work, "x509", "-in", "certificate.pem", "-pubkey", "-noout")
    (work / "key.pem").write_bytes(key)
    verify = ("dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "signed")
    assert b"Verified OK" in _openssl(work, *verify)


def _openssl(folder: Path, *arguments: str) -> bytes:
    command = ["openssl", *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return done.stdout


@pytest.mark.parametrize("add", [OnSigned.APPEND, OnSigned.REPLACE])
def test_a_second_signature(tools: None, work: Path, add: OnSigned) -> None:  # noqa: ARG001
    first, second = LocalSigner(name="first"), LocalSigner(name="second")
    trusted = work / "trusted.pem"
    trusted.write_bytes(first.pem + second.pem)
    file = samples.launcher(work / "a.exe")
    assert first.sign(file).status is FileStatus.SIGNED
    assert second.sign(file).status is FileStatus.SKIPPED
    for count in (2, 3) if add is OnSigned.APPEND else (1, 1):
        assert second.sign(file, add).status is FileStatus.SIGNED
        verdict = judge(file, trusted)
        assert (verdict.good, verdict.signatures) == (True, count), verdict.told
        message = PeFiles().signature(file, work)
        with file.open("rb") as stream:
            assert len(verified(message, PeImage.read(stream).digest)) == count


def test_programs_need_no_osslsigncode(signer: SigningServer, work: Path) -> None:
    """And so no process for each file."""
    file = samples.launcher(work / "a.exe")
    empty = work / "bin"
    empty.mkdir()
    done = signer.sign("--label", "production", file, PATH=str(empty))
    assert done.code == 0, done.err
    again = signer.sign("--label", "curve", "--append", file, PATH=str(empty))
    assert again.code == 0, again.err
    verdict = judge(file, signer.trusted)
    assert (verdict.good, verdict.signatures) == (True, 2)


# What our verifier refuses


def test_no_changed_byte_is_accepted_that_osslsigncode_rejects(
    tools: None,  # noqa: ARG001
    local: LocalSigner,
    trusted: Path,
    tmp_path: Path,
) -> None:
    """Only the header's checksum may change: Authenticode covers it nowhere.

    It leaves out the table's entry, header and padding as well, but those have one right value.
    """
    file = samples.tiny_pe(tmp_path / "a.exe")
    assert local.sign(file).status is FileStatus.SIGNED
    content = file.read_bytes()
    accepted = set()
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        if not fault_of(bytes(changed), local):
            accepted.add(at)
            file.write_bytes(changed)
            assert judge(file, trusted).good, at
    assert accepted == set(CHECKSUM)


@pytest.mark.parametrize(
    ("padding", "reason"),
    [
        (b"\0" * 8, "exactly one signature"),
        (b"data that nobody signed ".ljust(32), "exactly one signature"),
    ],
)
def test_data_behind_the_signature_is_refused(
    local: LocalSigner, work: Path, padding: bytes, reason: str
) -> None:
    file = samples.tiny_pe(work / "a.exe")
    assert local.sign(file).status is FileStatus.SIGNED
    content = bytearray(file.read_bytes() + padding)
    (length,) = struct.unpack_from("<I", content, ENTRY.start + 4)
    struct.pack_into("<I", content, ENTRY.start + 4, length + len(padding))
    assert reason in fault_of(bytes(content), local)
    struct.pack_into("<I", content, len(file.read_bytes()) - length, length + len(padding))
    if any(padding):
        assert "no signature covers" in fault_of(bytes(content), local)


def test_a_section_that_reaches_into_the_signature_is_refused(
    local: LocalSigner, work: Path
) -> None:
    """Its bytes would run, and no digest covers them."""
    file = samples.tiny_pe(work / "a.exe")
    content = bytearray(file.read_bytes())
    struct.pack_into("<I", content, 0x40 + 24 + 240 + 16, 1024)
    file.write_bytes(content)
    result = local.sign(file)
    assert (result.status, file.read_bytes()) == (FileStatus.FAILED, bytes(content))
    assert "a section extends past the end of the file's content" in result.reason


def test_a_digest_of_impossible_length_is_refused(local: LocalSigner, work: Path) -> None:
    """The file for which osslsigncode before 2.12 overwrites its stack."""
    evil = crafted.with_long_digest(work / "evil.dll", LocalSigner(
        rsa.generate_private_key(65537, 2048)).encoded, 8192)  # fmt: skip
    before = evil.read_bytes()
    result = local.sign(evil, OnSigned.APPEND)
    assert (result.status, evil.read_bytes()) == (FileStatus.FAILED, before)
    assert "an impossible digest of 8192 bytes" in result.reason
    assert local.sign(evil, OnSigned.REPLACE).status is FileStatus.SIGNED
    assert fault_of(evil.read_bytes(), local) == ""


# Hostile files


def mutant(content: bytes, random: Random) -> bytes:
    """Return a program with damage of some kind, mostly in what this package reads of it."""
    changed = bytearray(content)
    for _ in range(random.choice([1, 1, 2, 5])):
        at = random.choice([random.randrange(60, 0x180), random.randrange(len(changed) - 4)])
        if len(content) > 1024 and random.random() < 0.3:
            at = random.randrange(1024, len(changed) - 4)
        match random.randrange(5):
            case 0:
                changed[at] ^= 1 << random.randrange(8)
            case 1:
                changed[at] = random.choice([0, 1, 0x30, 0x7F, 0x80, 0x84, 0xFF])
            case 2:
                number = random.choice([0, 1, 8, len(changed), 1 << 31, (1 << 32) - 1])
                struct.pack_into("<I", changed, at, number)
            case 3:
                del changed[at : at + random.choice([1, 4, 64])]
                changed += bytes(max(0, 600 - len(changed)))
            case _:
                changed += random.randbytes(random.randrange(1, 20))
    return bytes(changed)


def test_a_mutant_is_signed_rightly_or_refused_and_left_alone(
    tools: None,  # noqa: ARG001
    local: LocalSigner,
    trusted: Path,
    work: Path,
) -> None:
    """SIGNOTAUR_FAULT_FACTOR=25 makes 10,000 of them."""
    unsigned = samples.tiny_pe(work / "unsigned.exe").read_bytes()
    signed_file = samples.tiny_pe(work / "signed.exe")
    assert local.sign(signed_file).status is FileStatus.SIGNED
    sources = (unsigned, signed_file.read_bytes())
    random = Random(20261126)  # noqa: S311 - repeatable
    outcomes = Counter[FileStatus]()
    file = work / "mutant.exe"
    for number in range(MUTANTS):
        content = mutant(sources[number % 2], random)
        file.write_bytes(content)
        result = local.sign(file, random.choice(list(OnSigned)))
        outcomes[result.status] += 1
        if result.status is not FileStatus.SIGNED:
            assert file.read_bytes() == content
            assert result.reason
            continue
        verdict = judge(file, trusted)
        ours = fault_of(file.read_bytes(), local)
        assert verdict.good or ours, (number, verdict.told)
        assert number % 2 or not ours, (number, ours)  # nothing but this signature is in it
    assert set(outcomes) == {FileStatus.SIGNED, FileStatus.SKIPPED, FileStatus.FAILED}
    assert len(list(work.iterdir())) == 3
