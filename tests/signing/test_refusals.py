"""What the server refuses, what files refuse, what the command line gets wrong."""

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from signing import samples
from signing.harness import SigningServer, add_certificate, judge
from signotaur_action.errors import OsslsigncodeMissingError
from signotaur_action.settings import sign as signing_settings
from signotaur_action.settings.layers import Settings
from signotaur_action.signing.osslsigncode import Osslsigncode
from support import mounts
from support.client import run_client
from support.clock import VirtualClock


def test_a_label_that_nobody_has_and_a_certificate_of_others(
    signer: SigningServer, work: Path
) -> None:
    file = samples.tiny_pe(work / "a.exe")
    before = file.read_bytes()
    stranger = signer.server.add_user("stranger")
    their_key = signer.server.add_key(stranger)
    unknown = signer.sign("--label", "nobody", file)
    foreign = signer.sign("--label", "production", file, SIGNOTAUR_API_KEY=their_key)

    for done in (unknown, foreign):
        assert done.code == 1
        assert "has no usable certificate with the label" in done.err
        assert "Nothing was signed" in done.err
    assert file.read_bytes() == before


def test_a_key_that_the_server_does_not_know(signer: SigningServer, work: Path) -> None:
    file = samples.tiny_pe(work / "a.exe")
    wrong = signer.sign("--label", "production", file, SIGNOTAUR_API_KEY="k" * 40)
    assert wrong.code == 2
    assert "the server does not know it" in wrong.err


def test_an_expired_certificate(signer: SigningServer, work: Path) -> None:
    file = samples.tiny_pe(work / "a.exe")
    add_certificate(signer.server, "short", "--expires-in=1s", "--key-type=ec-p256")
    time.sleep(2)  # the second is over then, on the server's clock too
    done = signer.sign("--label", "short", file)
    assert done.code == 13, done.err
    assert "The certificate with the label short expired on 20" in done.err
    assert "Nothing was signed" in done.err
    assert "Next: Add the renewed certificate to the server, or select another one." in done.err
    limit = "--certificate-expiring-within=30d"
    guarded = run_client(
        "guard", *signer.server.options, "--label", "short", limit,
        env={"SIGNOTAUR_API_KEY": signer.key},
    )  # fmt: skip
    assert guarded.code == 13
    assert "The certificate with the label short expired on 20" in guarded.err


def test_a_file_that_cannot_be_written_is_reported_and_the_others_signed(
    signer: SigningServer, work: Path
) -> None:
    good = samples.tiny_pe(work / "good.exe")
    locked = samples.tiny_pe(work / "locked.exe")
    locked.chmod(0o444)
    before = locked.read_bytes()
    done = signer.sign("--label", "production", "--json", locked, good)

    assert done.code == 1
    fates = {Path(each["path"]).name: each for each in done.json["files"]}
    assert fates["good.exe"]["result"] == "signed"
    assert fates["locked.exe"]["reason"] == "it is read-only"
    assert "1 of 2 files could not be signed" in done.err
    assert locked.read_bytes() == before
    assert len(list(work.iterdir())) == 2


def test_a_file_of_another_format_is_refused_before_any_is_signed(
    signer: SigningServer, work: Path
) -> None:
    good = samples.tiny_pe(work / "good.exe")
    text = work / "text.exe"
    text.write_text("not a program")
    before = good.read_bytes()
    done = signer.sign("--label", "production", "--json", text, good)

    assert done.code == 10
    assert f"{text}: its format is not supported" in done.err
    assert done.json["signed"] == 0
    assert good.read_bytes() == before


def test_a_full_disk_and_a_read_only_one(signer: SigningServer, tmp_path: Path) -> None:
    with mounts.small_disk(tmp_path / "full", "24k") as disk:
        file = samples.tiny_pe(disk / "a.exe")
        before = file.read_bytes()
        mounts.fill(disk)
        full = signer.sign("--label", "production", file)
        assert (full.code, file.read_bytes()) == (1, before)
        assert "no space left" in full.err

        (disk / "filler").unlink()
        with mounts.read_only(disk):
            done = signer.sign("--label", "production", file)
            assert (done.code, file.read_bytes()) == (1, before)
            assert "read-only" in done.err
        assert {each.name for each in disk.iterdir()} == {"a.exe"}


def test_mode_owner_and_links_stay(signer: SigningServer, work: Path) -> None:
    file = samples.tiny_pe(work / "a.exe")
    file.chmod(0o754)
    if os.geteuid() == 0:
        os.chown(file, 1234, 2345)
    link = work / "link.exe"
    link.symlink_to(file.name)
    before = file.stat()
    done = signer.sign("--label", "production", "--json", link, file)

    assert done.code == 0, done.err
    assert len(done.json["files"]) == 1  # two names of one file
    after = file.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode, before.st_uid, before.st_gid
    )  # fmt: skip
    assert link.is_symlink()
    assert judge(file, signer.trusted).good


