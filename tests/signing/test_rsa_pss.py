"""RSA-PSS: what ``openssl`` signs with it, and parameters that nobody writes in good faith."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import core, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing import samples
from signing.countersigning import message_of, with_message, with_values
from signing.local import LocalSigner
from signing.openssl_cms import (
    PSS,
    signed_by_openssl,
    signer_part,
    verified_by_openssl,
    with_content,
)
from signing.revoking import RevokingAuthority
from signing.verdicts import TWO_MONTHS, verdict
from signotaur_action.signing import der, ocsp, revocation_lists
from signotaur_action.signing.cms import TIMESTAMP, Unsigned
from signotaur_action.signing.outcomes import FileStatus, FormatError
from signotaur_action.signing.pe_files import PeFiles
from signotaur_action.signing.revocation_status import Issued, NotKnownError, Revoked
from signotaur_action.signing.signature_schemes import HASHES, scheme_of
from signotaur_action.signing.trust import Trust, Usage
from signotaur_wire.signing import DigestAlgorithm

DATA, INFO = "1.2.840.113549.1.7.1", "1.2.840.113549.1.9.16.1.4"
INDIRECT = "1.3.6.1.4.1.311.2.1.4"
Sha2 = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
STAMPS = [ExtendedKeyUsageOID.TIME_STAMPING]
SHA256 = DigestAlgorithm.SHA256


def salted(length: int | str) -> tuple[str, ...]:
    return (*PSS, "-keyopt", f"rsa_pss_saltlen:{length}")


@dataclass(frozen=True)
class People:
    """A root, and two with RSA keys whose certificates are its own."""

    root: LocalSigner
    signer: LocalSigner
    tsa: LocalSigner


@pytest.fixture(scope="module")
def people() -> People:
    root = LocalSigner(rsa.generate_private_key(65537, 2048), "root", usages=(), is_authority=True)
    signer = LocalSigner(rsa.generate_private_key(65537, 2048), issuer=root)
    tsa = LocalSigner(rsa.generate_private_key(65537, 2048), "TSA", issuer=root, usages=STAMPS)
    return People(root, signer, tsa)


def program(work: Path, people: People, *options: str) -> tuple[Path, bytes]:
    """Return an unsigned program, and the message of a signature that openssl made for it."""
    unsigned = samples.tiny_pe(work / "a.exe")
    made = PeFiles().content(unsigned, SHA256, work)
    content_info = Unsigned.read(made, SHA256).content_info
    content = der.contents(der.contents(der.children(content_info)[1]))
    cms = signed_by_openssl(work, people.signer, content, INDIRECT, *options)
    assert verified_by_openssl(work, cms, people.root) == content
    return unsigned, with_content(signer_part(cms), content_info, people.signer.encoded)


# What openssl signs


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("length", ["digest", "max", 0, 20])
def test_a_file_that_is_signed_with_it(
    tools: None,  # noqa: ARG001
    work: Path,
    people: People,
    digest: str,
    length: int | str,
) -> None:
    unsigned, message = program(work, people, "-md", digest, *salted(length))
    result = verdict(with_message(unsigned, message), people.root, after=0)
    assert result.status is FileStatus.VERIFIED, result.reason


@pytest.mark.parametrize("options", [("-md", "sha1"), (*PSS, "-keyopt", "rsa_mgf1_md:sha512")])
def test_what_openssl_signs_otherwise_is_refused(
    tools: None,  # noqa: ARG001
    work: Path,
    people: People,
    options: tuple[str, ...],
) -> None:
    unsigned, message = program(work, people, *options, *PSS)
    reason = verdict(with_message(unsigned, message), people.root, after=0).reason
    assert "a digest other than" in reason or "a mask of another digest" in reason


def test_no_changed_byte_is_verified(
    tools: None,  # noqa: ARG001
    work: Path,
    people: People,
) -> None:
    unsigned, message = program(work, people, *salted("digest"))
    start = message.index(der.oid("1.2.840.113549.1.1.10"))
    for place in range(start, len(message)):
        damaged = bytearray(message)
        damaged[place] ^= 1 << place % 8
        file = with_message(unsigned, bytes(damaged))
        assert verdict(file, people.root, after=0).status is FileStatus.FAILED, place - start


def test_one_padding_is_not_taken_for_the_other(
    tools: None,  # noqa: ARG001
    work: Path,
    people: People,
) -> None:
    unsigned, with_pss = program(work, people, *salted("digest"))
    _, without = program(work, people)
    signed = [message_of(with_message(unsigned, each)) for each in (with_pss, without)]
    for one, other in (signed, signed[::-1]):
        *before, _algorithm, signature = one.signer
        swapped = replace(one, signer=(*before, other.signer[4], signature))
        whole = swapped.with_unsigned(der.oid("1.2.3"), der.NULL)
        reason = verdict(with_message(unsigned, whole), people.root, after=0).reason
        assert "was not made with its certificate's key" in reason


def timestamp_info(signature: bytes, moment: core.GeneralizedTime) -> bytes:
    digest = hashlib.sha256(signature).digest()
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest}
    info = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.2.3.4.1",
            "message_imprint": imprint,
            "serial_number": 1,
            "gen_time": moment,
        }
    )
    encoded: bytes = info.dump()
    return encoded


def with_token(work: Path, people: People, moment: core.GeneralizedTime) -> Path:
    """Return a program with a timestamp of RFC 3161 that openssl signed with RSA-PSS."""
    unsigned, message = program(work, people)
    signed = message_of(with_message(unsigned, message))
    info = timestamp_info(signed.signature, moment)
    token = signed_by_openssl(work, people.tsa, info, INFO, "-cades", *salted("digest"))
    assert verified_by_openssl(work, token, people.root) == info
    return with_message(unsigned, signed.with_unsigned(der.oid(TIMESTAMP), token))


def test_timestamps_of_both_kinds(
    tools: None,  # noqa: ARG001
    work: Path,
    people: People,
) -> None:
    file = with_token(work, people, core.GeneralizedTime(datetime.now(UTC)))
    result = verdict(file, people.root, after=TWO_MONTHS)
    assert result.status is FileStatus.VERIFIED, result.reason

    unsigned, message = program(work, people, *salted("max"))
    signed = message_of(with_message(unsigned, message))
    stamp = signed_by_openssl(work, people.tsa, signed.signature, DATA, *salted("digest"))
    whole = with_values(signed, [signer_part(stamp)], people.tsa.encoded)
    result = verdict(with_message(unsigned, whole), people.root, after=TWO_MONTHS)
    assert result.status is FileStatus.VERIFIED, result.reason
    weak = signed_by_openssl(
        work, people.tsa, signed.signature, DATA, *("-md", "sha1", *salted("digest"))
    )
    whole = with_values(signed, [signer_part(weak)], people.tsa.encoded)
    reason = verdict(with_message(unsigned, whole), people.root, after=TWO_MONTHS).reason
    assert "names another digest than it uses" in reason


@pytest.mark.parametrize(
    "moment",
    [b"00000101000000Z", b"00010101000000+2359", b"99991231235959-2359", b"20260101000000",
     b"20260230000000Z"],
)  # fmt: skip
def test_a_timestamp_of_a_time_that_never_is(
    tools: None,  # noqa: ARG001
    work: Path,
    people: People,
    moment: bytes,
) -> None:
    file = with_token(work, people, core.GeneralizedTime(contents=moment))
    assert "its timestamp is not valid" in verdict(file, people.root, after=0).reason


# Certificates, and whether they were revoked


def reissued(people: People, salt: int, digest: Sha2) -> bytes:
    """Return the signer's certificate, DER, signed by the root in this way."""
    old = x509.load_der_x509_certificate(people.signer.encoded)
    builder = (
        x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
    )
    for each in old.extensions:
        builder = builder.add_extension(each.value, critical=each.critical)
    assert isinstance(people.root.private, rsa.RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(digest), salt)
    made = builder.sign(people.root.private, digest, rsa_padding=pss)
    return made.public_bytes(Encoding.DER)


