"""Files that carry a signature, and an osslsigncode that must not read it.

osslsigncode before 2.12 runs code from a crafted signature when it verifies one, 2.12 has other
holes there, and ``attach-signature`` verifies. A job that signs a library of somebody else's with
``--append`` would run their code beside the key that signs.
"""

import shutil
import struct
import subprocess
import zipfile
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from signing import crafted, samples
from signing.authority import Authority, served
from signing.harness import SigningServer, judge
from signing.programs import Program, program_called
from signotaur_action.signing.existing_signatures import Existing, existing_signature
from signotaur_action.signing.osslsigncode import Osslsigncode
from signotaur_action.signing.outcomes import FormatError

NAME = crafted.SIGNATURE_STREAM
ADDED = Path("added.bin")


@pytest.fixture
def old(tmp_path: Path) -> Program:
    return program_called("osslsigncode 2.9", tmp_path / "old")


def unclear_files(folder: Path) -> list[Path]:
    """Make files that may carry a signature, as far as a careful reader can tell."""
    zipped = samples.installer(folder / "zipped.msi")
    zipped.write_bytes(zipped.read_bytes() + b"PK\5\6".ljust(22, b"\0"))
    cabinet = samples.cabinet(folder / "reserved.cab")
    content = bytearray(cabinet.read_bytes())
    content[30] |= 4
    cabinet.write_bytes(content)
    return [
        crafted.with_entry_named(folder / "empty stream.msi", NAME, len(NAME)),
        crafted.with_entry_named(folder / "prefix.msi", NAME[:8], 8),
        zipped,
        cabinet,
    ]


# What the readers find


def test_a_signature_is_found_in_every_format(signer: SigningServer, work: Path) -> None:
    files = samples.one_of_each(work)
    assert {each.name: existing_signature(each) for each in files} == {
        each.name: Existing.NONE for each in files
    }
    assert signer.sign("--label", "production", *files).code == 0
    assert {each.name: existing_signature(each) for each in files} == {
        each.name: Existing.SIGNED for each in files
    }


def test_a_signature_is_found_at_the_end_of_a_long_allocation_table(
    signer: SigningServer, work: Path
) -> None:
    """From 7 MB on, the header of an MSI does not list its whole allocation table."""
    file = samples.installer(work / "large.msi")
    (work / ADDED).write_bytes(bytes(range(256)) * 4096 * 9)
    subprocess.run(["msibuild", file.name, "-a", "Stream", ADDED], cwd=work, check=True, timeout=60)
    assert existing_signature(file) is Existing.NONE
    done = signer.sign("--label", "production", file)
    assert done.code == 0, done.err
    assert existing_signature(file) is Existing.SIGNED
    assert judge(file, signer.trusted).good


def test_what_may_be_a_signature_is_unclear(tools: None, work: Path) -> None:  # noqa: ARG001
    files = unclear_files(work)
    assert {each.name: existing_signature(each) for each in files} == {
        each.name: Existing.UNCLEAR for each in files
    }


@pytest.mark.parametrize(
    ("start", "length", "appended", "reason"),
    [
        (1024, 8, b"\0" * 16, "damaged, or not at its end"),
        (0, 8, b"", "damaged, or not at its end"),
        (512, 0, b"", "damaged, or not at its end"),
        (1024, 8, b"\0" * 8, "no Authenticode signature"),
        (1026, 8, b"\0" * 10, "damaged, or not at its end"),
        (64, 960, b"", "damaged, or not at its end"),
        (1024, 16, struct.pack("<IHH8x", 16, 0x200, 2), "no Authenticode signature"),
        (1024, 24, struct.pack("<IHH16x", 16, 0x200, 2), "exactly one signature"),
    ],
)
def test_a_program_with_a_strange_table_is_refused(
    tmp_path: Path, start: int, length: int, appended: bytes, reason: str
) -> None:
    file = crafted.with_table(tmp_path / "a.exe", start, length, appended)
    with pytest.raises(FormatError, match=reason):
        existing_signature(file)


