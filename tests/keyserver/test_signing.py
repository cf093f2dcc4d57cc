"""The signing calls over HTTP: the vendor's form, the selectors, and who gets signatures."""

import base64
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from keyserver.certs import (
    NO_SUCH,
    YEAR,
    add,
    digest,
    encoded,
    get_certificate,
    lasting,
    material,
    post_sign,
    refused,
    sign,
    sign_body,
)
from keyserver.harness import Client, Json, Running, ServerHarness, problem
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.pki.material import Material
from signotaur_keyserver.pki.selfsigned import KeyType
from signotaur_keyserver.service import administration, certificates
from signotaur_wire import keyformat, paths
from signotaur_wire.members import format_time
from signotaur_wire.signing import CERT_GET, SIGN, CertificateAnswer, SignAnswer

pytestmark = pytest.mark.both_databases

VENDOR = json.loads(Path(__file__).with_name("vendor_calls.json").read_text())
HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


def verify(made: Material, told: Json, algorithm: str, content: bytes = b"content") -> None:
    """Raise InvalidSignature unless an answer holds the certificate's raw signature."""
    signature = base64.b64decode(told["signedData"], validate=True)
    public, prehashed = made.certificate.public_key(), Prehashed(HASHES[algorithm])
    signed = digest(algorithm, content)
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, signed, padding.PKCS1v15(), prehashed)
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(signature, signed, ec.ECDSA(prehashed))


# The vendor's form


@pytest.mark.parametrize("call", VENDOR)
def test_the_vendors_calls_are_answered_member_for_member(world: ServerHarness, call: str) -> None:
    certificate, key, golden = add(world), world.key(), VENDOR[call]
    request = golden["request"]
    if "thumbprint" in request:
        request = request | {"thumbprint": certificate.thumbprint}
    told = world.now.call("POST", call.split()[1], key, json=request).json()
    expected = golden["answer"]
    assert list(told) == list(expected)
    assert [type(value) for value in told.values()] == [type(v) for v in expected.values()]
    assert (told["result"], told["message"]) == (0, "")
    assert told.get("thumbprint") in (None, certificate.thumbprint)
    certificates.revoke_access(world.database, "production", "ci")
    assert world.now.call("POST", call.split()[1], key, json=request).json() == golden["refusal"]


def test_the_certificate_is_plain_base64_of_its_der(world: ServerHarness) -> None:
    added = add(world)
    told = get_certificate(world.now, world.key(), label="production")
    assert base64.b64decode(told["certificate"], validate=True) == added.certificate_der
    assert CertificateAnswer.from_json(told).certificate == added.certificate_der


@pytest.mark.parametrize("path", [CERT_GET, SIGN])
def test_other_methods_are_refused_as_by_a_server_without_the_call(
    world: ServerHarness, path: str
) -> None:
    answer = world.now.call("GET", path, world.key())
    assert problem(answer) == (405, "not-found")
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("path", [CERT_GET, SIGN])
def test_a_stranger_is_refused_by_a_problem(world: ServerHarness, path: str) -> None:
    add(world)
    for key in (None, "vendor-key", keyformat.generate()):
        assert problem(world.now.call("POST", path, key, data=b"{")) == (401, "unknown-key")


def test_nothing_of_the_request_is_needed_but_what_the_vendor_sends(world: ServerHarness) -> None:
    answer = post_sign(world.now, world.key(), add(world).thumbprint)
    assert SignAnswer.from_json(answer.json()).signature


# Selectors


def test_each_selector_finds_its_certificate(world: ServerHarness) -> None:
    wanted, key = add(world, "production"), world.key()
    add(world, "staging")
    spaced = ":".join(wanted.thumbprint[i : i + 2] for i in range(0, 40, 2)).lower()
    for selector in (
        {"thumbprint": wanted.thumbprint},
        {"thumbprint": spaced},
        {"thumbprint": f"\u200e{wanted.thumbprint.lower()} "},
        {"label": "production"},
        {"label": "PRODUCTION"},
        {"subject": "production"},
        {"subject": "Production"},
        {"subject": wanted.subject},
        {"subject": wanted.subject.lower()},
        {"subject": wanted.subject.replace(",", ", ")},
    ):
        assert get_certificate(world.now, key, **selector)["thumbprint"] == wanted.thumbprint


