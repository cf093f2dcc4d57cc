"""Countersignatures (PKCS #9): what osslsigncode makes and judges, and what proves no time."""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from ssl import PEM_cert_to_DER_cert

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing import samples
from signing.authority import Authority, served
from signing.countersigning import (
    CONTENT_TYPE,
    DATA,
    MESSAGE_DIGEST,
    SIGNING_TIME,
    Countersignature,
    OldAuthority,
    attribute,
    general_time,
    message_of,
    with_message,
    with_values,
)
from signing.harness import judge
from signing.local import LocalSigner
from signing.revoking import RevokingAuthority
from signing.verdicts import MUTANTS, TWO_MONTHS, signed_with_timestamp, verdict
from signotaur_action.signing import der
from signotaur_action.signing.certificate import SigningCertificate
from signotaur_action.signing.cms import TIMESTAMP
from signotaur_action.signing.countersignatures import verified_countersignature
from signotaur_action.signing.outcomes import FileResult, FileStatus, FormatError
from signotaur_action.signing.signed_message import SignedMessage
from signotaur_wire.members import format_time
from signotaur_wire.signing import DigestAlgorithm
from support.client import run_client
from support.clock import VirtualClock
from support.in_process import run_here

HOUR = timedelta(hours=1)
STAMPS = [ExtendedKeyUsageOID.TIME_STAMPING]


@dataclass(frozen=True)
class CountersignedProgram:
    """A root, a signer and an authority that it issued, and a program that the signer signed."""

    root: LocalSigner
    signer: LocalSigner
    tsa: LocalSigner
    unsigned: Path
    message: SignedMessage
    now: datetime

    def stamp(self, moment: datetime | None = None) -> Countersignature:
        """Return a right countersignature."""
        return Countersignature(self.tsa, self.message.signature, moment or self.now)

    def file(self, *values: Countersignature | bytes, lists: tuple[bytes, ...] = ()) -> Path:
        """Return the program with these countersignatures and the authority's certificate."""
        encoded = [each if isinstance(each, bytes) else each.encoded() for each in values]
        message = with_values(self.message, encoded, self.tsa.encoded, lists=lists)
        return with_message(self.unsigned, message)

    def verdict(self, file: Path, *, after: float = TWO_MONTHS, **given: bool) -> FileResult:
        """Verify a file when the signer's certificate has expired, or some other time from now."""
        return verdict(file, self.root, after=after, **given)


@pytest.fixture(scope="module")
def people() -> tuple[LocalSigner, LocalSigner, LocalSigner]:
    """A root, a signer, a timestamp authority; the last has a key of the usual kind."""
    root = LocalSigner(name="root", usages=(), is_authority=True)
    key = rsa.generate_private_key(65537, 2048)
    usage = (x509.ExtendedKeyUsage(STAMPS), True)  # critical, as ``openssl ts`` demands
    tsa = LocalSigner(key, "TSA", issuer=root, usages=(), extensions=[usage])
    return root, LocalSigner(issuer=root), tsa


@pytest.fixture
def world(work: Path, people: tuple[LocalSigner, LocalSigner, LocalSigner]) -> CountersignedProgram:
    unsigned, signed = samples.tiny_pe(work / "a.exe"), samples.tiny_pe(work / "made.exe")
    root, signer, tsa = people
    assert signer.sign(signed).status is FileStatus.SIGNED
    return CountersignedProgram(root, signer, tsa, unsigned, message_of(signed), datetime.now(UTC))


# What osslsigncode makes


