"""Webhooks: what is queued with which event, how it is sent, and where it is never sent."""

import importlib.util
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keyserver.certs import add, post_sign
from keyserver.harness import ServerHarness, wait_until
from keyserver.processes import Process, command
from keyserver.receivers import Receiver
from signotaur_keyserver.domain.addresses import is_public
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.webhooks import (
    WebhookType,
    WebhookUrlError,
    next_pause,
    require_url,
    signature,
    webhook_type,
)
from signotaur_keyserver.service import policies, webhooks
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.service.webhook_post import Poster, UndeliveredError
from signotaur_keyserver.service.webhook_sender import WebhookSender
from signotaur_keyserver.store import events
from signotaur_keyserver.store.webhooks import Delivery
from support.tls import Authority

pytestmark = pytest.mark.both_databases

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "webhooks" / "receiver.py"
URL = "https://hooks.example.com/signotaur"


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(Authority(tmp_path / "authority")) as running:
        yield running


def _deliveries(world: ServerHarness) -> list[Delivery]:
    return list(webhooks.list_deliveries(world.database, None, 1000))


def _sender(
    world: ServerHarness, receiver: Receiver, offset: timedelta = timedelta(0), **rules: Any
) -> WebhookSender:
    poster = Poster(allow_private=True, tls=receiver.trusting)
    return WebhookSender(world.opened(offset), world.sealer, replace(poster, **rules))


# What is sent


def test_every_event_has_its_type() -> None:
    told = {each: webhook_type(Event(Level.WARNING, each, "")) for each in EventType}
    assert {each for each in told.values() if each} == set(WebhookType) - {WebhookType.TEST}
    refused = Event(Level.WARNING, EventType.REQUEST_REFUSED, "")
    assert webhook_type(refused) is None
    for problem in ("signing-budget-spent", "purpose-denied"):
        asked = replace(refused, data={"problem": problem})
        assert webhook_type(asked) is WebhookType.SIGNING_REFUSED


def test_the_page_names_every_type() -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text()
    table = page.split("<!-- webhook types -->\n")[1].split("\n\n")[0].splitlines()[2:]
    assert [row.split("`")[1] for row in table] == [each.value for each in WebhookType]


def test_the_pauses_grow_up_to_about_a_day() -> None:
    pauses = [next_pause(attempts) for attempts in range(1, 9)]
    known = [pause for pause in pauses if pause is not None]
    assert pauses[-1] is None
    assert known == sorted(known)
    assert timedelta(hours=20) < sum(known, timedelta(0)) <= timedelta(days=1)


def test_what_the_life_of_a_key_tells(world: ServerHarness) -> None:
    webhooks.add_webhook(world.database, world.sealer, URL, ())
    key = world.key()
    world.now.rotate(key, overlap_days=1)
    world.key(lifetime=timedelta(days=20))
    opened = world.key()
    world.now.open(opened, overlap_days=1)
    for offset in ("0s", "3d", "10d", "10d", "21d", "21d"):
        world.sweep(offset)
    assert [(each.type, each.payload["keyId"]) for each in _deliveries(world)] == [
        ("rotation-opened", 2),
        ("rotation-confirmed", 2),
        ("rotation-opened", 5),
        ("key-revoked", 1),
        ("rotation-stalled", 4),
        ("key-expires-soon", 3),
        ("key-expired", 3),
    ]
    told = json.dumps([each.payload for each in _deliveries(world)])
    assert not [secret for secret in world.secrets if secret[20:] in told]
    assert all(each.payload["eventId"] for each in _deliveries(world))


def test_a_refused_signature_is_told(world: ServerHarness) -> None:
    webhooks.add_webhook(world.database, world.sealer, URL, [WebhookType.SIGNING_REFUSED])
    thumbprint, key = add(world, users=()).thumbprint, world.key()
    post_sign(world.now, key, thumbprint)
    wait_until(lambda: len(_deliveries(world)) == 1)
    policies.set_key_policy(world.database, 1, purpose="rotate")
    post_sign(world.now, key, thumbprint)
    wait_until(lambda: len(_deliveries(world)) == 2)
    world.now.rotate(key)
    assert {each.type for each in _deliveries(world)} == {"signing-refused"}