def test_thumbprint_goes_before_label_and_label_before_subject(world: ServerHarness) -> None:
    one, two, three = (add(world, label) for label in ("one", "two", "three"))
    key = world.key()

    def found(**selectors: str | None) -> str:
        return str(get_certificate(world.now, key, **selectors)["thumbprint"])

    assert found(thumbprint=one.thumbprint, label="two", subject="three") == one.thumbprint
    assert found(label="two", subject="three") == two.thumbprint
    assert found(thumbprint="", label=None, subject="three") == three.thumbprint
    told = get_certificate(world.now, key, thumbprint="0" * 40, label="two")
    assert refused(told) == NO_SUCH


@pytest.mark.parametrize("subject", ["prod", "CN=production", "production,O=Example Ltd", "*"])
def test_a_part_of_a_subject_is_none(world: ServerHarness, subject: str) -> None:
    add(world)
    assert refused(get_certificate(world.now, world.key(), subject=subject)) == NO_SUCH


def test_of_one_subject_the_valid_and_longest_certificate_is_taken(world: ServerHarness) -> None:
    add(world, "old", lasting(YEAR, since=-2 * YEAR))
    add(world, "next", lasting(9 * YEAR, since=YEAR))
    add(world, "present", lasting(YEAR))
    longest = add(world, "renewed", lasting(2 * YEAR))
    add(world, "another's", lasting(3 * YEAR), users=())
    told = get_certificate(world.now, world.key(), subject="Example")
    assert told["thumbprint"] == longest.thumbprint


@pytest.mark.parametrize("selectors", [{}, {"label": None}, {"thumbprint": " ", "subject": ""}])
def test_without_a_selector_there_is_no_certificate(world: ServerHarness, selectors: Json) -> None:
    add(world)
    message = refused(get_certificate(world.now, world.key(), **selectors))
    assert message == "Select a certificate by its thumbprint, label or subject."


def test_signing_takes_a_thumbprint_alone(world: ServerHarness) -> None:
    add(world)
    told = sign(world.now, world.key(), " ", label="production", subject="production")
    assert "Select a certificate" in refused(told)


# Signatures


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("key_type", [KeyType.RSA_2048, KeyType.EC_P256, KeyType.EC_P384])
def test_signatures_verify(world: ServerHarness, key_type: KeyType, algorithm: str) -> None:
    made = material(key_type)
    thumbprint = add(world, made=made).thumbprint
    told = sign(
        world.now,
        world.key(),
        thumbprint.lower(),
        digest=encoded(digest(algorithm)),
        digestHashAlgorithm=algorithm,
    )
    verify(made, told, algorithm)
    with pytest.raises(InvalidSignature):
        verify(made, told, algorithm, b"other content")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"digest": encoded(b"x" * 31)}, "digest"),
        ({"digest": encoded(b"x" * 20)}, "digest"),
        ({"digest": encoded(digest("SHA512"))}, "digest"),
        ({"digest": encoded(digest()), "digestHashAlgorithm": "SHA384"}, "digest"),
        ({"digest": ""}, "digest"),
        ({"digest": None}, "digest"),
        ({"digest": "no base64!"}, "digest"),
        ({"digest": "ü" * 44}, "digest"),
        ({"digest": 7}, "digest"),
        ({"digestHashAlgorithm": "SHA1", "digest": encoded(b"x" * 20)}, "digestHashAlgorithm"),
        ({"digestHashAlgorithm": "sha256"}, "digestHashAlgorithm"),
        ({"digestHashAlgorithm": None}, "digestHashAlgorithm"),
        ({"thumbprint": None}, "thumbprint"),
        ({"clientVersion": None}, "clientVersion"),
        ({"clientVersion": "1" * 1025}, "clientVersion"),
        ({"fileName": "x" * 1025}, "fileName"),
        ({"fileVersion": 1}, "fileVersion"),
        ({"fileSizeInBytes": "big"}, "fileSizeInBytes"),
    ],
)
def test_what_cannot_be_signed_is_refused_by_its_name(
    world: ServerHarness, changes: Json, field: str
) -> None:
    answer = world.now.call("POST", SIGN, world.key(), json=sign_body("0" * 40) | changes)
    assert problem(answer) == (422, "malformed-request")
    assert answer.json()["fields"] == [field]


