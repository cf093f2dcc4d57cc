"""``verify --revocation-mode``: what OpenSSL revokes, and the answers that do not count."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as x509_ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from signing import samples
from signing.authority import Authority, served
from signing.harness import judge
from signing.local import LocalSigner
from signing.revoking import Page, RevokingAuthority, Site
from signotaur_action.key_server.revocation import HttpRevocationAuthorities
from signotaur_action.key_server.signing import HttpTimestampServer
from signotaur_action.signing import der, ocsp, revocation_lists
from signotaur_action.signing.file_check import FileCheck
from signotaur_action.signing.formats import SupportedFormats
from signotaur_action.signing.outcomes import FileResult, FileStatus
from signotaur_action.signing.pe_files import PeFiles
from signotaur_action.signing.pe_image import PeImage
from signotaur_action.signing.plan import OnSigned
from signotaur_action.signing.revocation import EmbeddedLists, Online, RevocationSource
from signotaur_action.signing.revocation_status import Issued, NotKnownError, Revoked
from signotaur_action.signing.signed_message import SignedMessage
from signotaur_action.signing.trust import Trust
from signotaur_action.signing.verification import FileVerifier
from support.client import run_client
from support.clock import VirtualClock

HOUR, DAY = 3600.0, 86400.0
OCSP, LIST = "/ocsp", "/ca.crl"
NOT_KNOWN = "the revocation status of the certificate CN=signer is not known: "


def name(url: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(url)


def responder(url: str) -> tuple[x509.ExtensionType, bool]:
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, name(url))
    return x509.AuthorityInformationAccess([access]), False


def lists(
    url: str, reasons: frozenset[x509.ReasonFlags] | None = None, *, of: str = ""
) -> tuple[x509.ExtensionType, bool]:
    other = LocalSigner(name=of).subject if of else None
    issuer = [x509.DirectoryName(other)] if other else None
    point = x509.DistributionPoint([name(url)], None, reasons, issuer)
    return x509.CRLDistributionPoints([point]), False


def key_usage(*, digital_signature: bool, crl_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=crl_sign,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


@dataclass
class RevocationSetup:
    """A root that revokes, its web server, and a program that it is asked about."""

    root: LocalSigner
    authority: RevokingAuthority
    site: Site
    work: Path
    number: int = 0
    """The serial number of the signer that was made last."""

    def signer(self, *ways: str, issuer: LocalSigner | None = None) -> LocalSigner:
        """Return a signer whose certificate names these ways to ask; it is good."""
        named = {OCSP: responder, LIST: lists}
        extensions = [named[way](self.site.url + way) for way in ways]
        signer = LocalSigner(name="signer", issuer=issuer or self.root, extensions=extensions)
        self.authority.add(signer.encoded)
        self.number = x509.load_der_x509_certificate(signer.encoded).serial_number
        return signer

    def serve(self) -> None:
        """Answer as OpenSSL does, from what is revoked now."""
        self.answer()
        self.publish(self.authority.revocation_list())

    def answer(self, *options: str, signer: LocalSigner | None = None) -> None:
        self.site.pages[OCSP] = lambda request: Page(
            self.authority.answer(request, *options, signer=signer)
        )

    def publish(self, content: bytes) -> None:
        self.site.pages[LIST] = lambda _: Page(content)

    def signed(self, signer: LocalSigner, *servers: HttpTimestampServer) -> Path:
        file = samples.tiny_pe(self.work / "a.exe")
        assert signer.sign(file, servers=servers).status is FileStatus.SIGNED
        return file


@pytest.fixture
def world(tools: None, work: Path) -> Iterator[RevocationSetup]:  # noqa: ARG001
    root = LocalSigner(name="root", usages=(), is_authority=True)
    with Site().running() as site:
        yield RevocationSetup(root, RevokingAuthority(work / "ca", root), site, work)


def online(clock: VirtualClock) -> RevocationSource:
    return Online(HttpRevocationAuthorities(clock, {}), clock)


def verdict(
    file: Path,
    *roots: LocalSigner | Authority,
    source: Callable[[VirtualClock], RevocationSource] = online,
    after: float = 0,
    strict: bool = False,
) -> FileResult:
    clock = VirtualClock()
    clock.sleep(after)
    check = FileCheck(OnSigned.REPLACE, "", reads_signatures=False)
    trust = Trust.of([each.encoded for each in roots])
    return FileVerifier(
        trust, SupportedFormats(None), check, clock, strict_lifetime=strict,
        revocation=source(clock),
    ).verify(file)  # fmt: skip


def timestamp_authority(world: RevocationSetup) -> tuple[Authority, LocalSigner]:
    """Return one of the root's, which is good, and its certificate."""
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    issued = LocalSigner(
        name="TSA", issuer=world.root, usages=(),
        extensions=[(usage, True), responder(world.site.url + OCSP)],
    )  # fmt: skip
    world.authority.add(issued.encoded)
    return Authority(world.work / "tsa", issued), issued


