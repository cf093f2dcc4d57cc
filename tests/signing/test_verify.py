"""``verify``: what signers made, judged as others judge it, and what is not to be trusted."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from cryptography.x509 import DirectoryName, NameConstraints, ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing import samples
from signing.authority import Authority, served
from signing.harness import SigningServer, judge
from signing.local import LocalSigner
from signing.verdicts import MUTANTS, TWO_MONTHS, signed_with_timestamp
from signotaur_action.model import DigestToSign
from signotaur_action.signing import der
from signotaur_action.signing.certificate import SigningCertificate
from signotaur_action.signing.cms import TIMESTAMP, Unsigned
from signotaur_action.signing.file_check import FileCheck
from signotaur_action.signing.formats import SupportedFormats
from signotaur_action.signing.indirect_data import SCRIPT, unsigned_message
from signotaur_action.signing.outcomes import FileResult, FileStatus, FormatError
from signotaur_action.signing.pe_files import PeFiles
from signotaur_action.signing.pe_image import PeImage
from signotaur_action.signing.plan import Description, OnSigned
from signotaur_action.signing.signed_message import TIMESTAMP_INFO, SignedMessage
from signotaur_action.signing.timestamps import verified_timestamp
from signotaur_action.signing.trust import Trust, Usage
from signotaur_action.signing.verification import FileVerifier
from signotaur_wire.signing import DigestAlgorithm
from support.client import Finished, run_client
from support.clock import VirtualClock
from support.in_process import run_here

LIFETIME_SIGNING = ObjectIdentifier("1.3.6.1.4.1.311.10.3.13")
CODE, SERVER = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH
CHECKSUM = range(0x40 + 88, 0x40 + 92)


@pytest.fixture(scope="module")
def local() -> LocalSigner:
    return LocalSigner()


@pytest.fixture(scope="module")
def root() -> LocalSigner:
    return LocalSigner(name="root", usages=(), is_authority=True)


def verify(*arguments: str | Path, trusted: Path | None = None, **env: str) -> Finished:
    given = () if trusted is None else ("--ca-file", trusted)
    return run_client("verify", *given, *arguments, env=env)


def verdict(
    file: Path, *roots: bytes, after: float = 0, strict: bool = False, ignore: bool = False
) -> FileResult:
    """Verify a file that needs no program, some seconds from now."""
    clock = VirtualClock()
    clock.sleep(after)
    check = FileCheck(OnSigned.REPLACE, "", reads_signatures=False)
    trust = Trust.of(roots, accepts_any_root=ignore)
    formats = SupportedFormats(None)
    return FileVerifier(trust, formats, check, clock, strict_lifetime=strict).verify(file)


# What signers made


def test_what_sign_made_is_verified_as_others_verify_it(
    signer: SigningServer, authority: Authority, work: Path
) -> None:
    files = samples.one_of_each(work)
    with served(authority.answer) as (url, _):
        assert signer.sign("--label", "production", "--tr", url, *files).code == 0
    trusted = work / "trusted.pem"
    trusted.write_bytes(signer.trusted.read_bytes() + authority.certificate.read_bytes())
    done = verify("--json", "--trust-existing-signatures", *files, trusted=trusted)

    assert done.code == 0, done.err
    assert (done.json["verified"], done.json["failed"]) == (len(files), 0)
    assert done.json["files"][0]["reason"].startswith("CN=production, timestamp 20")
    assert "Revocation: not checked" in done.err
    for file in files:
        assert judge(file, signer.trusted, "-TSA-CAfile", authority.certificate).good, file
    subprocess.run(
        ["sbverify", "--cert", signer.trusted, files[0]],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def test_an_installer_as_signtool_signs_it(
    tools: None,  # noqa: ARG001
    authority: Authority,
    local: LocalSigner,
    work: Path,
) -> None:
    """Its signature covers the names and dates of its streams too."""
    unsigned, file = samples.installer(work / "unsigned.msi"), work / "a.msi"
    trusted, key = work / "trusted.pem", work / "key.pem"
    trusted.write_bytes(local.pem + authority.certificate.read_bytes())
    key.write_bytes(local.private_pem)
    subprocess.run(
        ["osslsigncode", "sign", "-certs", trusted, "-key", key, "-h", "sha256", "-add-msi-dse",
         "-in", unsigned, "-out", file],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert verify("--trust-existing-signatures", file, trusted=trusted).code == 0
    with served(authority.answer) as (url, _):
        stamping = ("timestamp", "--tr", url, "--trust-existing-signatures", file)
        assert run_client(*stamping).code == 0
    done = verify("--trust-existing-signatures", file, trusted=trusted)
    assert done.code == 0, done.err
    assert "timestamp 20" in done.err
    others = judge(file, trusted, "-TSA-CAfile", authority.certificate)
    assert others.good
    assert "Calculated MsiDigitalSignatureEx" in others.told
    assert "MISMATCH" not in others.told


def test_an_old_osslsigncode_gets_no_signed_file(signer: SigningServer, work: Path) -> None:
    files = samples.for_osslsigncode(work)
    assert signer.sign("--label", "production", *files).code == 0
    done = verify("--json", *files, trusted=signer.trusted)
    assert done.code == 1
    assert {each["result"] for each in done.json["files"]} == {"failed"}
    assert done.err.count("it contains a signature, which osslsigncode 2.") == 4


def test_a_changed_installer_and_cabinet(signer: SigningServer, work: Path) -> None:
    installer, cabinet = samples.for_osslsigncode(work)
    assert signer.sign("--label", "production", installer, cabinet).code == 0
    for file, marker in ((installer, b"K\0V\0"), (cabinet, samples.MARKER[:20])):
        content = file.read_bytes()
        at = content.find(marker) if marker in content else len(content) // 2
        changed = bytearray(content)
        changed[at] ^= 1
        file.write_bytes(changed)
        done = verify("--trust-existing-signatures", file, trusted=signer.trusted)
        assert (done.code, judge(file, signer.trusted).good) == (1, False), done.said


def test_every_signature_in_a_file_must_be_right(work: Path, local: LocalSigner) -> None:
    file = samples.launcher(work / "a.exe")
    other = LocalSigner(name="other")
    assert local.sign(file).status is FileStatus.SIGNED
    assert other.sign(file, OnSigned.APPEND).status is FileStatus.SIGNED
    both = verdict(file, local.encoded, other.encoded)
    assert both.reason == "CN=local, no timestamp; CN=other, no timestamp"
    for roots in ((local.encoded,), (other.encoded,)):
        assert verdict(file, *roots).status is FileStatus.FAILED


# Changed files


def sample(file: Path) -> Path:
    match file.suffix:
        case ".exe":
            return samples.tiny_pe(file)
        case ".ps1":
            return samples.script(file)
        case _:
            return samples.catalogue(file)


@pytest.mark.parametrize("name", ["a.exe", "a.ps1", "a.cat"])
def test_no_changed_byte_is_verified(
    tools: None,  # noqa: ARG001
    local: LocalSigner,
    work: Path,
    name: str,
) -> None:
    file = sample(work / name)
    assert local.sign(file).status is FileStatus.SIGNED
    assert verdict(file, local.encoded).status is FileStatus.VERIFIED
    content, verified = file.read_bytes(), set()
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        file.write_bytes(changed)
        if verdict(file, local.encoded).status is FileStatus.VERIFIED:
            verified.add(at)
    # Authenticode does not cover the checksum in the header of a program.
    assert verified == (set(CHECKSUM) if name == "a.exe" else set())


@pytest.mark.parametrize("name", ["a.exe", "a.ps1", "a.cat"])
def test_a_truncated_file_is_not_verified(local: LocalSigner, work: Path, name: str) -> None:
    file = sample(work / name)
    assert local.sign(file).status is FileStatus.SIGNED
    content = file.read_bytes()
    for length in (0, 1, 3, 63, 64, 200, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:length])
        result = verdict(file, local.encoded)
        assert result.status is FileStatus.FAILED, length
        assert result.reason


def test_no_changed_byte_of_an_issuer_is_verified(work: Path, root: LocalSigner) -> None:
    """The signature does not cover it."""
    between = LocalSigner(name="between", issuer=root, is_authority=True)
    file = samples.tiny_pe(work / "a.exe")
    assert LocalSigner(name="x", issuer=between).sign(file).status is FileStatus.SIGNED
    assert verdict(file, root.encoded).status is FileStatus.VERIFIED
    content = file.read_bytes()
    start = content.index(between.encoded)
    for at in range(start, start + len(between.encoded)):
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        file.write_bytes(changed)
        assert verdict(file, root.encoded).status is FileStatus.FAILED, at - start


@pytest.mark.parametrize("name", ["a.exe", "a.ps1", "a.cat"])
def test_data_behind_a_signature_is_refused(local: LocalSigner, work: Path, name: str) -> None:
    file = sample(work / name)
    assert local.sign(file).status is FileStatus.SIGNED
    content = file.read_bytes()
    for added in (b"\0", b"more", b"\r\nWrite-Host 1\r\n", bytes(512)):
        file.write_bytes(content + added)
        assert verdict(file, local.encoded).status is FileStatus.FAILED, added


@pytest.mark.parametrize("name", ["a.exe", "a.ps1", "a.cat"])
def test_a_mutant_is_verified_only_if_osslsigncode_verifies_it(
    work: Path, root: LocalSigner, authority: Authority, name: str
) -> None:
    """SIGNOTAUR_FAULT_FACTOR=75 makes 10,000 of each."""
    issuer = LocalSigner(name="between", issuer=root, is_authority=True)
    file = signed_with_timestamp(sample(work / name), LocalSigner(issuer=issuer), authority)
    trusted = work / "trusted.pem"
    trusted.write_bytes(root.pem)
    content = file.read_bytes()
    random = Random(20261126)  # noqa: S311 - repeatable
    for _ in range(MUTANTS):
        changed = bytearray(content)
        for _ in range(random.choice([1, 1, 2, 5])):
            at = random.randrange(len(changed))
            changed[at] = random.choice([changed[at] ^ 1, 0, 0x06, 0x30, 0x31, 0x80, 0xA0, 0xFF])
        file.write_bytes(changed)
        result = verdict(file, root.encoded, authority.encoded)
        assert result.reason
        if result.status is FileStatus.VERIFIED:
            others = judge(file, trusted, "-TSA-CAfile", authority.certificate)
            assert others.good, others.told


def test_a_signature_of_another_kind_of_file_is_refused(local: LocalSigner, work: Path) -> None:
    file = samples.tiny_pe(work / "a.exe")
    with file.open("rb") as stream:
        digest = PeImage.read(stream).digest(DigestAlgorithm.SHA256)
    unsigned = Unsigned.read(
        unsigned_message(SCRIPT, digest, DigestAlgorithm.SHA256), DigestAlgorithm.SHA256
    )
    attributes = unsigned.attributes(VirtualClock().now(), Description())
    request = DigestToSign(attributes.digest, DigestAlgorithm.SHA256, "", file.name, 0)
    message = attributes.signed(local.sign_digest(request), local.certificate)
    out = work / "b.exe"
    PeFiles().attach(file, message, out, certificate=local.pem, nested=False)
    assert "for a file of another format" in verdict(out, local.encoded).reason


# Bad input


def test_files_that_are_not_signed_fail(work: Path, local: LocalSigner) -> None:
    signed = samples.tiny_pe(work / "signed.exe")
    assert local.sign(signed).status is FileStatus.SIGNED
    unsigned = [samples.tiny_pe(work / "a.exe"), samples.script(work / "a.ps1"),
                samples.catalogue(work / "a.cat")]  # fmt: skip
    text = work / "a.txt"
    text.write_text("words")
    trusted = work / "trusted.pem"
    trusted.write_bytes(local.pem)
    before = {file: file.read_bytes() for file in work.iterdir()}

    done = verify("--json", signed, *unsigned, text, trusted=trusted)
    assert done.code == 1
    reasons = {Path(each["path"]).name: each["reason"] for each in done.json["files"]}
    assert {reasons[each.name] for each in unsigned} == {"it is not signed"}
    assert "its format is not supported" in reasons["a.txt"]
    assert (done.json["verified"], done.json["failed"]) == (1, 4)
    assert "4 of 5 files could not be verified:" in done.err
    assert "This command uses no key." in done.err
    assert before == {file: file.read_bytes() for file in work.iterdir()}


def test_bad_usage_is_reported_at_once(work: Path) -> None:
    (work / "none.pem").write_text("no certificate")
    done = verify(
        "--revocation-mode", "Sometimes", "missing.exe", "--base-directory", work,
        trusted=work / "none.pem",
    )  # fmt: skip
    assert done.code == 10
    assert "This command uses no key." in done.err
    assert "missing.exe does not exist" in done.err
    assert "--revocation-mode: it must be one of NoCheck, Online, Offline" in done.err
    assert "--ca-file: " in done.err
    assert "it contains no certificate in PEM or DER" in done.err


# Whom to trust


def test_a_chain_leads_to_a_root_that_is_trusted(work: Path, root: LocalSigner) -> None:
    between = LocalSigner(name="between", issuer=root, is_authority=True)
    signer = LocalSigner(name="signer", issuer=between)
    file = samples.launcher(work / "a.exe")
    assert signer.sign(file).status is FileStatus.SIGNED
    assert verdict(file, root.encoded).status is FileStatus.VERIFIED
    assert verdict(file, between.encoded).status is FileStatus.VERIFIED
    stranger = LocalSigner(name="root", usages=(), is_authority=True)
    assert "is not trusted" in verdict(file, stranger.encoded).reason
    assert "no root is trusted" in verdict(file).reason

    # Its root is not in the file, so there is none to ignore.
    assert verdict(file, stranger.encoded, ignore=True).status is FileStatus.FAILED
    stray = LocalSigner(name="stray", issuer=between, sends_chain=False)
    assert stray.sign(file, OnSigned.REPLACE).status is FileStatus.SIGNED
    assert "its issuer is CN=between" in verdict(file, root.encoded).reason


def test_a_maze_of_issuers_is_given_up(root: LocalSigner) -> None:
    """Each could have issued each other, so the ways through them are without number."""
    key = LocalSigner(name="L", usages=(), is_authority=True)
    maze = [
        LocalSigner(key.private, name="L", issuer=key, usages=(), is_authority=True).encoded
        for _ in range(20)
    ]
    signer = LocalSigner(issuer=key)
    with pytest.raises(FormatError, match="is not trusted"):
        Trust.of([root.encoded]).require(signer.encoded, maze, VirtualClock().now(), Usage.CODE)


COMMON_NAME = der.sequence(der.oid("2.5.4.3"), b"\x0c\x01a")
YEAR_0 = b"\x18\x0f00000101000000Z"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        (4, der.sequence(YEAR_0, b"\x17\x0d300101000000Z"), "certificate cannot be read"),
        (5, der.sequence(der.set_of(COMMON_NAME, COMMON_NAME)), "a name that cannot be read"),
    ],
)
def test_a_certificate_that_cannot_be_read_is_refused_as_any_other(
    work: Path, field: int, value: bytes, reason: str
) -> None:
    """The library reads some parts late: its error ended the command, with all its files."""
    signer = LocalSigner()
    signed, *rest = der.children(signer.encoded)
    parts = der.children(signed)
    parts[field] = value
    signer.encoded = der.sequence(der.sequence(*parts), *rest)
    signer.certificate = SigningCertificate.read(signer.encoded)
    file = samples.tiny_pe(work / "a.exe")
    assert signer.sign(file).status is FileStatus.SIGNED
    result = verdict(file, LocalSigner(name="root").encoded)
    assert result.status is FileStatus.FAILED
    assert reason in result.reason


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize("excludes", [True, False])
def test_an_issuer_that_is_limited_to_some_names_is_refused(
    root: LocalSigner, *, critical: bool, excludes: bool
) -> None:
    """A limit that is not critical was ignored; OpenSSL holds to both."""
    others = [DirectoryName(LocalSigner(name="others").subject)]
    own = [DirectoryName(LocalSigner(name="signer").subject)]
    limits = NameConstraints(None, own) if excludes else NameConstraints(others, None)
    between = LocalSigner(
        name="between", issuer=root, is_authority=True, extensions=[(limits, critical)]
    )
    signer = LocalSigner(name="signer", issuer=between)
    trust = Trust.of([root.encoded])
    with pytest.raises(FormatError, match="may issue to some names only"):
        trust.require(signer.encoded, signer.chain, VirtualClock().now(), Usage.CODE)


def issuer(root: LocalSigner, *usages: ObjectIdentifier, is_authority: bool = True) -> LocalSigner:
    return LocalSigner(name="between", issuer=root, usages=usages, is_authority=is_authority)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda root: LocalSigner(issuer=issuer(root, CODE)), ""),
        (lambda root: LocalSigner(issuer=issuer(root)), ""),
        (lambda root: LocalSigner(issuer=issuer(root, is_authority=False)), "basicConstraints"),
        (
            lambda root: LocalSigner(issuer=issuer(root, SERVER)),
            "an issuer is not for signing code",
        ),
        (lambda root: LocalSigner(issuer=root, usages=[SERVER]), "it is not for signing code"),
        (lambda root: LocalSigner(issuer=root, usages=[]), "missing required extension"),
    ],
)
def test_certificates_for_something_else_are_refused(
    work: Path, root: LocalSigner, made: Callable[[LocalSigner], LocalSigner], reason: str
) -> None:
    file = samples.tiny_pe(work / "a.exe")
    assert made(root).sign(file).status is FileStatus.SIGNED
    result = verdict(file, root.encoded)
    assert (result.status is FileStatus.VERIFIED) is (not reason), result.reason
    assert reason in result.reason


def test_the_usual_roots_are_trusted_unless_others_are_given(
    work: Path, local: LocalSigner
) -> None:
    file = samples.tiny_pe(work / "a.exe")
    assert local.sign(file).status is FileStatus.SIGNED
    trusted = work / "trusted.pem"
    trusted.write_bytes(local.pem)
    assert verify(file).code == 1
    assert "it is self-signed, and not among the trusted roots" in verify(file).err
    assert verify(file, SIGNOTAUR_CA_FILE=str(trusted)).code == 0

    ignored = verify("--ignore-untrusted-root", file)
    assert ignored.code == 0
    assert "does not prove who signed the files" in ignored.err
    file.write_bytes(file.read_bytes().replace(samples.MARKER, samples.MARKER.upper()))
    assert verify("--ignore-untrusted-root", file).code == 1


# Time


@pytest.mark.parametrize("stamped", [True, False])
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("after", [0, TWO_MONTHS])
def test_a_timestamp_keeps_a_signature_good_when_its_certificate_has_expired(
    tools: None,  # noqa: ARG001
    work: Path,
    authority: Authority,
    local: LocalSigner,
    stamped: bool,  # noqa: FBT001
    strict: bool,  # noqa: FBT001
    after: float,
) -> None:
    file = samples.launcher(work / "a.exe")
    if stamped:
        signed_with_timestamp(file, local, authority)
    else:
        assert local.sign(file).status is FileStatus.SIGNED
    roots = (local.encoded, authority.encoded)
    result = verdict(file, *roots, after=after, strict=strict)

    is_good = not after or (stamped and not strict)
    assert (result.status is FileStatus.VERIFIED) is is_good, result.reason
    assert is_good or "the certificate CN=local is valid from 20" in result.reason
    if not strict:
        trusted = work / "trusted.pem"
        trusted.write_bytes(local.pem)
        moment = str(int(VirtualClock().now().timestamp() + after))
        others = judge(file, trusted, "-TSA-CAfile", authority.certificate, "-time", moment)
        assert others.good is is_good, others.told


def test_strict_lifetime_on_the_command_line(
    work: Path, authority: Authority, local: LocalSigner
) -> None:
    file = signed_with_timestamp(samples.tiny_pe(work / "a.exe"), local, authority)
    trusted = work / "trusted.pem"
    trusted.write_bytes(local.pem + authority.certificate.read_bytes())
    clock = VirtualClock()
    clock.sleep(TWO_MONTHS)
    given = ("verify", "--ca-file", trusted, file)
    assert run_here(*given, env={}, clock=clock).code == 0
    refused = run_here(*given, "--strict-lifetime", env={}, clock=clock)
    assert refused.code == 1
    assert "the certificate CN=local is valid from 20" in refused.err


def test_a_certificate_for_its_lifetime_alone(work: Path, authority: Authority) -> None:
    short = LocalSigner(usages=[CODE, LIFETIME_SIGNING])
    file = signed_with_timestamp(samples.tiny_pe(work / "a.exe"), short, authority)
    roots = (short.encoded, authority.encoded)
    assert verdict(file, *roots).status is FileStatus.VERIFIED
    assert verdict(file, *roots, after=TWO_MONTHS).status is FileStatus.FAILED


def test_a_timestamp_of_the_future_is_refused(
    work: Path, authority: Authority, local: LocalSigner
) -> None:
    file = signed_with_timestamp(samples.tiny_pe(work / "a.exe"), local, authority)
    result = verdict(file, local.encoded, authority.encoded, after=-3600)
    assert "in the future" in result.reason


# Timestamps


def with_token(file: Path, token: bytes) -> Path:
    """Put a timestamp into a signed program, as anybody can."""
    with file.open("rb") as stream:
        signed = SignedMessage.read(PeImage.read(stream).message())
    out = file.with_name("stamped.exe")
    out.unlink(missing_ok=True)
    message = signed.with_unsigned(der.oid(TIMESTAMP), token)
    PeFiles().attach(file, message, out, certificate=b"", nested=False)
    return out


def token_of(file: Path) -> bytes:
    with file.open("rb") as stream:
        [token] = SignedMessage.read(PeImage.read(stream).message()).timestamps
    return token


def test_a_timestamp_must_be_trusted_and_of_this_signature(
    work: Path, authority: Authority, local: LocalSigner
) -> None:
    roots = (local.encoded, authority.encoded)
    stamped = signed_with_timestamp(samples.tiny_pe(work / "a.exe"), local, authority)
    assert verdict(stamped, *roots).status is FileStatus.VERIFIED
    assert "its timestamp is not valid: the certificate CN=TSA" in verdict(
        stamped, local.encoded).reason  # fmt: skip

    other = samples.tiny_pe(work / "b.exe", b"other")
    assert local.sign(other).status is FileStatus.SIGNED
    token = token_of(stamped)
    moved = verdict(with_token(other, token), *roots, after=TWO_MONTHS)
    assert "it is a timestamp of another signature" in moved.reason
    assert "its timestamp is not valid" in verdict(with_token(other, der.NULL), *roots).reason


def test_no_changed_byte_of_a_timestamp_is_verified(
    work: Path, authority: Authority, local: LocalSigner
) -> None:
    stamped = signed_with_timestamp(samples.tiny_pe(work / "a.exe"), local, authority)
    plain = samples.tiny_pe(work / "plain.exe")
    token = token_of(stamped)
    with stamped.open("rb") as stream:
        message = PeImage.read(stream).message()
    for at in range(0, len(token), 3):
        changed = bytearray(token)
        changed[at] ^= 1 << at % 8
        out = work / "changed.exe"
        out.unlink(missing_ok=True)
        whole = message.replace(token, bytes(changed))
        PeFiles().attach(plain, whole, out, certificate=b"", nested=False)
        result = verdict(out, local.encoded, authority.encoded, after=TWO_MONTHS)
        assert result.status is FileStatus.FAILED, at


def test_a_timestamp_names_its_authority_by_the_digest_of_the_certificate(
    work: Path, authority: Authority, local: LocalSigner
) -> None:
    """Another certificate with the same key, name and number could last longer, for example."""
    file = signed_with_timestamp(samples.tiny_pe(work / "a.exe"), local, authority)
    twin = authority.twin()
    token = SignedMessage.read(token_of(file), TIMESTAMP_INFO)
    changed = replace(token, more=(der.tagged(0, twin),)).with_timestamps(lambda _: der.NULL)
    unstamped = samples.tiny_pe(work / "plain.exe")
    with file.open("rb") as stream:
        message = PeImage.read(stream).message()
    signed = replace(SignedMessage.read(message), unsigned=())
    out = work / "out.exe"
    whole = signed.with_unsigned(der.oid(TIMESTAMP), changed)
    PeFiles().attach(unstamped, whole, out, certificate=b"", nested=False)
    result = verdict(out, local.encoded, authority.encoded, twin)
    assert "it names another certificate than the one that comes with it" in result.reason


def test_a_timestamp_of_nothing_is_refused(
    work: Path, authority: Authority, local: LocalSigner
) -> None:
    """An empty part ended the command, with all its files."""
    file = signed_with_timestamp(samples.tiny_pe(work / "a.exe"), local, authority)
    token = SignedMessage.read(token_of(file), TIMESTAMP_INFO)
    empty = replace(token, content_info=der.sequence()).with_timestamps(lambda _: der.NULL)
    with pytest.raises(der.DerError, match="covers nothing"):
        verified_timestamp(empty, b"signature")


def test_an_authority_must_be_one_for_timestamps(local: LocalSigner) -> None:
    moment = VirtualClock().now()
    Trust.of([local.encoded]).require(local.encoded, (), moment, Usage.CODE)
    with pytest.raises(FormatError, match="it is not for timestamps"):
        Trust.of([local.encoded]).require(local.encoded, (), moment, Usage.TIMESTAMPS)


def test_an_authority_must_be_one_for_timestamps_alone(root: LocalSigner, work: Path) -> None:
    """Who signs code could choose the time otherwise; OpenSSL's own judgement is the same."""
    stamps = ExtendedKeyUsageOID.TIME_STAMPING
    both = LocalSigner(name="both", issuer=root, usages=[CODE, stamps])
    alone = LocalSigner(name="alone", issuer=root, usages=[stamps])
    trust, moment = Trust.of([root.encoded]), VirtualClock().now()
    trust.require(alone.encoded, (), moment, Usage.TIMESTAMPS)
    trust.require(both.encoded, (), moment, Usage.CODE)
    with pytest.raises(FormatError, match="it is not for timestamps alone"):
        trust.require(both.encoded, (), moment, Usage.TIMESTAMPS)
    (work / "both.pem").write_bytes(both.pem)
    judged = subprocess.run(
        ["openssl", "x509", "-in", work / "both.pem", "-noout", "-purpose"],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "Time Stamp signing : No" in judged.stdout