@pytest.mark.parametrize("path", [CERT_GET, SIGN])
def test_what_is_no_such_body_is_refused(world: ServerHarness, path: str) -> None:
    key = world.key()

    def post(data: bytes, content_type: str = "application/json") -> tuple[int, str]:
        headers = {"Content-Type": content_type}
        return problem(world.now.call("POST", path, key, data=data, headers=headers))

    assert post(b"") == (400, "malformed-request")
    assert post(b"{") == (400, "malformed-request")
    assert post(b"[]") == (422, "malformed-request")
    assert post(b"{}") == (422, "malformed-request")
    assert post(b"{}", "text/plain") == (415, "malformed-request")
    assert post(b" " * 20_000) == (413, "malformed-request")


# Who may


def _outcomes(client: Client, key: str, thumbprint: str) -> list[str]:
    """Return the messages of both calls; an empty one is a success."""
    answers = [
        get_certificate(client, key, thumbprint=thumbprint),
        sign(client, key, thumbprint),
    ]
    return [answer["message"] for answer in answers]


def test_access_belongs_to_the_user(world: ServerHarness) -> None:
    world.user("release")
    theirs, ours, key = add(world, "theirs", users=["release"]), add(world, "ours"), world.key()
    assert _outcomes(world.now, key, ours.thumbprint) == ["", ""]
    assert _outcomes(world.now, key, theirs.thumbprint) == [NO_SUCH, NO_SUCH]
    certificates.grant_access(world.database, "theirs", "ci")
    assert _outcomes(world.now, key, theirs.thumbprint) == ["", ""]
    certificates.revoke_access(world.database, "theirs", "ci")
    assert _outcomes(world.now, key, theirs.thumbprint) == [NO_SUCH, NO_SUCH]


def test_an_administrator_has_access_to_every_certificate(world: ServerHarness) -> None:
    administration.add_user(world.database, "boss", admin=True, roles=())
    thumbprint = add(world, users=()).thumbprint
    assert _outcomes(world.now, world.key("boss"), thumbprint) == ["", ""]
    assert _outcomes(world.now, world.key("ci"), thumbprint) == [NO_SUCH, NO_SUCH]


def test_no_answer_tells_whether_a_certificate_exists(world: ServerHarness) -> None:
    hidden, key = add(world, users=()), world.key()
    for path, body in (
        (CERT_GET, {"clientVersion": "1", "thumbprint": "{}"}),
        (SIGN, sign_body("{}")),
    ):
        answers = [
            world.now.call("POST", path, key, json=body | {"thumbprint": thumbprint})
            for thumbprint in (hidden.thumbprint, "0" * 40, "no thumbprint")
        ]
        assert len({(answer.status_code, answer.text) for answer in answers}) == 1


def test_a_removed_certificate_is_as_unknown(world: ServerHarness) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    assert _outcomes(world.now, key, thumbprint) == ["", ""]
    certificates.remove_certificate(world.database, "production")
    assert _outcomes(world.now, key, thumbprint) == [NO_SUCH, NO_SUCH]
    # Brought back, it is a new one: who might use it before may not now.
    add(world, "again", material(name="production"), users=())
    assert _outcomes(world.now, key, thumbprint) == [NO_SUCH, NO_SUCH]
    certificates.grant_access(world.database, "again", "ci")
    assert _outcomes(world.now, key, thumbprint) == ["", ""]


def test_an_expired_certificate_is_refused_with_its_date(world: ServerHarness) -> None:
    later, key = world.at("366d"), world.key(lifetime=None)
    added = add(world, made=lasting(YEAR))
    message = f"The certificate expired at {format_time(added.not_after_utc)}."
    assert _outcomes(world.now, key, added.thumbprint) == ["", ""]
    assert _outcomes(later, key, added.thumbprint) == [message, message]
    told = get_certificate(later, key, label="production")
    assert told["expiredAt"] == format_time(added.not_after_utc)
    assert CertificateAnswer.from_json(told).expired_at == added.not_after_utc


