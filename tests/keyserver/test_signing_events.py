"""What the event log holds of signatures: who, what, with which certificate, and no secret."""

from datetime import timedelta

import pytest

from keyserver.certs import NO_SUCH, add, digest, get_certificate, lasting, refused, sign
from keyserver.harness import ServerHarness, wait_until
from signotaur_keyserver.service.log_text import LENGTH, sanitize
from signotaur_wire import keyformat

pytestmark = pytest.mark.both_databases


def test_a_signature_has_its_event(world: ServerHarness) -> None:
    certificate, key = add(world), world.key()
    for number in range(2):
        record = {"fileName": "app.exe", "fileSizeInBytes": number, "fileVersion": "1.2"}
        sign(world.now, key, certificate.thumbprint, **record)
    events = world.events("signature-made")
    assert len(events) == 2
    event = events[1]
    assert event["level"] == "Information"
    assert event["message"] == "Key 1 signed with certificate 1 (production)."
    assert (event["user_id"], event["key_id"], event["source"]) == (1, 1, "127.0.0.1")
    assert event["data"] == {
        "thumbprint": certificate.thumbprint,
        "digest": digest().hex(),
        "digestHashAlgorithm": "SHA256",
        "fileName": "app.exe",
        "fileSizeInBytes": 1,
        "fileVersion": "1.2",
        "clientVersion": "2.1.0",
        "certificateId": 1,
        "label": "production",
    }


def test_a_refusal_has_its_event_which_tells_an_administrator_more(world: ServerHarness) -> None:
    hidden, key = add(world, users=()), world.key()
    sign(world.now, key, hidden.thumbprint, fileName="app.exe")
    sign(world.now, key, "0" * 40)
    get_certificate(world.now, key, label="production")
    get_certificate(world.now, key)
    wait_until(lambda: len(world.events("certificate-refused")) == 2)
    signing, asking = world.events("signature-refused"), world.events("certificate-refused")
    assert [event["data"]["certificateId"] for event in signing] == [1, None]
    assert [event["data"]["certificateId"] for event in asking] == [1, None]
    assert [event["level"] for event in signing] == ["Security", "Security"]
    assert [event["level"] for event in asking] == ["Security", "Warning"]
    assert signing[0]["data"]["reason"] == NO_SUCH
    assert signing[0]["data"]["fileName"] == "app.exe"
    assert asking[0]["data"]["selectors"]["label"] == "production"
    assert {event["key_id"] for event in signing + asking} == {1}
    assert {event["source"] for event in signing + asking} == {"127.0.0.1"}


def test_an_expired_certificate_is_a_warning(world: ServerHarness) -> None:
    expired = add(world, made=lasting(timedelta(days=2), since=timedelta(days=-3)))
    refused(sign(world.now, world.key(), expired.thumbprint))
    wait_until(lambda: bool(world.events("signature-refused")))
    event = world.events("signature-refused")[0]
    assert (event["level"], event["data"]["certificateId"]) == ("Warning", expired.id)
    assert "expired at" in event["data"]["reason"]


def test_looking_at_a_certificate_is_not_written(world: ServerHarness) -> None:
    add(world)
    before = len(world.events())
    key = world.key()
    get_certificate(world.now, key, label="production")
    assert len(world.events()) == before + 1  # the key's


def test_what_a_client_tells_is_made_inert(world: ServerHarness) -> None:
    certificate, key, other = add(world), world.key(), keyformat.generate()
    sign(
        world.now,
        key,
        certificate.thumbprint,
        fileName=f"a\n::add-mask::\x1b[2K\u202e{other}\ud800.exe",
        fileVersion="1" * 1000,
        clientVersion=f"{key}",
    )
    get_certificate(world.now, key, label=f"{other}\r\n")
    wait_until(lambda: bool(world.events("certificate-refused")))
    events = world.events("signature-made") + world.events("certificate-refused")
    data = events[0]["data"]
    assert data["fileName"] == f"a\ufffd::add-mask::\ufffd[2K\ufffd{other[:20]}***\ufffd.exe"
    assert len(data["fileVersion"]) == LENGTH
    for event in events:
        assert key[20:] not in str(event)
        assert other[20:] not in str(event)
        assert event["message"].isprintable()


def test_no_text_stays_none() -> None:
    assert sanitize(None) is None
    assert sanitize("") == ""
    assert sanitize("Grüße.exe") == "Grüße.exe"


def test_no_event_holds_a_private_key(world: ServerHarness) -> None:
    made = lasting(timedelta(days=9))
    certificate, key = add(world, made=made), world.key()
    sign(world.now, key, certificate.thumbprint)
    number = made.key.private_numbers().private_value  # type: ignore[union-attr]
    text = str(world.events())
    assert f"{number:x}" not in text
    assert str(number) not in text
    assert made.key_der.hex() not in text