def accepted_by_openssl(world: RevocationSetup, signer: LocalSigner) -> bool:
    """Return whether OpenSSL accepts a certificate with the list that is published."""
    encoded, certificate = world.work / "judged.crl", world.work / "judged.pem"
    encoded.write_bytes(world.site.pages[LIST](b"").content)
    certificate.write_bytes(signer.pem)
    done = subprocess.run(
        ["openssl", "verify", "-purpose", "any", "-crl_check", "-CAfile",
         world.authority.certificate, "-CRLfile", encoded, certificate],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode == 0


def accepted_by_osslsigncode(world: RevocationSetup, file: Path) -> bool:
    """Return whether osslsigncode accepts a file with the list that is published."""
    encoded, text = world.work / "judged.crl", world.work / "judged.crl.pem"
    encoded.write_bytes(world.site.pages[LIST](b"").content)
    conversion = ("openssl", "crl", "-inform", "DER", "-in", encoded, "-out", text)
    subprocess.run(conversion, check=True, capture_output=True, timeout=60)
    return judge(file, world.authority.certificate, "-CRLfile", text).good


def answer_accepted_by_openssl(world: RevocationSetup, signer: LocalSigner) -> bool:
    """Return whether OpenSSL accepts the responder's answer about a certificate."""
    answer, certificate = world.work / "judged.answer", world.work / "judged.pem"
    answer.write_bytes(world.site.pages[OCSP](world.authority.question(signer)).content)
    certificate.write_bytes(signer.pem)
    done = subprocess.run(
        ["openssl", "ocsp", "-issuer", world.authority.certificate, "-cert", certificate,
         "-CAfile", world.authority.certificate, "-respin", answer, "-no_nonce"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return "Response verify OK" in done.stderr and f"{certificate}: good" in done.stdout


# What the authority says


@pytest.mark.parametrize("way", [OCSP, LIST])
def test_a_good_and_a_revoked_certificate(world: RevocationSetup, way: str) -> None:
    signer = world.signer(way)
    file = world.signed(signer)
    world.serve()
    assert verdict(file, world.root).status is FileStatus.VERIFIED
    assert accepted_by_openssl(world, signer)
    assert accepted_by_osslsigncode(world, file)

    since = datetime.now(UTC) - timedelta(days=1)
    world.authority.revoke(signer.encoded, since, "superseded")
    world.serve()
    result = verdict(file, world.root)
    assert result.status is FileStatus.FAILED
    assert result.reason == (
        f"the certificate CN=signer was revoked on {since:%Y-%m-%dT%H:%M:%SZ} (superseded)"
    )
    assert not accepted_by_openssl(world, signer)
    assert not accepted_by_osslsigncode(world, file)


REVOKED_BEFORE, REVOKED_LATER = -HOUR, HOUR


@pytest.mark.parametrize("way", [OCSP, LIST])
@pytest.mark.parametrize(
    ("revoked", "reason", "stamped", "strict", "is_good"),
    [
        (REVOKED_LATER, "keyCompromise", True, False, True),
        (REVOKED_LATER, "", True, False, True),
        (REVOKED_LATER, "", False, False, False),
        (REVOKED_LATER, "", True, True, False),
        (REVOKED_BEFORE, "", True, False, False),
        (REVOKED_LATER, "keyTime", True, False, False),
        (REVOKED_LATER, "certificateHold", True, False, True),
    ],
)
def test_a_signature_stays_good_if_it_is_proven_older_than_the_revocation(
    world: RevocationSetup,
    authority: Authority,
    way: str,
    revoked: float,
    reason: str,
    stamped: bool,  # noqa: FBT001
    strict: bool,  # noqa: FBT001
    is_good: bool,  # noqa: FBT001
) -> None:
    signer = world.signer(way)
    with served(authority.answer) as (url, _):
        servers = [HttpTimestampServer(url, VirtualClock())] if stamped else []
        file = world.signed(signer, *servers)
    now = datetime.now(UTC)
    if reason == "keyTime":  # revoked later, but the key was lost before
        reason = f"keyTime,{now - timedelta(hours=1):%Y%m%d%H%M%SZ}"
    world.authority.revoke(signer.encoded, now + timedelta(seconds=revoked), reason)
    world.serve()
    result = verdict(file, world.root, authority, after=2 * HOUR, strict=strict)
    assert (result.status is FileStatus.VERIFIED) is is_good, result.reason
    assert is_good or "the certificate CN=signer was revoked on 20" in result.reason


@pytest.mark.parametrize(
    ("reason", "is_good"),
    [("superseded", True), ("cessationOfOperation", True), ("keyCompromise", False), ("", False)],
)
def test_a_revoked_timestamp_authority(world: RevocationSetup, reason: str, is_good: bool) -> None:  # noqa: FBT001
    """Who has its key can date a timestamp back."""
    stamping, issued = timestamp_authority(world)
    signer = world.signer(OCSP)
    with served(stamping.answer) as (url, _):
        file = world.signed(signer, HttpTimestampServer(url, VirtualClock()))
    world.serve()
    assert verdict(file, world.root, after=2 * HOUR).status is FileStatus.VERIFIED

    since = datetime.now(UTC) + timedelta(hours=1)
    world.authority.revoke(issued.encoded, since, reason)
    result = verdict(file, world.root, after=2 * HOUR)
    assert (result.status is FileStatus.VERIFIED) is is_good, result.reason
    told = "its timestamp is not valid: the certificate CN=TSA was revoked on 20"
    assert is_good or told in result.reason


def test_every_certificate_but_the_root_is_asked_about(world: RevocationSetup) -> None:
    ways = [responder(world.site.url + OCSP)]
    between = LocalSigner(
        name="between", issuer=world.root, usages=(), is_authority=True, extensions=ways
    )
    world.authority.add(between.encoded)
    world.answer()
    lower = RevokingAuthority(world.work / "lower", between)
    signer = LocalSigner(name="signer", issuer=between, extensions=[lists(world.site.url + LIST)])
    world.publish(lower.revocation_list())
    file = world.signed(signer)
    assert verdict(file, world.root).status is FileStatus.VERIFIED
    assert world.site.asked == [f"GET {LIST}", f"POST {OCSP}"]

    # What is trusted itself is not asked about.
    world.site.asked.clear()
    assert verdict(file, between).status is FileStatus.VERIFIED
    assert world.site.asked == [f"GET {LIST}"]

    world.authority.revoke(between.encoded, datetime.now(UTC) - timedelta(days=1))
    assert "the certificate CN=between was revoked on" in verdict(file, world.root).reason


# Answers that do not count


def of_another(world: RevocationSetup) -> None:
    question = world.authority.question(world.signer())
    world.site.pages[OCSP] = lambda _: Page(world.authority.answer(question))


def of_two(world: RevocationSetup) -> None:
    """An answer to the same question, asked twice."""

    def page(request: bytes) -> Page:
        asked = asn1_ocsp.OCSPRequest.load(request)
        questions = asked["tbs_request"]["request_list"]
        questions.append(questions[0].copy())
        return Page(world.authority.answer(asked.dump(force=True)))

    world.site.pages[OCSP] = page


def by_stranger(world: RevocationSetup) -> None:
    world.answer(signer=LocalSigner(name="stranger", usages=[ExtendedKeyUsageOID.OCSP_SIGNING]))


def by_namesake(world: RevocationSetup) -> None:
    """It has the name of the issuer, and another key."""
    world.answer(signer=LocalSigner(name="root", usages=(), is_authority=True))


def by_delegate(
    *usages: x509.ObjectIdentifier, no_check: bool = True
) -> Callable[[RevocationSetup], None]:
    def answer(world: RevocationSetup) -> None:
        more = [(x509.OCSPNoCheck(), False)] if no_check else []
        world.answer(
            signer=LocalSigner(name="d", issuer=world.root, usages=usages, extensions=more)
        )

    return answer


def by_critical_delegate(world: RevocationSetup) -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")
    world.answer(
        signer=LocalSigner(
            name="d", issuer=world.root, usages=[ExtendedKeyUsageOID.OCSP_SIGNING],
            extensions=[(x509.OCSPNoCheck(), False), (unknown, True)],
        )
    )  # fmt: skip


def by_delegate_that_may_not_sign(world: RevocationSetup) -> None:
    usage = key_usage(digital_signature=False, crl_sign=True)
    world.answer(
        signer=LocalSigner(
            name="d", issuer=world.root, usages=[ExtendedKeyUsageOID.OCSP_SIGNING],
            extensions=[(x509.OCSPNoCheck(), False), (usage, True)],
        )
    )  # fmt: skip


def with_critical_extension(world: RevocationSetup) -> None:
    def page(request: bytes) -> Page:
        asked = x509_ocsp.load_der_ocsp_request(request)
        now = datetime.now(UTC)
        answer = (
            x509_ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                asked.issuer_name_hash, asked.issuer_key_hash, asked.serial_number, SHA1(),  # noqa: S303
                x509_ocsp.OCSPCertStatus.GOOD, now, now + timedelta(days=1), None, None,
            )
            .responder_id(
                x509_ocsp.OCSPResponderEncoding.NAME,
                x509.load_der_x509_certificate(world.root.encoded),
            )
            .add_extension(x509.OCSPNonce(b"nonce" * 4), critical=True)
        )  # fmt: skip
        return Page(answer.sign(world.root.private, SHA256()).public_bytes(Encoding.DER))

    world.site.pages[OCSP] = page


def with_critical_detail(world: RevocationSetup) -> None:
    """An extension of what it says about the one certificate."""

    def page(request: bytes) -> Page:
        answer = asn1_ocsp.OCSPResponse.load(world.authority.answer(request))
        basic = answer.basic_ocsp_response
        detail = {"extn_id": "1.2.3.4", "critical": True, "extn_value": der.NULL}
        basic["tbs_response_data"]["responses"][0]["single_extensions"] = [detail]
        covered = basic["tbs_response_data"].dump(force=True)
        basic["signature"] = world.root.private.sign(covered, ECDSA(SHA256()))  # type: ignore[call-arg,arg-type]
        answer["response_bytes"]["response"] = basic
        return Page(answer.dump(force=True))

    world.site.pages[OCSP] = page


def by_delegate_with_sha1(world: RevocationSetup) -> None:
    delegate = LocalSigner(
        name="d", issuer=world.root, usages=[ExtendedKeyUsageOID.OCSP_SIGNING],
        extensions=[(x509.OCSPNoCheck(), False)],
    )  # fmt: skip
    delegate.pem = world.authority.signed_again(delegate, "sha1")
    world.answer(signer=delegate)


def without_certificate(world: RevocationSetup) -> None:
    delegate = LocalSigner(name="d", issuer=world.root, usages=[ExtendedKeyUsageOID.OCSP_SIGNING])
    world.answer("-resp_no_certs", "-ndays", "1", signer=delegate)


def changed_signature(world: RevocationSetup) -> None:
    def page(request: bytes) -> Page:
        content = bytearray(world.authority.answer(request, "-resp_no_certs", "-ndays", "1"))
        content[-1] ^= 1
        return Page(bytes(content))

    world.site.pages[OCSP] = page


def page(**parts: object) -> Callable[[RevocationSetup], None]:
    def answer(world: RevocationSetup) -> None:
        for path in (OCSP, LIST):
            world.site.pages[path] = lambda _: replace(Page(), **parts)  # type: ignore[arg-type]

    return answer


def redirected(world: RevocationSetup) -> None:
    world.serve()
    pages, moved = world.site.pages, {}
    for path in (OCSP, LIST):
        moved[f"{path}/there"] = pages[path]
        location = f"{world.site.url}{path}/there"
        pages[path] = lambda _, to=location: Page(status=307, location=to)  # type: ignore[misc]
    pages.update(moved)


ANYWHERE: list[tuple[Callable[[RevocationSetup], None], float, str]] = [
    (page(), 0, "it is not "),
    (page(content=b"0\x03\x02\x01\x05"), 0, "it is not "),
    (page(content=b"\0" * 65536, times=300), 0, "answered with more than "),
    (page(status=0), 0, "cannot be reached"),
    (page(status=404), 0, "it answered 404"),
    (redirected, 0, "it answered 307"),
    (RevocationSetup.serve, 2 * DAY, "it was valid until "),
    (RevocationSetup.serve, -HOUR, "in the future"),
]


@pytest.mark.parametrize(
    ("answer", "after", "reason"),
    [
        *ANYWHERE,
        (lambda world: world.answer("-resp_key_id", "-ndays", "1"), 0, ""),
        (lambda world: world.answer("-nmin", "1"), 600, "it was valid until "),
        (of_another, 0, "its answer is about another certificate"),
        (of_two, 0, "it is not an OCSP answer about one certificate"),
        (by_stranger, 0, "the certificate of its signer is not from the issuer"),
        (by_namesake, 0, "its signature is not right"),
        (by_delegate(ExtendedKeyUsageOID.OCSP_SIGNING), 0, ""),
        (by_delegate(), 0, "its signer may not sign OCSP answers"),
        (by_delegate(ExtendedKeyUsageOID.CODE_SIGNING), 0, "its signer may not sign OCSP answers"),
        (
            by_delegate(ExtendedKeyUsageOID.OCSP_SIGNING, no_check=False),
            0,
            "its signer may have been revoked itself",
        ),
        (by_critical_delegate, 0, "the critical extension 1.2.3.4"),
        (by_delegate_that_may_not_sign, 0, "its signer may not sign OCSP answers"),
        (with_critical_extension, 0, "the critical extension 1.3.6.1.5.5.7.48.1.2"),
        (with_critical_detail, 0, "the critical extension 1.2.3.4"),
        (by_delegate_with_sha1, 0, "uses a digest other than SHA256"),
        (without_certificate, 0, "the certificate of its signer is missing"),
        (changed_signature, 0, "its signature is not right"),
        (
            lambda world: world.answer("-rmd", "sha1", "-ndays", "1"),
            0,
            "uses a digest other than SHA256",
        ),
        (page(content=b"0\x03\n\x01\x03"), 0, "it answered TRY_LATER"),
    ],
)
def test_an_ocsp_answer_counts_or_is_refused(
    world: RevocationSetup, answer: Callable[[RevocationSetup], None], after: float, reason: str
) -> None:
    signer = world.signer(OCSP)
    file = world.signed(signer)
    answer(world)
    result = verdict(file, world.root, after=after)
    assert (result.status is FileStatus.VERIFIED) is (not reason), result.reason
    if reason:
        assert result.reason.startswith(f"{NOT_KNOWN}{world.site.url}{OCSP}: ")
        assert reason in result.reason
    else:
        assert answer_accepted_by_openssl(world, signer)


def by_another(name: str) -> Callable[[RevocationSetup], None]:
    def publish(world: RevocationSetup) -> None:
        other = LocalSigner(name=name, usages=(), is_authority=True)
        world.publish(RevokingAuthority(world.work / "other", other).revocation_list())

    return publish


def published(extensions: str, digest: str = "sha256") -> Callable[[RevocationSetup], None]:
    def publish(world: RevocationSetup) -> None:
        text = extensions.replace("SITE", world.site.url)
        world.publish(world.authority.revocation_list(text, digest=digest))

    return publish


def with_entries(*numbers: int, of: LocalSigner | None = None) -> Callable[[RevocationSetup], None]:
    """Publish a list with entries of numbers; 0 is the signer's. ``of``: their issuer."""

    def publish(world: RevocationSetup) -> None:
        now = datetime.now(UTC)
        made = x509.CertificateRevocationListBuilder(world.root.subject, now, now + timedelta(1))
        for number in numbers:
            entry = x509.RevokedCertificateBuilder(number or world.number, now)
            if of:
                issuer = x509.CertificateIssuer([x509.DirectoryName(of.subject)])
                entry = entry.add_extension(issuer, critical=True)
            made = made.add_revoked_certificate(entry.build())
        encoded = made.sign(world.root.private, SHA256()).public_bytes(Encoding.DER)
        world.publish(encoded)

    return publish


SCOPE = "issuingDistributionPoint = critical,@scope\n[scope]\n"
PARTIAL = "it does not cover the certificate"


@pytest.mark.parametrize(
    ("publish", "after", "reason"),
    [
        *ANYWHERE,
        (by_another("other"), 0, "it is a list of another authority"),
        (by_another("root"), 0, "its signature is not right"),
        (published("1.2.3.4 = critical,ASN1:NULL"), 0, "the critical extension 1.2.3.4"),
        (published("1.2.3.4 = ASN1:NULL"), 0, ""),
        (published("2.5.29.27 = critical,ASN1:INTEGER:1"), 0, "critical extension 2.5.29.27"),
        (published("2.5.29.27 = ASN1:INTEGER:1"), 0, "it is a delta list"),
        (published(SCOPE + "fullname = URI:SITE/ca.crl"), 0, ""),
        (published(SCOPE + "fullname = URI:SITE/other.crl"), 0, PARTIAL),
        (published(SCOPE + "onlyuser = TRUE"), 0, ""),
        (published(SCOPE + "onlyCA = TRUE"), 0, PARTIAL),
        (published(SCOPE + "relativename = name\n[name]\nCN = a"), 0, PARTIAL),
        (with_entries(0, 0), 0, "it is not a revocation list"),
        (with_entries(7, of=LocalSigner()), 0, "the critical extension 2.5.29.29"),
        (published(SCOPE + "onlyAA = TRUE"), 0, PARTIAL),
        (published(SCOPE + "indirectCRL = TRUE"), 0, PARTIAL),
        (published(SCOPE + "onlysomereasons = keyCompromise"), 0, PARTIAL),
        (published("", "sha1"), 0, "uses a digest other than SHA256"),
    ],
)
def test_a_list_counts_or_is_refused(
    world: RevocationSetup, publish: Callable[[RevocationSetup], None], after: float, reason: str
) -> None:
    signer = world.signer(LIST)
    file = world.signed(signer)
    publish(world)
    result = verdict(file, world.root, after=after)
    assert (result.status is FileStatus.VERIFIED) is (not reason), result.reason
    if reason:
        assert result.reason.startswith(f"{NOT_KNOWN}{world.site.url}{LIST}: ")
        assert reason in result.reason
    else:
        assert accepted_by_openssl(world, signer)


@pytest.mark.parametrize(("scope", "is_good"), [("onlyCA", True), ("onlyuser", False)])
def test_a_list_of_some_kind_of_certificate(
    world: RevocationSetup,
    scope: str,
    is_good: bool,  # noqa: FBT001
) -> None:
    between = LocalSigner(
        name="between", issuer=world.root, usages=(), is_authority=True,
        extensions=[lists(world.site.url + "/of-authorities.crl")],
    )  # fmt: skip
    made = world.authority.revocation_list(f"{SCOPE}{scope} = TRUE")
    world.site.pages["/of-authorities.crl"] = lambda _: Page(made)
    file = world.signed(world.signer(LIST, issuer=between))
    world.publish(RevokingAuthority(world.work / "lower", between).revocation_list())
    result = verdict(file, world.root)
    assert (result.status is FileStatus.VERIFIED) is is_good, result.reason
    assert is_good or PARTIAL in result.reason


def test_an_entry_that_only_delta_lists_may_have(world: RevocationSetup) -> None:
    signer = world.signer(LIST)
    file = world.signed(signer)
    world.authority.revoke(signer.encoded, datetime.now(UTC), "removeFromCRL")
    world.serve()
    assert "removeFromCRL" in verdict(file, world.root).reason


def test_an_issuer_that_may_not_sign_lists(world: RevocationSetup) -> None:
    usage = key_usage(digital_signature=True, crl_sign=False)
    issuer = LocalSigner(name="issuer", usages=(), is_authority=True, extensions=[(usage, True)])
    file = world.signed(world.signer(LIST, issuer=issuer))
    made = RevokingAuthority(world.work / "other", issuer)
    world.publish(made.revocation_list())
    assert "the issuer may not sign revocation lists" in verdict(file, issuer).reason


def issued(world: RevocationSetup, *ways: str) -> Issued:
    certificates = world.signer(*ways).encoded, world.root.encoded
    return Issued(*map(x509.load_der_x509_certificate, certificates))


@pytest.mark.parametrize(("days", "reason"), [(20, ""), (40, "it was valid until ")])
def test_a_delegate_must_be_valid_now(world: RevocationSetup, days: int, reason: str) -> None:
    pair = issued(world)
    delegate = LocalSigner(
        name="d", issuer=world.root, usages=[ExtendedKeyUsageOID.OCSP_SIGNING],
        extensions=[(x509.OCSPNoCheck(), False)],
    )  # fmt: skip
    answer = world.authority.answer(ocsp.request(pair), "-ndays", "60", signer=delegate)
    moment = VirtualClock().now() + timedelta(days=days)
    if reason:
        with pytest.raises(NotKnownError, match=reason):
            ocsp.status(answer, pair, moment)
    else:
        assert ocsp.status(answer, pair, moment) is None


@pytest.mark.parametrize("way", [OCSP, LIST])
def test_no_changed_byte_of_an_answer_hides_a_revocation(world: RevocationSetup, way: str) -> None:
    pair, now = issued(world), VirtualClock().now()
    world.authority.revoke(pair.certificate.public_bytes(Encoding.DER), now, "superseded")
    if way == OCSP:
        content = world.authority.answer(ocsp.request(pair), "-resp_no_certs", "-ndays", "1")
        read: Callable[[bytes, Issued, datetime], Revoked | None] = ocsp.status
    else:
        content = world.authority.revocation_list()
        read = revocation_lists.status
    revoked = read(content, pair, now)
    assert revoked
    refused = 0
    for at in range(len(content)):
        changed = bytearray(content)
        for bits in (1 << at % 8, 0xFF):
            changed[at] = content[at] ^ bits
            try:
                # The number of unused bits in a signature changes nothing.
                assert read(bytes(changed), pair, now) == revoked
            except NotKnownError:
                refused += 1
        with pytest.raises(NotKnownError):
            read(content[:at], pair, now)
    assert refused > len(content)


# Whom it asks


def test_a_list_answers_if_no_responder_does(world: RevocationSetup) -> None:
    signer = world.signer(OCSP, LIST)
    file = world.signed(signer)
    world.serve()
    by_stranger(world)
    assert verdict(file, world.root).status is FileStatus.VERIFIED
    assert world.site.asked == [f"POST {OCSP}", f"GET {LIST}"]

    world.authority.revoke(signer.encoded, datetime.now(UTC) - timedelta(days=1))
    world.publish(world.authority.revocation_list())
    assert "was revoked on" in verdict(file, world.root).reason


def test_what_its_issuer_does_not_know_is_not_looked_up_in_a_list(world: RevocationSetup) -> None:
    signer = world.signer(OCSP, LIST)
    file = world.signed(signer)
    world.authority = RevokingAuthority(world.work / "forgetful", world.root)
    world.serve()
    assert verdict(file, world.root).reason == f"{NOT_KNOWN}its authority does not know it"
    assert world.site.asked == [f"POST {OCSP}"]


@pytest.mark.parametrize(
    ("ways", "reason"),
    [
        ([], "it names no address to ask"),
        ([responder("ldap:///CN=root?x")], "ldap:///CN=root?x: it is not an http or https URL"),
        ([responder("file:///etc/passwd")], "it is not an http or https URL"),
        ([responder("http://me:secret@127.0.0.1/")], "it is not an http or https URL"),
        ([responder("http://127.0.0.1:port/")], "it is not an http or https URL"),
        ([responder("http://127.0.0.1/a b")], "it is not an http or https URL"),
        ([lists("http://127.0.0.1:9/", frozenset({x509.ReasonFlags.superseded}))], "no address"),
        ([lists("http://127.0.0.1:9/", of="another")], "it names no address to ask"),
    ],
)
def test_addresses_that_are_not_asked(
    world: RevocationSetup, ways: Sequence[tuple[x509.ExtensionType, bool]], reason: str
) -> None:
    file = world.signed(LocalSigner(name="signer", issuer=world.root, extensions=ways))
    result = verdict(file, world.root)
    assert result.status is FileStatus.FAILED
    assert result.reason.startswith(NOT_KNOWN)
    assert reason in result.reason


def test_at_most_four_addresses_are_asked(world: RevocationSetup) -> None:
    places = [
        x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, name(f"{world.site.url}/{number}")
        )
        for number in range(9)
    ]
    ways = [(x509.AuthorityInformationAccess(places), False)]
    file = world.signed(LocalSigner(name="signer", issuer=world.root, extensions=ways))
    assert verdict(file, world.root).reason.startswith(NOT_KNOWN)
    assert world.site.asked == [f"POST /{number}" for number in range(4)]


def test_nothing_is_asked_before_the_chain_is_trusted(world: RevocationSetup) -> None:
    file = world.signed(world.signer(OCSP, LIST))
    world.serve()
    stranger = LocalSigner(name="root", usages=(), is_authority=True)
    assert "is not trusted" in verdict(file, stranger).reason
    file.write_bytes(file.read_bytes().replace(samples.MARKER, samples.MARKER.upper()))
    assert "it was changed" in verdict(file, world.root).reason
    assert world.site.asked == []


@pytest.mark.parametrize("way", [OCSP, LIST])
@pytest.mark.parametrize("answers", [True, False])
def test_each_question_is_asked_once_in_a_run(
    world: RevocationSetup,
    way: str,
    answers: bool,  # noqa: FBT001
) -> None:
    file = world.signed(world.signer(way))
    if answers:
        world.serve()
    clock = VirtualClock()
    source = online(clock)
    with ThreadPoolExecutor(4) as pool:
        results = list(
            pool.map(lambda _: verdict(file, world.root, source=lambda _: source), range(8))
        )
    expected = FileStatus.VERIFIED if answers else FileStatus.FAILED
    assert {each.status for each in results} == {expected}
    assert len(world.site.asked) == 1


# Offline


def with_lists(file: Path, *encoded: bytes) -> Path:
    """Put revocation lists into the signature of a program, as anybody can."""
    with file.open("rb") as stream:
        signed = SignedMessage.read(PeImage.read(stream).message())
    changed = replace(signed, more=(*signed.more, der.tagged(1, b"".join(encoded))))
    out = file.with_name("with-lists.exe")
    out.unlink(missing_ok=True)
    PeFiles().attach(file, changed._with(signed.unsigned), out, certificate=b"", nested=False)
    return out


def test_offline_looks_into_the_lists_of_the_signature(world: RevocationSetup) -> None:
    signer = world.signer(OCSP, LIST)
    good = world.authority.revocation_list()
    foreign = RevokingAuthority(world.work / "other", LocalSigner(is_authority=True))
    file = world.signed(signer)
    told = verdict(file, world.root, source=EmbeddedLists).reason
    assert told == f"{NOT_KNOWN}the signature has no revocation list"

    other = with_lists(file, foreign.revocation_list(), der.NULL)
    told = verdict(other, world.root, source=EmbeddedLists).reason
    assert told == (
        f"{NOT_KNOWN}a list in the signature: it is a list of another authority; "
        "a list in the signature: it is not a revocation list"
    )
    both = with_lists(file, foreign.revocation_list(), good)
    assert verdict(both, world.root, source=EmbeddedLists).status is FileStatus.VERIFIED
    old = verdict(both, world.root, source=EmbeddedLists, after=2 * DAY)
    assert "it was valid until" in old.reason

    world.authority.revoke(signer.encoded, datetime.now(UTC) - timedelta(days=1))
    newer = with_lists(file, good, world.authority.revocation_list())
    assert "was revoked on" in verdict(newer, world.root, source=EmbeddedLists).reason
    assert world.site.asked == []


def test_offline_looks_up_a_timestamp_authority_too(world: RevocationSetup) -> None:
    stamping, issued = timestamp_authority(world)
    with served(stamping.answer) as (url, _):
        file = world.signed(world.signer(), HttpTimestampServer(url, VirtualClock()))
    told = verdict(file, world.root, source=EmbeddedLists).reason
    assert "CN=TSA is not known: the signature has no revocation list" in told
    listed = with_lists(file, world.authority.revocation_list())
    assert verdict(listed, world.root, source=EmbeddedLists).status is FileStatus.VERIFIED

    world.authority.revoke(issued.encoded, datetime.now(UTC) - timedelta(days=1))
    listed = with_lists(file, world.authority.revocation_list())
    told = verdict(listed, world.root, source=EmbeddedLists).reason
    assert "the certificate CN=TSA was revoked on" in told
    assert world.site.asked == []


def test_a_signature_with_too_many_lists(world: RevocationSetup) -> None:
    file = world.signed(world.signer())
    good = world.authority.revocation_list()
    many = with_lists(file, *map(der.integer, range(16)), good)
    assert verdict(many, world.root, source=EmbeddedLists).reason.startswith(NOT_KNOWN)
    same = with_lists(file, *[der.NULL] * 16, good)
    assert verdict(same, world.root, source=EmbeddedLists).status is FileStatus.VERIFIED


# On the command line


def test_the_modes_on_the_command_line(world: RevocationSetup) -> None:
    signer = world.signer(OCSP)
    file = world.signed(signer)
    trusted = world.work / "trusted.pem"
    trusted.write_bytes(world.root.pem)
    world.serve()
    given = ("verify", "--ca-file", trusted, file)

    done = run_client(*given, "--revocation-mode", "online")
    assert done.code == 0, done.err
    assert "Revocation: checked online" in done.err
    assert world.site.asked == [f"POST {OCSP}"]
    offline = run_client(*given, "--revocation-mode", "Offline")
    assert offline.code == 1
    assert "the signature has no revocation list" in offline.err

    world.authority.revoke(signer.encoded, datetime.now(UTC) - timedelta(days=1), "keyCompromise")
    refused = run_client(*given, env={"SIGNOTAUR_REVOCATION_MODE": "Online"})
    assert refused.code == 1
    assert "the certificate CN=signer was revoked on 20" in refused.err
    assert "1 of 1 file could not be verified" in refused.err
    assert run_client(*given).code == 0

    embedded = with_lists(file, RevokingAuthority(world.work / "o", world.root).revocation_list())
    done = run_client("verify", "--ca-file", trusted, embedded, "--revocation-mode", "Offline")
    assert done.code == 0, done.err
    assert "Revocation: checked in the lists of each signature" in done.err
    assert len(world.site.asked) == 2


def test_untrusted_roots_do_not_choose_whom_to_ask(world: RevocationSetup) -> None:
    file = world.signed(world.signer(OCSP))
    world.serve()
    done = run_client("verify", "--ignore-untrusted-root", "--revocation-mode", "Online", file)
    assert done.code == 10
    assert "--revocation-mode Online cannot be used together" in done.err
    assert world.site.asked == []