def test_an_installer_inside_another_is_not_its_signature(
    signer: SigningServer, work: Path
) -> None:
    inner = samples.installer(work / "inner.msi")
    assert signer.sign("--label", "production", inner).code == 0
    outer = samples.installer(work / "outer.msi")
    subprocess.run(
        ["msibuild", outer.name, "-a", "Inner", inner.name], cwd=work, check=True, timeout=60
    )
    assert existing_signature(outer) is Existing.UNCLEAR


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MZ",
        b"MZ".ljust(400, b"\0"),
        b"MZ".ljust(60, b"\0") + struct.pack("<I", 64).ljust(400, b"\0"),
        b"MSCF",
        b"MSCF".ljust(60, b"\1"),
        b"PK\3\4".ljust(60, b"\0"),
        b"\x30\x03\x02\x01\x00",
    ],
)
def test_other_formats_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file.exe"
    file.write_bytes(content)
    with pytest.raises(FormatError):
        existing_signature(file)


@pytest.mark.parametrize("content", [b"", b"\x30\x00", b"\x30\x02\x05\x00", b"MZ", b"\x30\x80"])
def test_invalid_catalogs_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file.cat"
    file.write_bytes(content)
    with pytest.raises(FormatError, match="not a catalog"):
        existing_signature(file)


def test_a_loop_in_a_directory_ends(tools: None, work: Path) -> None:  # noqa: ARG001
    """The allocation table of a hostile MSI leads the directory's sector to itself."""
    file = crafted.with_entry_named(work / "loop.msi", NAME, len(NAME))
    content = bytearray(file.read_bytes())
    (directory,) = struct.unpack_from("<I", content, 48)
    (table,) = struct.unpack_from("<I", content, 76)
    struct.pack_into("<I", content, (table + 1) * 512 + 4 * directory, directory)
    file.write_bytes(content)
    assert existing_signature(file) is Existing.UNCLEAR


def test_the_program_finds_no_signature_where_the_readers_find_none(
    signer: SigningServer, work: Path
) -> None:
    """Signed files with damaged headers, read by both; the readers may only be more careful."""
    files = [each for each in samples.one_of_each(work) if each.suffix != ".cat"]
    assert signer.sign("--label", "production", *files).code == 0
    random = Random(20260202)  # noqa: S311 - the same damage every time
    answers = Counter[str]()
    for number in range(240):
        file = files[number % len(files)]
        content = bytearray(file.read_bytes())
        if file.suffix == ".msi" and number % 2:  # its directory
            start = (struct.unpack_from("<I", content, 48)[0] + 1) * 512
        else:
            start = len(content) - 2000 if file.suffix.startswith(".ps") else 0
        at = random.randrange(start, min(start + 1000, len(content) - 4))
        damage = random.choice([b"\0", b"\4", b"\xff", bytes(4), b"\xff" * 4, b"\5\0", b"\n"])
        content[at : at + len(damage)] = damage
        damaged = work / f"damaged{file.suffix}"
        damaged.write_bytes(content)
        try:
            answer = existing_signature(damaged).value
        except FormatError:
            answer = "refused"
        answers[answer] += 1
        out = work / "out.p7"
        out.unlink(missing_ok=True)
        subprocess.run(
            ["osslsigncode", "extract-signature", "-in", damaged, "-out", out],
            capture_output=True, timeout=30, check=False,
        )  # fmt: skip
        assert answer != "none" or not out.exists(), (number, at, damage)
    assert set(answers) >= {"none", "signed", "unclear"}


# What is done about it


@pytest.mark.parametrize("option", ["--append", "--replace"])
def test_an_old_osslsigncode_gets_no_signed_file(
    signer: SigningServer, work: Path, old: Program, option: str
) -> None:
    """Before, it read the signatures of all of them, with the key in its parent process."""
    files = samples.for_osslsigncode(work)
    assert signer.sign("--label", "production", *files).code == 0
    unsigned = samples.cabinet(work / "unsigned.cab")
    before = {each: each.read_bytes() for each in work.iterdir()}
    refused = signer.sign("--label", "curve", option, "--json", *files, unsigned, PATH=old.path)

    assert refused.code == 10
    for file in files:
        assert (
            f"{file}: it contains a signature, which osslsigncode 2.9 must not read" in refused.err
        )
    assert str(unsigned) not in refused.err
    assert "Install 2.13 or newer" in refused.err
    assert "add --trust-existing-signatures" in refused.err
    assert refused.json["signed"] == 0
    assert {each: each.read_bytes() for each in work.iterdir()} == before
    assert old.calls() == ["--help"]

    trusting = ("--label", "curve", option, "--trust-existing-signatures")
    done = signer.sign(*trusting, *files, unsigned, PATH=old.path)
    assert done.code == 0, done.err
    for file in files:
        verified = judge(file, signer.trusted)
        assert verified.good
        assert verified.signatures == (2 if option == "--append" else 1)