def test_nothing_is_queued_for_a_change_that_failed(world: ServerHarness) -> None:
    webhooks.add_webhook(world.database, world.sealer, URL, ())
    event = Event(Level.WARNING, EventType.OLD_KEY_USED, "Key 1 was used.")
    with suppress(RuntimeError), world.database.write() as connection:
        events.write(connection, world.database.clock.now(connection), event)
        raise RuntimeError
    assert _deliveries(world) == []
    with world.database.write() as connection:
        events.write(connection, world.database.clock.now(connection), event)
    assert [each.type for each in _deliveries(world)] == ["old-key-used"]


# How it is sent


def _example() -> Any:
    spec = importlib.util.spec_from_file_location("receiver", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_delivery_is_signed(world: ServerHarness, receiver: Receiver) -> None:
    _id, secret = webhooks.add_webhook(world.database, world.sealer, receiver.url, ())
    world.now.open(world.key())
    sender = _sender(world, receiver)
    assert (sender.send_due(), sender.send_due()) == (1, 0)
    (got,) = receiver.received
    (delivery,) = _deliveries(world)
    assert got.path == "/hook?token=abc"
    assert json.loads(got.body) == delivery.payload
    assert got.headers["Signotaur-Delivery"] == str(delivery.id)
    header = got.headers["Signotaur-Signature"]
    verified, now = _example().verified, datetime.now(UTC).timestamp()
    assert verified(secret, header, got.body, now)
    assert not verified("whsec_other", header, got.body, now)
    assert not verified(secret, header, got.body + b" ", now)
    assert not verified(secret, header, got.body, now + 301)
    assert not verified(secret, "", got.body, now)
    assert (delivery.status, delivery.attempts, delivery.next_attempt_at_utc) == (204, 1, None)
    assert delivery.delivered_at_utc is not None
    assert secret not in receiver.received[0].body.decode()


def test_the_signature_is_the_documented_one() -> None:
    """Computed by ``printf '%s' '1700000000.{"a": 1}' | openssl dgst -sha256 -hmac whsec_abc``."""
    header = signature("whsec_abc", 1_700_000_000, b'{"a": 1}')
    assert header == (
        "t=1700000000,v1=ff49dbbf7398aff061e33ae13d9270fa2216a08a3bf10e3da36dec545aef98a6"
    )
    assert _example().verified("whsec_abc", header, b'{"a": 1}', 1_700_000_100)


def test_a_failure_is_tried_again_later_and_then_given_up(
    world: ServerHarness, receiver: Receiver
) -> None:
    webhooks.add_webhook(world.database, world.sealer, receiver.url, ())
    world.now.open(world.key())
    receiver.statuses = [500, 404, 302]
    sender = _sender(world, receiver)
    assert (sender.send_due(), sender.send_due()) == (1, 0)
    (delivery,) = _deliveries(world)
    assert (delivery.status, delivery.error) == (500, "the receiver answered 500")
    assert delivery.next_attempt_at_utc is not None
    late = timedelta(0)
    receiver.statuses = [500] * 10
    for attempts in range(1, 8):
        late += (next_pause(attempts) or timedelta(0)) + timedelta(seconds=30)
        assert _sender(world, receiver, late).send_due() == 1, attempts
    assert _sender(world, receiver, late + timedelta(days=2)).send_due() == 0
    (delivery,) = _deliveries(world)
    assert (delivery.attempts, delivery.next_attempt_at_utc) == (8, None)
    assert delivery.delivered_at_utc is None
    assert len(receiver.received) == 8


def test_a_redirect_is_not_followed(
    world: ServerHarness, receiver: Receiver, tmp_path: Path
) -> None:
    with Receiver(Authority(tmp_path / "other")) as other:
        receiver.statuses, receiver.location = [307], other.url
        webhooks.add_webhook(world.database, world.sealer, receiver.url, ())
        world.now.open(world.key())
        _sender(world, receiver).send_due()
        assert _deliveries(world)[0].status == 307
        assert other.received == []


def test_several_senders_send_each_delivery_once(world: ServerHarness, receiver: Receiver) -> None:
    webhooks.add_webhook(world.database, world.sealer, receiver.url, ())
    for _ in range(10):
        world.now.rotate(world.key())
    senders = [_sender(world, receiver) for _ in range(4)]
    threads = [threading.Thread(target=sender.send_due) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while senders[0].send_due():
        pass
    assert len(receiver.received) == 20
    assert len({got.headers["Signotaur-Delivery"] for got in receiver.received}) == 20


def test_a_delivery_of_a_dead_sender_is_sent_by_another(
    world: ServerHarness, receiver: Receiver
) -> None:
    webhooks.add_webhook(world.database, world.sealer, receiver.url, ())
    world.now.open(world.key())
    dead = _sender(world, receiver)
    assert len(dead._claimed()) == 1
    assert _sender(world, receiver).send_due() == 0
    assert _sender(world, receiver, timedelta(minutes=6)).send_due() == 1
    assert len(receiver.received) == 1


def test_deliveries_that_are_done_are_deleted_after_a_month(
    world: ServerHarness, receiver: Receiver
) -> None:
    webhooks.add_webhook(world.database, world.sealer, receiver.url, ())
    world.now.open(world.key())
    world.sweep("31d")
    assert len(_deliveries(world)) >= 1
    _sender(world, receiver, timedelta(days=31)).send_due()
    world.sweep("60d")
    assert [each for each in _deliveries(world) if each.delivered_at_utc]
    world.sweep("62d")
    assert [each for each in _deliveries(world) if each.delivered_at_utc] == []


# Where it is never sent


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fd12::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
        "64:ff9b::a00:1", "2002:7f00:1::", "64:ff9b:1::a00:1", "fec0::1", "::127.0.0.1",
        "::ffff:0:127.0.0.1", "5f00::1", "nonsense", "",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_a_public_address(address: str) -> None:
    assert is_public(address)


def test_private_addresses_need_the_operators_leave(
    world: ServerHarness, receiver: Receiver
) -> None:
    webhooks.add_webhook(world.database, world.sealer, receiver.url, ())
    world.now.open(world.key())
    _sender(world, receiver, allow_private=False).send_due()
    assert receiver.received == []
    assert _deliveries(world)[0].error == "the name leads to an address that is not public"


def test_one_private_address_of_several_is_enough(receiver: Receiver) -> None:
    poster = Poster(tls=receiver.trusting, look_up=lambda *_: ["1.1.1.1", "127.0.0.1"])
    with pytest.raises(UndeliveredError, match="not public"):
        poster.post(receiver.url, b"{}", {})


def test_the_connection_goes_to_the_address_that_was_checked(tmp_path: Path) -> None:
    """A second look-up of the name would fail: there is no such name."""
    looked_up: list[str] = []

    def look_up(host: str, _port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    with Receiver(Authority(tmp_path), "hooks.invalid") as receiver:
        poster = Poster(allow_private=True, tls=receiver.trusting, look_up=look_up)
        assert poster.post(receiver.url, b"{}", {}) == 204
        assert receiver.received[0].headers["Host"] == f"hooks.invalid:{receiver.port}"
    assert looked_up == ["hooks.invalid"]


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example"])
def test_a_name_that_cannot_be_looked_up_is_no_answer(host: str) -> None:
    """Before, Python's own error for it ended the sender of webhooks, or a token's exchange."""
    with pytest.raises(UndeliveredError, match="no answer"):
        Poster().post(f"https://{host}/", b"{}", {})


def test_the_name_is_verified(tmp_path: Path) -> None:
    with Receiver(Authority(tmp_path), "other.invalid") as receiver:
        poster = Poster(True, receiver.trusting, lambda *_: ["127.0.0.1"])  # noqa: FBT003
        with pytest.raises(UndeliveredError, match="certificate is not trusted"):
            poster.post(f"https://hooks.invalid:{receiver.port}/", b"{}", {})
        untrusting = replace(poster, tls=ssl.create_default_context())
        with pytest.raises(UndeliveredError, match="certificate is not trusted"):
            untrusting.post(receiver.url, b"{}", {})
        assert receiver.received == []


def test_a_receiver_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(UndeliveredError, match="no answer"):
            Poster(allow_private=True, seconds=0.2).post(f"https://127.0.0.1:{port}/", b"", {})


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "https://", "ftp://example.com/", "example.com",
        "https://user:password@example.com/", "https://example.com/#part", "https://exa mple.com/",
        "https://example.com/\n", "https://ex\u00e4mple.com/", "https://example.com:99999/",
        "https://example.com/" + "x" * 2000,
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_used(url: str, world: ServerHarness) -> None:
    with pytest.raises(WebhookUrlError):
        require_url(url)
    with pytest.raises(AdministrationError):
        webhooks.add_webhook(world.database, world.sealer, url, ())


# The commands, and the example


def test_the_example_receives_what_a_server_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path / "authority")
    files = authority.issue()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    data_dir = tmp_path / "data"
    folder = f"--data-dir={data_dir}"
    command("user", "add", "ci", folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    added = command("webhook", "add", f"https://127.0.0.1:{port}/hook", folder)
    assert added.returncode == 0
    secret = added.stdout.strip()
    assert secret.startswith("whsec_")
    assert secret.encode() not in (data_dir / "keyserver.db").read_bytes()
    program = [sys.executable, str(EXAMPLE), str(port), str(files.certificate), str(files.key)]
    env = {**os.environ, "SIGNOTAUR_WEBHOOK_SECRET": secret}
    with subprocess.Popen(
        program, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as example:
        try:
            assert example.stdout is not None
            assert example.stdout.readline() == f"ready {port}\n"
            assert command("webhook", "test", "1", folder).returncode == 1
            done = command("webhook", "test", "1", "--allow-private-webhooks", folder)
            assert done.stderr == "webhook 1: the receiver answered 204\n"
            assert example.stdout.readline() == "test test This is a test.\n"
            with Process(data_dir, "--insecure-http", "--allow-private-webhooks"):
                command("key", "add", "--user=ci", "--name=build", folder)
                command("key", "revoke", "1", folder)
                assert example.stdout.readline() == (
                    "1 key-revoked Key 1 was revoked by an administrator.\n"
                )
        finally:
            example.terminate()
    shown = json.loads(command("webhook", "deliveries", "--json", folder).stdout)
    assert [(each["type"], each["attempts"]) for each in shown] == [("key-revoked", 1)]
    assert "delivered" in command("webhook", "deliveries", "1", folder).stdout
    listed = command("webhook", "list", folder).stdout
    assert listed == f"     1  https://127.0.0.1:{port}/hook  everything\n"
    assert secret not in command("webhook", "list", "--json", folder).stdout
    assert command("webhook", "remove", "1", folder).returncode == 0
    assert command("webhook", "remove", "1", folder).returncode == 1
    assert command("webhook", "list", folder).stdout == ""


def test_an_authority_of_ones_own_may_be_trusted(tmp_path: Path, receiver: Receiver) -> None:
    folder = f"--data-dir={tmp_path / 'data'}"
    command("user", "add", "ci", folder)
    command("webhook", "add", receiver.url, folder)
    test = ("webhook", "test", "1", "--allow-private-webhooks", folder)
    refused = command(*test)
    assert (refused.returncode, receiver.received) == (1, [])
    assert "certificate is not trusted" in refused.stderr
    done = command(*test, f"--webhook-ca-file={receiver.authority.ca_file}")
    assert (done.returncode, len(receiver.received)) == (0, 1)
    (tmp_path / "empty.pem").touch()
    for file, reason in (("empty.pem", "no certificates"), ("none.pem", "No such file")):
        wrong = command(*test, f"--webhook-ca-file={tmp_path / file}")
        assert wrong.returncode == 10
        assert reason in wrong.stderr