def test_all_problems_are_reported_at_once_and_nothing_is_sent(
    work: Path, signer: SigningServer
) -> None:
    (work / "more.pem").write_text("no certificate")
    done = signer.sign(
        "--fd", "MD5", "--td", "SHA1", "--append", "--replace", "--description-url", "http://ü",
        "--max-degree-of-parallelism", "65", "--fallback-timestamp-server", "http://a",
        "--fail-if-expiring-within", "soon", "--additional-certificates", work / "more.pem",
        "--file-list", work / "none.txt", "missing.exe", "*.none",
        cwd=work,
    )  # fmt: skip

    assert done.code == 10
    for fault in (
        "no certificate is selected; give --label, --thumbprint or --subject",
        "--file-digest: it must be SHA256, SHA384 or SHA512",
        "--timestamp-digest: it must be SHA256, SHA384 or SHA512",
        "--timestamp-digest can only be used with --timestamp-server",
        "--fallback-timestamp-server can only be used with --timestamp-server",
        "--append and --replace cannot be used together",
        "--description-url: it must contain ASCII characters only",
        "--max-degree-of-parallelism: it must be a whole number from 1 to 64",
        "--fail-if-expiring-within: a duration is",
        "more.pem: it contains no certificate in PEM or DER",
        "none.txt cannot be read",
        "missing.exe does not exist",
        "no file matches *.none",
    ):
        assert fault in done.err, fault


@pytest.mark.parametrize(
    ("given", "arguments", "said"),
    [
        ({}, [], "no files are named"),
        ({}, ["!*.dll"], "excludes files, but no files are named"),
        ({}, ["a.exe", "!a.*"], "the !patterns exclude every file"),
        ({"base_directory": "nowhere"}, ["a.exe"], "nowhere is not a folder"),
        ({"thumbprint": "abc"}, ["a.exe"], "40 hex digits"),
        ({"timestamp_server": "ftp://tsa"}, ["a.exe"], "it must be an http or https URL"),
    ],
)
def test_bad_usage(
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(work)
    samples.tiny_pe(work / "a.exe")
    settings = Settings({"label": "production"} | given, {})
    signing_settings.signing_plan(settings)
    signing_settings.timestamp_servers(settings, VirtualClock())
    signing_settings.named_files(settings, arguments)
    assert len(settings.faults) == 1
    assert said in settings.faults[0]


def test_a_program_that_is_missing_or_old(signer: SigningServer, work: Path) -> None:
    file = samples.cabinet(work / "a.cab")
    folder = work / "bin"
    folder.mkdir()
    missing = signer.sign("--label", "production", file, PATH=str(folder))
    assert missing.code == 1
    assert "osslsigncode is not installed" in missing.err
    assert "at least 2.8" in missing.err

    old = folder / "osslsigncode"
    old.write_text("#!/bin/sh\necho 'osslsigncode 2.5, using:'\necho 'attach-signature'\n")
    old.chmod(0o755)
    with pytest.raises(
        OsslsigncodeMissingError, match=r"is 2\.5; osslsigncode 2\.8 or newer is needed"
    ):
        Osslsigncode.find({"PATH": str(folder)})


def test_the_private_key_never_leaves(signer: SigningServer, work: Path) -> None:
    private = work / "private"
    private.mkdir()
    files = (private / "own.pem", private / "own.key")
    _key_pair(*files)
    scalar = _scalar(files[1])
    add_certificate(signer.server, "own", "--cert", str(files[0]), "--key", str(files[1]))
    shutil.rmtree(private)
    file = samples.tiny_pe(work / "a.exe")
    done = signer.sign("--label", "own", "--debug", "--json", file)

    assert done.code == 0, done.err
    for spelling in (scalar.hex(), str(int.from_bytes(scalar))):
        assert spelling not in done.said.lower()
    for each in (*work.rglob("*"), *signer.server.data_dir.parent.rglob("*")):
        if each.is_file():
            assert scalar not in each.read_bytes(), each


def _key_pair(certificate: Path, key: Path) -> None:
    """Make a code-signing certificate of an authority that nobody knows."""
    now = datetime.now(UTC)
    private = ec.generate_private_key(ec.SECP256R1())
    issuer = ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "own")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an unknown root")]))
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .sign(issuer, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _scalar(key: Path) -> bytes:
    private = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return private.private_numbers().private_value.to_bytes(32)