def test_a_crafted_signature_never_reaches_an_old_osslsigncode(
    signer: SigningServer, work: Path, old: Program
) -> None:
    """A digest of 8192 bytes, for which osslsigncode before 2.12 has 64.

    Before, that program was killed by its overflow check ("buffer overflow detected"; without that
    check it would have run on). Now no program reads PE files.
    """
    evil = crafted.with_long_digest(work / "evil.dll", signer.encoded("production"), 8192)
    before = evil.read_bytes()
    refused = signer.sign("--label", "curve", "--append", evil, PATH=old.path)

    assert refused.code == 1
    assert "an impossible digest of 8192 bytes" in refused.err
    assert evil.read_bytes() == before
    assert old.calls() == []


@pytest.mark.parametrize("option", ["--append", "--replace"])
def test_an_impossible_digest_never_reaches_any_osslsigncode(
    signer: SigningServer, work: Path, old: Program, option: str
) -> None:
    """Not even one that is trusted. A stream below 4096 bytes is stored in another way."""
    messages = [crafted.message_with_digest(signer.encoded("production"), n) for n in (65, 8192)]
    assert len(messages[0]) < 4096 < len(messages[1])
    files = []
    for message in messages:
        cabinet = samples.cabinet(work / f"{len(message)}.cab")
        assert signer.sign("--label", "production", cabinet).code == 0
        files += [
            crafted.cabinet_with_end(cabinet, message),
            crafted.installer_with_stream(work / f"{len(message)}.msi", message),
        ]
    before = {file: file.read_bytes() for file in files}
    assert {existing_signature(file) for file in files} == {Existing.SIGNED}
    refused = signer.sign(
        "--label", "curve", option, "--trust-existing-signatures", *files, PATH=old.path
    )
    assert refused.code == 10
    assert refused.err.count("an impossible digest of 65 bytes") == 2
    assert refused.err.count("an impossible digest of 8192 bytes") == 2
    assert {file: file.read_bytes() for file in files} == before
    assert old.calls() == ["--help"]


def test_signatures_that_osslsigncode_wrote_are_possible(
    signer: SigningServer, authority: Authority, work: Path
) -> None:
    """Several of them, with timestamps."""
    files = samples.for_osslsigncode(work)
    add = ("--append", "--trust-existing-signatures")
    with served(authority.answer) as (url, _):
        for label in ("production", "curve", "production", "curve"):
            done = signer.sign("--label", label, "--tr", url, *add, *files)
            assert done.code == 0, done.err
    for file in files:
        verdict = judge(file, signer.trusted, "-TSA-CAfile", authority.certificate)
        assert "Number of verified signatures: 4\n" in verdict.told, verdict.told


def test_files_that_are_skipped_never_reach_an_old_osslsigncode(
    signer: SigningServer, work: Path, old: Program
) -> None:
    installer, fresh = samples.installer(work / "a.msi"), samples.cabinet(work / "fresh.cab")
    assert signer.sign("--label", "production", installer).code == 0
    done = signer.sign("--label", "production", "--json", installer, fresh, PATH=old.path)

    assert done.code == 0, done.err
    assert (done.json["signed"], done.json["skipped"]) == (1, 1)
    assert not [each for each in old.calls() if "a.msi" in each]


@pytest.mark.parametrize("option", [(), ("--append",), ("--replace",)])
def test_an_old_osslsigncode_gets_no_file_that_may_be_signed(
    signer: SigningServer, work: Path, old: Program, option: tuple[str, ...]
) -> None:
    files = unclear_files(work)
    before = {each: each.read_bytes() for each in files}
    refused = signer.sign("--label", "curve", *option, *files, PATH=old.path)

    assert refused.code == 10
    for file in files:
        assert f"{file}: it may contain a signature" in refused.err
    assert {each: each.read_bytes() for each in files} == before
    assert old.calls() == ["--help"]


def test_a_new_osslsigncode_decides_about_files_that_may_be_signed(
    signer: SigningServer, work: Path, tmp_path: Path
) -> None:
    new = program_called("osslsigncode 2.13", tmp_path / "new")
    files = [each for each in unclear_files(work) if each.name == "prefix.msi"]
    done = signer.sign("--label", "production", *files, PATH=new.path)
    assert done.code == 0, done.err
    assert len(new.calls("extract-signature")) == 2 * len(files)