def test_certificates_that_are_signed_with_it(people: People) -> None:
    trust, now = Trust.of([people.root.encoded]), datetime.now(UTC)
    digests: list[Sha2] = [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()]
    for digest in digests:
        chain = trust.require(reissued(people, digest.digest_size, digest), (), now, Usage.CODE)
        assert len(chain) == 2
        with pytest.raises(FormatError, match="or in another way that is refused"):
            trust.require(reissued(people, 20, digest), (), now, Usage.CODE)


def issued(people: People) -> Issued:
    read = x509.load_der_x509_certificate
    return Issued(read(people.signer.encoded), read(people.root.encoded))


@pytest.mark.parametrize("length", ["digest", "max", 0])
def test_answers_that_are_signed_with_it(
    tools: None,  # noqa: ARG001
    work: Path,
    people: People,
    length: int | str,
) -> None:
    authority, now = RevokingAuthority(work / "ca", people.root), datetime.now(UTC)
    signs = ("-rsigopt", "rsa_padding_mode:pss", "-rsigopt", f"rsa_pss_saltlen:{length}")
    asked = ocsp.request(issued(people))

    def status(*options: str) -> Revoked | None:
        return ocsp.status(authority.answer(asked, "-ndays", "1", *options), issued(people), now)

    authority.add(people.signer.encoded)
    assert status(*signs) is None
    authority.revoke(people.signer.encoded, now - timedelta(hours=1))
    assert status(*signs) is not None
    with pytest.raises(NotKnownError, match="a mask of another digest"):
        status(*signs, "-rsigopt", "rsa_mgf1_md:sha512")
    with pytest.raises(NotKnownError, match="a digest other than SHA256"):
        status(*signs, "-rmd", "sha1")
    answer = bytearray(authority.answer(asked, "-ndays", "1", *signs))
    answer[answer.index(der.oid("1.2.840.113549.1.1.10")) + 80] ^= 1
    with pytest.raises(NotKnownError):
        ocsp.status(bytes(answer), issued(people), now)