def test_a_certificate_of_tomorrow_is_refused_with_its_date(world: ServerHarness) -> None:
    later, key = world.at("2d"), world.key()
    added = add(world, made=lasting(YEAR, since=timedelta(days=1)))
    message = f"The certificate is not valid before {format_time(added.not_before_utc)}."
    assert _outcomes(world.now, key, added.thumbprint) == [message, message]
    assert _outcomes(later, key, added.thumbprint) == ["", ""]


def test_both_keys_of_an_overlap_sign_and_then_the_new_one_alone(world: ServerHarness) -> None:
    later, old = world.at("8d"), world.key()
    thumbprint = add(world).thumbprint
    opened = world.now.open(old)
    new = opened.new.text
    for key in (old, new):
        assert sign(world.now, key, thumbprint)["result"] == 0
    world.now.confirm(new, opened.id)
    for key in (old, new):
        assert sign(world.now, key, thumbprint)["result"] == 0
    assert problem(post_sign(later, old, thumbprint)) == (401, "key-revoked")
    assert sign(later, new, thumbprint)["result"] == 0


@pytest.mark.parametrize(
    ("end", "slug"),
    [
        (lambda w: administration.revoke_key(w.database, 1), "key-revoked"),
        (lambda w: administration.set_key_enabled(w.database, 1, enabled=False), "key-disabled"),
        (
            lambda w: administration.set_user_enabled(w.database, "ci", enabled=False),
            "key-disabled",
        ),
    ],
)
def test_a_key_that_was_ended_signs_nothing(
    world: ServerHarness, end: Callable[[ServerHarness], object], slug: str
) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    end(world)
    assert problem(post_sign(world.now, key, thumbprint)) == (401, slug)
    assert world.events("signature-made") == []


# Under way


def test_without_its_event_there_is_no_signature(world: ServerHarness) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    database = Database(world.url, busy_timeout=timedelta(seconds=0.2))
    running = Running(database, sealer=world.sealer)
    with running as url, closing(Client(url, world.secrets)) as client:
        with world.holding(1):
            assert problem(post_sign(client, key, thumbprint)) == (503, "unavailable")
            assert get_certificate(client, key, label="production")["result"] == 0
        assert sign(client, key, thumbprint)["result"] == 0
    database.close()
    assert len(world.events("signature-made")) == 1


def test_others_are_served_while_a_signature_waits(world: ServerHarness) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    world.now.self(key)
    results: list[int] = []
    with world.holding(1):
        signer = Thread(target=lambda: results.append(sign(world.now, key, thumbprint)["result"]))
        signer.start()
        with closing(Client(world.now.url, world.secrets)) as other:
            for _ in range(20):
                assert other.call("GET", paths.KEYS_SELF, key).status_code == 200
        assert results == []
    signer.join()
    assert results == [0]


def test_many_signatures_at_once_are_each_right_and_each_told(world: ServerHarness) -> None:
    thumbprint, key = add(world, made=material(KeyType.RSA_2048)).thumbprint, world.key()
    contents = [str(number).encode() for number in range(48)]
    local = threading.local()

    def call(content: bytes) -> Json:
        client = vars(local).setdefault("client", Client(world.now.url, world.secrets))
        return sign(client, key, thumbprint, digest=encoded(digest(content=content)))

    assert world.now.self(key).ok
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(call, contents))
    for answer, content in zip(answers, contents, strict=True):
        verify(material(KeyType.RSA_2048), answer, "SHA256", content)
    told = [event["data"]["digest"] for event in world.events("signature-made")]
    assert sorted(told) == sorted(digest(content=content).hex() for content in contents)


def test_signatures_are_counted(world: ServerHarness) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    for _ in range(2):
        sign(world.now, key, thumbprint)
    sign(world.now, key, "0" * 40)
    text = world.now.call("GET", "/metrics").text
    assert 'signotaur_signatures_total{result="made"} 2.0\n' in text
    assert 'signotaur_signatures_total{result="refused"} 1.0\n' in text
    assert 'signotaur_requests_total{status="200"} 3.0\n' in text


def test_a_server_without_a_vault_signs_nothing(world: ServerHarness) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    with Running(world.database) as url, closing(Client(url, world.secrets)) as client:
        assert get_certificate(client, key, label="production")["result"] == 0
        assert "cannot open" in refused(sign(client, key, thumbprint))