def signed_by_osslsigncode(world: CountersignedProgram, digest: str) -> Path:
    folder = world.unsigned.parent
    certificates, key, file = folder / "s.pem", folder / "s.key", folder / "b.exe"
    certificates.write_bytes(world.signer.pem)
    key.write_bytes(world.signer.private_pem)
    (folder / "root.pem").write_bytes(world.root.pem)
    authority = OldAuthority(folder / "tsa", world.tsa, digest)
    with served(authority.answer, "application/octet-stream") as (url, asked):
        subprocess.run(
            ["osslsigncode", "sign", "-certs", certificates, "-key", key, "-h", "sha256",
             "-t", url, "-in", world.unsigned, "-out", file],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    assert len(asked) == 1
    return file


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("after", [0, TWO_MONTHS])
@pytest.mark.parametrize("strict", [True, False])
def test_a_countersignature_counts_as_osslsigncode_counts_it(
    tools: None,  # noqa: ARG001
    world: CountersignedProgram,
    digest: str,
    after: float,
    strict: bool,  # noqa: FBT001
) -> None:
    file = signed_by_osslsigncode(world, digest)
    result = world.verdict(file, after=after, strict=strict)

    is_good = not (after and strict)
    assert (result.status is FileStatus.VERIFIED) is is_good, result.reason
    assert "timestamp 20" in result.reason or not is_good
    if not strict:
        root = file.with_name("root.pem")
        moment = str(int(VirtualClock().now().timestamp() + after))
        others = judge(file, root, "-TSA-CAfile", root, "-time", moment)
        assert others.good, others.told
        assert "Timestamp Server Signature verification: ok" in others.told


def test_the_command_reports_it_as_it_reports_the_newer_kind(
    tools: None,  # noqa: ARG001
    world: CountersignedProgram,
) -> None:
    file = signed_by_osslsigncode(world, "sha1")
    clock = VirtualClock()
    clock.sleep(TWO_MONTHS)
    given = ("verify", "--json", "--ca-file", file.with_name("root.pem"), file)
    done = run_here(*given, env={}, clock=clock)
    assert done.code == 0, done.err
    assert done.json["files"][0]["reason"].startswith("CN=local, timestamp 20")


def test_the_earliest_of_all_timestamps_counts(
    tools: None,  # noqa: ARG001
    world: CountersignedProgram,
    work: Path,
) -> None:
    early, late = world.now - 2 * HOUR, world.now - HOUR
    for order in ((early, late), (late, early)):
        result = world.verdict(world.file(*map(world.stamp, order)))
        assert result.reason.endswith(f"timestamp {format_time(early)}")

    authority = Authority(work / "newer", world.tsa)
    newer = signed_with_timestamp(samples.tiny_pe(work / "n.exe"), world.signer, authority)
    message = message_of(newer)
    stamp = Countersignature(world.tsa, message.signature, early).encoded()
    both = with_message(world.unsigned, with_values(message, [stamp], world.tsa.encoded))
    assert world.verdict(both).reason.endswith(f"timestamp {format_time(early)}")
    wrong = Countersignature(world.tsa, b"another signature", early).encoded()
    both = with_message(world.unsigned, with_values(message, [wrong], world.tsa.encoded))
    assert world.verdict(both).status is FileStatus.FAILED


def test_a_file_with_one_gets_a_timestamp_of_the_newer_kind(
    tools: None,  # noqa: ARG001
    world: CountersignedProgram,
    work: Path,
) -> None:
    file = world.file(world.stamp(world.now - HOUR))
    with served(Authority(work / "newer", world.tsa).answer) as (url, _):
        done = run_client("timestamp", "--tr", url, file)
        assert done.code == 0, done.err
    message = message_of(file)
    assert (len(message.countersignatures), len(message.timestamps)) == (1, 1)
    result = world.verdict(file)
    assert result.reason.endswith(f"timestamp {format_time(world.now - HOUR)}")


# What proves no time


def other_signature(world: CountersignedProgram) -> bytes:
    return replace(world.stamp(), content=b"another signature").encoded()


def swapped_digest(world: CountersignedProgram) -> bytes:
    """The digest is that of this signature, but the authority signed another one."""
    right, other = world.stamp(), replace(world.stamp(), content=b"another signature")
    [_, digest, _], [_, signed, _] = right.attributes, other.attributes
    return other.encoded().replace(signed, digest)


def without(*kinds: bytes) -> Callable[[CountersignedProgram], Countersignature]:
    return lambda world: replace(world.stamp(), leaves_out=kinds)


def having(kind: bytes, *values: bytes) -> Callable[[CountersignedProgram], Countersignature]:
    """Return a maker of one in which this attribute has these values."""
    added = attribute(kind, *values)
    return lambda world: replace(world.stamp(), leaves_out=(kind,), more=(added,))


def twice(world: CountersignedProgram) -> Countersignature:
    return replace(world.stamp(), more=(attribute(SIGNING_TIME, der.NULL),))


def at(difference: timedelta) -> Callable[[CountersignedProgram], Countersignature]:
    return lambda world: world.stamp(world.now + difference)


def by_another(world: CountersignedProgram) -> Countersignature:
    """Its certificate is not in the file."""
    another = LocalSigner(world.tsa.private, "other", issuer=world.root, usages=STAMPS)
    return replace(world.stamp(), signer=another)


ANOTHER = "it is a timestamp of another signature"
NO_TIME = "it does not say when it was made"
NO_PARTS = "its signature does not have the fields of a signature"
ECDSA_SHA1 = der.sequence(der.oid("1.2.840.10045.4.1"))
HOSTILE: dict[str, tuple[Callable[[CountersignedProgram], Countersignature | bytes], str]] = {
    "of another signature": (other_signature, ANOTHER),
    "swapped digest": (swapped_digest, "its signature was not made with its certificate's key"),
    "no content type": (without(CONTENT_TYPE), ANOTHER),
    "another content type": (having(CONTENT_TYPE, der.oid("1.2.840.113549.1.9.16.1.4")), ANOTHER),
    "no digest": (without(MESSAGE_DIGEST), ANOTHER),
    "two digests": (having(MESSAGE_DIGEST, der.octets(b"1"), der.octets(b"2")), ANOTHER),
    "no time": (without(SIGNING_TIME), NO_TIME),
    "no value of the time": (having(SIGNING_TIME), NO_TIME),
    "two times": (having(SIGNING_TIME, der.NULL, der.integer(1)), NO_TIME),
    "a time of another type": (
        lambda world: replace(
            world.stamp(), leaves_out=(SIGNING_TIME,), more=(general_time(world.now),)
        ),
        NO_TIME,
    ),
    "an attribute twice": (twice, "its signature has an attribute twice"),
    "no attributes": (without(CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME), NO_PARTS),
    "before its certificate": (at(-48 * HOUR), "the certificate CN=TSA is valid from"),
    "after its certificate": (at(timedelta(days=31)), "the certificate CN=TSA is valid from"),
    "in the future": (at(timedelta(days=62)), "in the future"),
    "MD5": (lambda world: replace(world.stamp(), digest="md5"), "uses a digest other than"),
    "another version": (lambda world: replace(world.stamp(), version=3), "an unknown version"),
    "unsigned attributes": (
        lambda world: replace(world.stamp(), unsigned=der.tagged(1, attribute(DATA, der.NULL))),
        NO_PARTS,
    ),
    "of the signer itself": (
        lambda world: replace(
            world.stamp(),
            signer=world.signer,
            algorithm=world.signer.certificate.signature_algorithm(DigestAlgorithm.SHA256),
        ),
        "it is not for timestamps",
    ),
    "SHA-1 with an elliptic curve": (
        lambda world: replace(
            world.stamp(), signer=world.signer, digest="sha1", algorithm=ECDSA_SHA1
        ),
        "an algorithm that its certificate has no key for",
    ),
    "a key of another kind": (
        lambda world: replace(world.stamp(), signer=world.signer),
        "an algorithm that its certificate has no key for",
    ),
    "a certificate that is missing": (
        by_another,
        "does not contain a usable certificate of its signer",
    ),
    "rubbish": (lambda _: der.sequence(der.octets(bytes(1 << 20))), NO_PARTS),
    "another type": (lambda _: der.NULL, "it is not the DER that was expected"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_wrong_countersignature_is_never_ignored(world: CountersignedProgram, name: str) -> None:
    make, reason = HOSTILE[name]
    for values in ([make(world)], [world.stamp(), make(world)]):
        file = world.file(*values)
        for after in (TWO_MONTHS, 0):
            result = world.verdict(file, after=after)
            assert result.status is FileStatus.FAILED
            assert "its timestamp is not valid: " in result.reason
        assert reason in world.verdict(file).reason


def test_values_that_are_deep_or_many_are_refused(world: CountersignedProgram) -> None:
    deep = der.NULL
    for _ in range(3000):
        deep = der.sequence(deep)
    assert NO_PARTS in world.verdict(world.file(deep)).reason
    inside = replace(
        world.stamp(), leaves_out=(SIGNING_TIME,), more=(attribute(SIGNING_TIME, deep),)
    )
    assert NO_TIME in world.verdict(world.file(inside)).reason

    stamps = [world.stamp(world.now - n * timedelta(minutes=1)) for n in range(17)]
    assert world.verdict(world.file(*stamps[:16])).status is FileStatus.VERIFIED
    assert "it has more than 16 timestamps" in world.verdict(world.file(*stamps)).reason


def test_a_message_with_too_many_certificates_is_refused(world: CountersignedProgram) -> None:
    """A megabyte of them, with some timestamps, took half a minute."""
    room = 64 - len(world.message.certificates)
    others = [LocalSigner(name=str(number)).encoded for number in range(room)]
    stamp = world.stamp().encoded()
    whole = with_values(world.message, [stamp], world.tsa.encoded, *others[1:])
    assert world.verdict(with_message(world.unsigned, whole)).status is FileStatus.VERIFIED
    with pytest.raises(FormatError, match="it has more than 64 certificates"):
        with_values(world.message, [stamp], world.tsa.encoded, *others)


def test_the_authority_must_be_trusted_when_it_signed(
    work: Path, world: CountersignedProgram
) -> None:
    stranger = LocalSigner(name="stranger", usages=(), is_authority=True)
    strange = LocalSigner(world.tsa.private, "TSA", issuer=stranger, usages=STAMPS)
    stamp = replace(world.stamp(), signer=strange).encoded()
    whole = with_values(world.message, [stamp], strange.encoded, stranger.encoded)
    file = with_message(world.unsigned, whole)
    assert "the certificate CN=TSA is not trusted" in world.verdict(file).reason
    assert world.verdict(file, ignore=True).status is FileStatus.VERIFIED

    both = LocalSigner(
        world.tsa.private, "both", usages=[*STAMPS, ExtendedKeyUsageOID.CODE_SIGNING]
    )
    signed = samples.tiny_pe(work / "both.exe")
    assert both.sign(signed).status is FileStatus.SIGNED
    message = message_of(signed)
    early = Countersignature(both, message.signature, world.now - HOUR).encoded()
    file = with_message(world.unsigned, with_values(message, [early]))
    # Else a signer could choose the time of its own signatures.
    assert "it is not for timestamps alone" in verdict(file, both).reason


def test_an_authority_with_a_certificate_signed_with_sha1(
    tools: None,  # noqa: ARG001
    work: Path,
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    root = LocalSigner(key, "root", usages=(), is_authority=True)
    signed = samples.tiny_pe(work / "s.exe")
    assert LocalSigner(issuer=root).sign(signed).status is FileStatus.SIGNED
    tsa = LocalSigner(rsa.generate_private_key(65537, 2048), "TSA", issuer=root, usages=STAMPS)
    again = RevokingAuthority(work / "ca", root).signed_again(tsa, "sha1")
    old = copy(tsa)
    old.encoded = PEM_cert_to_DER_cert(again.decode())
    old.certificate = SigningCertificate.read(old.encoded)
    message = message_of(signed)
    now = datetime.now(UTC) + timedelta(minutes=1)
    stamp = Countersignature(old, message.signature, now).encoded()
    unsigned = samples.tiny_pe(work / "a.exe")
    file = with_message(unsigned, with_values(message, [stamp], old.encoded))
    result = verdict(file, root, after=HOUR.total_seconds())
    assert "a certificate of its chain is signed with SHA-1" in result.reason


# Changed bytes


def test_no_changed_byte_of_a_countersignature_proves_a_time(world: CountersignedProgram) -> None:
    stamp = replace(world.stamp(), digest="sha1").encoded()
    whole = with_values(world.message, [stamp], world.tsa.encoded)
    assert world.verdict(with_message(world.unsigned, whole)).status is FileStatus.VERIFIED
    for changed, step in ((stamp, 1), (world.tsa.encoded, 4)):
        start = whole.index(changed)
        for place in range(start, start + len(changed), step):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << place % 8
            result = world.verdict(with_message(world.unsigned, bytes(damaged)))
            # Without a right timestamp the certificate has expired by then.
            assert result.status is FileStatus.FAILED, place - start


def test_no_changed_bit_is_read_as_another_timestamp(world: CountersignedProgram) -> None:
    """The name of the algorithm has two forms that differ in one bit and mean the same."""
    stamp = replace(world.stamp(), digest="sha1").encoded()
    whole = with_values(world.message, [stamp], world.tsa.encoded)
    signed = SignedMessage.read(whole)
    right, accepted = verified_countersignature(stamp, signed), []
    for bit in range(8 * len(stamp)):
        changed = bytearray(stamp)
        changed[bit // 8] ^= 1 << bit % 8
        with suppress(FormatError, der.DerError):
            assert verified_countersignature(bytes(changed), signed) == right
            accepted.append(bytes(changed))
    name, form = (der.oid(f"1.2.840.113549.1.1.{number}") for number in (1, 5))
    assert accepted == [stamp.replace(name, form)]


def test_a_mutant_is_verified_only_if_osslsigncode_verifies_it(
    tools: None,  # noqa: ARG001
    world: CountersignedProgram,
) -> None:
    file = signed_by_osslsigncode(world, "sha1")
    content, root = file.read_bytes(), file.with_name("root.pem")
    [stamp] = message_of(file).countersignatures
    start = content.index(stamp) - 20
    random = Random(20261127)  # noqa: S311 - repeatable
    for _ in range(MUTANTS):
        changed = bytearray(content)
        for _ in range(random.choice([1, 1, 2, 5])):
            place = random.randrange(start, start + len(stamp) + 20)
            changed[place] = random.choice([changed[place] ^ 1, 0, 6, 0x30, 0x31, 0x80, 0xA0, 0xFF])
        file.write_bytes(changed)
        result = world.verdict(file, after=0)
        assert result.reason
        if result.status is FileStatus.VERIFIED:
            others = judge(file, root, "-TSA-CAfile", root)
            assert others.good, others.told


# Revocation


@pytest.mark.parametrize(
    ("reason", "after_the_timestamp", "is_good"),
    [
        ("superseded", True, True),
        ("superseded", False, False),
        ("keyCompromise", True, False),
        ("", True, False),
    ],
)
def test_a_revoked_authority_is_judged_as_for_the_newer_kind(
    tools: None,  # noqa: ARG001
    world: CountersignedProgram,
    work: Path,
    reason: str,
    after_the_timestamp: bool,  # noqa: FBT001
    is_good: bool,  # noqa: FBT001
) -> None:
    authority = RevokingAuthority(work / "ca", world.root)
    authority.add(world.signer.encoded)
    stamp = world.stamp(world.now - 2 * HOUR)
    good = world.file(stamp, lists=(authority.revocation_list(),))
    assert world.verdict(good, after=0, offline=True).status is FileStatus.VERIFIED
    assert (
        "has no revocation list" in world.verdict(world.file(stamp), after=0, offline=True).reason
    )

    since = world.now - (HOUR if after_the_timestamp else 3 * HOUR)
    authority.revoke(world.tsa.encoded, since, reason)
    file = world.file(stamp, lists=(authority.revocation_list(),))
    result = world.verdict(file, after=0, offline=True)
    assert (result.status is FileStatus.VERIFIED) is is_good, result.reason
    assert is_good or "the certificate CN=TSA was revoked on" in result.reason
    assert world.verdict(file, after=0).status is FileStatus.VERIFIED  # it is not asked


def test_a_timestamp_of_the_newer_kind_is_not_taken_for_one(world: CountersignedProgram) -> None:
    """An attribute of one kind with a value of the other."""
    carried = der.tagged(0, world.signer.encoded + world.tsa.encoded)
    signed = replace(world.message, more=(carried,))
    stamp = world.stamp().encoded()
    as_token = with_message(world.unsigned, signed.with_unsigned(der.oid(TIMESTAMP), stamp))
    assert "its timestamp is not valid" in world.verdict(as_token).reason
    content_info = der.sequence(der.oid("1.2.840.113549.1.7.2"), der.tagged(0, stamp))
    assert "its timestamp is not valid" in world.verdict(world.file(content_info)).reason