def test_lists_that_are_signed_with_it(people: People) -> None:
    now = datetime.now(UTC)
    built = x509.CertificateRevocationListBuilder(people.root.subject, now, now + timedelta(days=1))
    assert isinstance(people.root.private, rsa.RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    made = built.sign(people.root.private, hashes.SHA256(), rsa_padding=pss)
    encoded = made.public_bytes(Encoding.DER)
    assert revocation_lists.status(encoded, issued(people), now) is None
    salt = der.tagged(2, der.integer(32))
    assert encoded.count(salt) == 2
    for number in (b"\x02\x01\x7f", b"\x02\x01\xff", b"\x02\x01\x00"):
        with pytest.raises(NotKnownError):
            revocation_lists.status(
                encoded.replace(salt, der.tagged(2, number)), issued(people), now
            )


# Parameters


def named(number: str, *parameters: bytes) -> bytes:
    return der.sequence(der.oid(number), *parameters)


SHA1_NAME, SHA512_NAME = named("1.3.14.3.2.26"), named("2.16.840.1.101.3.4.2.3")
NAME = named("2.16.840.1.101.3.4.2.1", der.NULL)
SHORT_NAME = named("2.16.840.1.101.3.4.2.1")
MASK, MGF1 = named("1.2.840.113549.1.1.8", NAME), "1.2.840.113549.1.1.8"
DIGEST_IS, MASK_IS = der.tagged(0, NAME), der.tagged(1, MASK)
SALT_IS, TRAILER_IS = der.tagged(2, der.integer(32)), der.tagged(3, der.integer(1))


def written(*parameters: bytes) -> bytes:
    return named("1.2.840.113549.1.1.10", *parameters)


def fields(*parts: bytes) -> bytes:
    return written(der.sequence(*parts))


def salt(number: bytes) -> bytes:
    return fields(DIGEST_IS, MASK_IS, der.tagged(2, number))


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    ("identifier", "length"),
    [
        (fields(DIGEST_IS, MASK_IS, SALT_IS), 32),
        (fields(DIGEST_IS, MASK_IS, SALT_IS, TRAILER_IS), 32),
        (fields(DIGEST_IS, MASK_IS), 20),
        (fields(DIGEST_IS, MASK_IS, TRAILER_IS), 20),
        (fields(der.tagged(0, SHORT_NAME), der.tagged(1, named(MGF1, SHORT_NAME)), SALT_IS), 32),
        (salt(der.integer(0)), 0),
        (salt(der.integer(222)), 222),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
def test_parameters_that_signers_write(
    key: rsa.RSAPrivateKey, identifier: bytes, length: int
) -> None:
    digest = hashlib.sha256(b"content").digest()
    known = Prehashed(hashes.SHA256())
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), length)
    signature = key.sign(digest, pss, known)
    public = key.public_key()
    scheme = scheme_of(identifier, HASHES[SHA256], public)
    assert scheme.verifies(public, signature, digest)
    assert not scheme.verifies(public, signature, hashlib.sha256(b"other").digest())
    for other in (
        key.sign(digest, padding.PKCS1v15(), known),
        key.sign(digest, padding.PSS(padding.MGF1(hashes.SHA256()), abs(length - 1)), known),
        key.sign(digest, padding.PSS(padding.MGF1(hashes.SHA512()), length), known),
    ):
        assert not scheme.verifies(public, other, digest)