@pytest.mark.parametrize(
    ("heading", "is_safe"),
    [
        ("osslsigncode 2.8", False),
        ("osslsigncode 2.12", False),
        ("osslsigncode 2.13-dev", False),
        ("osslsigncode custom build", False),
        ("osslsigncode 2.13", True),
        ("osslsigncode 2.13.1", True),
        ("osslsigncode 2.14", True),
        ("osslsigncode 3.0", True),
    ],
)
def test_the_version_decides(
    tools: None,  # noqa: ARG001
    tmp_path: Path,
    heading: str,
    is_safe: bool,  # noqa: FBT001
) -> None:
    program = program_called(heading, tmp_path / "program")
    found = Osslsigncode.find({"PATH": program.path})
    assert found.reads_signatures_safely is is_safe
    assert program.calls() == ["--help"]


def test_a_new_osslsigncode_gets_signed_files(
    signer: SigningServer, work: Path, tmp_path: Path
) -> None:
    file = samples.cabinet(work / "a.cab")
    assert signer.sign("--label", "production", file).code == 0
    new = program_called("osslsigncode 2.13", tmp_path / "new")
    done = signer.sign("--label", "curve", "--append", file, PATH=new.path)
    assert done.code == 0, done.err
    assert new.calls("extract-signature")
    assert judge(file, signer.trusted).signatures == 2


def test_osslsigncode_2_14_attaches_without_certificates_to_trust(
    signer: SigningServer, work: Path, tmp_path: Path
) -> None:
    """Before, every file failed there: `attach-signature` has no -CAfile any more."""
    as_2_14 = """
    if [ "$1" = --help ]; then
        '{program}' --help | sed -e '1s/.*/{heading}, using:/' \\
            -e '/^ attach-signature/,/^$/{{/CAfile/d}}'
        exit
    fi
    case "$*" in attach-signature*-CAfile*) exit 255 ;; esac"""
    new = program_called("osslsigncode 2.14", tmp_path / "new", as_2_14)
    file = samples.cabinet(work / "a.cab")
    for label, option in (("production", ()), ("curve", ("--append",))):
        done = signer.sign("--label", label, *option, file, PATH=new.path)
        assert done.code == 0, done.err
    assert judge(file, signer.trusted).signatures == 2
    assert len(new.calls("attach-signature")) == 2


def test_a_signed_catalog_needs_no_new_osslsigncode(
    signer: SigningServer, work: Path, old: Program
) -> None:
    """Catalogs are read and written here; osslsigncode gets none."""
    file = samples.catalogue(work / "a.cat")
    assert signer.sign("--label", "production", file).code == 0
    done = signer.sign("--label", "curve", "--replace", file, PATH=old.path)
    assert done.code == 0, done.err
    assert old.calls() == []


@pytest.mark.parametrize("ending", ["appx", "APPXBUNDLE", "msix", "msixbundle", "js", "vbs", "wsf"])
def test_formats_that_are_not_supported_are_refused_by_name(
    signer: SigningServer, work: Path, ending: str
) -> None:
    """Before, the reason given for an APPX was "Warning: Ignore -h option ..."."""
    file = work / f"package.{ending}"
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("AppxBlockMap.xml", "<BlockMap/>")
    good = samples.tiny_pe(work / "good.exe")
    before = good.read_bytes()
    done = signer.sign("--label", "production", file, good, SIGNOTAUR_API_KEY="k" * 40)

    assert done.code == 10
    assert f"{file}: .{ending.lower()} files are not supported" in done.err
    assert "PE, MSI, CAB, CAT and PowerShell" in done.err
    assert "Nothing was sent to the server" in done.err
    assert good.read_bytes() == before


def test_a_package_by_any_other_name_never_reaches_osslsigncode(
    signer: SigningServer, work: Path, old: Program
) -> None:
    """Before 2.13 its code for APPX has holes, and it looks at the content alone, not the name."""
    file = work / "package.exe"
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("AppxBlockMap.xml", "<BlockMap/>")
    shutil.copy(file, work / "package.cab")
    done = signer.sign("--label", "production", "package.*", cwd=work, PATH=old.path)

    assert done.code == 10
    assert done.err.count("its format is not supported") == 2
    assert old.calls() == []