OTHER_DIGEST = "names another digest than it uses"
OTHER_MASK = "a mask of another digest"
NO_ROOM = "a salt that is too long for its key"
DAMAGED = "damaged parameters"


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        (written(), DAMAGED),
        (written(der.NULL), DAMAGED),
        (written(der.sequence(), der.sequence()), DAMAGED),
        (fields(), OTHER_DIGEST),  # SHA-1, by its default
        (fields(MASK_IS, SALT_IS), OTHER_DIGEST),
        (fields(der.tagged(0, SHA1_NAME), MASK_IS, SALT_IS), OTHER_DIGEST),
        (fields(der.tagged(0, SHA512_NAME), MASK_IS, SALT_IS), OTHER_DIGEST),
        (fields(der.tagged(0, named("1.2.840.113549.2.5")), MASK_IS, SALT_IS), OTHER_DIGEST),
        (fields(der.tagged(0, named("1.2.3")), MASK_IS, SALT_IS), OTHER_DIGEST),
        (fields(der.tagged(0, der.NULL), MASK_IS, SALT_IS), OTHER_DIGEST),
        (fields(DIGEST_IS, SALT_IS), OTHER_MASK),
        (fields(DIGEST_IS, der.tagged(1, named(MGF1, SHA1_NAME)), SALT_IS), OTHER_MASK),
        (fields(DIGEST_IS, der.tagged(1, named(MGF1, SHA512_NAME)), SALT_IS), OTHER_MASK),
        (fields(DIGEST_IS, der.tagged(1, named("1.2.3", NAME)), SALT_IS), OTHER_MASK),
        (fields(DIGEST_IS, der.tagged(1, named(MGF1)), SALT_IS), OTHER_MASK),
        (fields(DIGEST_IS, MASK_IS, SALT_IS, der.tagged(3, der.integer(2))), "unknown trailer"),
        (fields(DIGEST_IS, MASK_IS, SALT_IS, der.tagged(3, der.NULL)), "unknown trailer"),
        (salt(der.integer(223)), NO_ROOM),
        (salt(der.integer(-1)), NO_ROOM),
        (salt(der.integer(1 << 80_000)), NO_ROOM),
        (salt(b"\x02\x02\x00\x20"), NO_ROOM),
        (salt(b"\x02\x00"), NO_ROOM),
        (salt(der.NULL), "not the DER that was expected"),
        (fields(DIGEST_IS, MASK_IS, SALT_IS, SALT_IS), DAMAGED),
        (fields(MASK_IS, DIGEST_IS, SALT_IS), DAMAGED),
        (fields(DIGEST_IS, MASK_IS, der.tagged(2, der.integer(32) * 2)), DAMAGED),
        (fields(DIGEST_IS, MASK_IS, der.tagged(2, b"")), DAMAGED),
        (fields(DIGEST_IS, MASK_IS, SALT_IS, TRAILER_IS, der.tagged(4, der.NULL)), DAMAGED),
        (fields(DIGEST_IS, MASK_IS, SALT_IS, der.NULL), DAMAGED),
        (der.sequence(), "an algorithm that its certificate has no key for"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
def test_parameters_that_are_refused(
    key: rsa.RSAPrivateKey, identifier: bytes, reason: str
) -> None:
    with pytest.raises((FormatError, der.DerError), match=reason):
        scheme_of(identifier, HASHES[SHA256], key.public_key())


def test_keys_that_have_no_such_signatures() -> None:
    right = fields(DIGEST_IS, MASK_IS, SALT_IS)
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(FormatError, match="that its certificate has no key for"):
        scheme_of(right, HASHES[SHA256], curve)
    small = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505
    sha512 = HASHES[DigestAlgorithm.SHA512]
    room = [der.tagged(0, SHA512_NAME), der.tagged(1, named(MGF1, SHA512_NAME))]
    assert scheme_of(fields(*room, der.tagged(2, der.integer(62))), sha512, small).pss
    with pytest.raises(FormatError, match=NO_ROOM):
        scheme_of(fields(*room, der.tagged(2, der.integer(63))), sha512, small)
