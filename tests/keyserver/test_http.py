"""The interface as HTTP: bodies, methods, headers, health, metrics and its own description."""

import http.client
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from inspect import signature
from threading import Thread
from types import ModuleType
from uuid import uuid4

import pytest
import requests

from keyserver.harness import Client, NewKey, Running, ServerHarness, problem, wait_until
from keyserver.statements import executed
from signotaur_keyserver.api import (
    exchange_routes,
    health_routes,
    key_routes,
    leak_routes,
    signing_routes,
)
from signotaur_keyserver.database.database import Database
from signotaur_wire import keyformat, paths

ROTATION = paths.rotation(uuid4())


def _put(
    world: ServerHarness, data: bytes | Iterator[bytes], content_type: str | None
) -> tuple[int, str]:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return problem(world.now.call("PUT", ROTATION, world.key(), data=data, headers=headers))


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 9000, b'{"overlapDays": 1' * 99])
def test_what_is_not_json_is_refused(world: ServerHarness, body: bytes) -> None:
    assert _put(world, body, "application/json") == (400, "malformed-request")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"7"])
def test_json_that_is_no_object_is_refused(world: ServerHarness, body: bytes) -> None:
    assert _put(world, body, "application/json") == (422, "malformed-request")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_another_type_of_body_is_refused(world: ServerHarness, content_type: str | None) -> None:
    assert _put(world, b"{}", content_type) == (415, "malformed-request")


def test_a_charset_does_not_hurt(world: ServerHarness) -> None:
    body = json.dumps(NewKey().body()).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = world.now.call("PUT", ROTATION, world.key(), data=body, headers=headers)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("publicId", "too short"),
        ("publicId", 7),
        ("keySha256", "A" * 64),
        ("overlapDays", "7"),
        ("overlapDays", True),
        ("overlapDays", 7.5),
        ("autoRevoke", 1),
        ("holder", ""),
        ("holder", "x" * 201),
        ("holder", "two\nlines"),
        ("again", "yes"),
    ],
)
def test_a_wrong_member_is_named_and_its_value_is_not(
    world: ServerHarness, member: str, value: object
) -> None:
    answer = world.now.put(world.key(), uuid4(), NewKey(), **{member: value})
    assert problem(answer) == (422, "malformed-request")
    assert answer.json()["fields"] == [member]
    if isinstance(value, str) and len(value) > 4:
        assert value not in answer.text


@pytest.mark.parametrize("member", ["publicId", "keySha256", "overlapDays", "autoRevoke", "holder"])
def test_a_missing_member_is_named(world: ServerHarness, member: str) -> None:
    body = NewKey().body()
    del body[member]
    answer = world.now.call("PUT", ROTATION, world.key(), json=body)
    assert answer.json()["fields"] == [member]


def test_a_key_sent_in_place_of_an_id_is_not_repeated(world: ServerHarness) -> None:
    secret = keyformat.generate()
    world.secrets.append(secret)
    answer = world.now.put(world.key(), uuid4(), NewKey(), publicId=secret)
    assert problem(answer) == (422, "malformed-request")
    answer = world.now.call("GET", f"/api/v1/rotations/{secret}", world.key())
    assert problem(answer) == (422, "malformed-request")


@pytest.mark.parametrize(
    "routes", [exchange_routes, health_routes, key_routes, leak_routes, signing_routes]
)
def test_no_handler_leaves_it_to_the_framework_to_read_a_request(routes: ModuleType) -> None:
    """Its answer to what does not fit would repeat what the client sent."""
    for route in routes.router.routes:
        assert set(signature(route.endpoint).parameters) <= {"request"}, route.path


def test_a_body_above_the_limit_is_refused(world: ServerHarness) -> None:
    assert _put(world, b"x" * 16_385, "application/json") == (413, "malformed-request")


def test_a_body_in_chunks_is_counted(world: ServerHarness) -> None:
    chunks = (b"x" * 1000 for _ in range(17))
    assert _put(world, chunks, "application/json") == (413, "malformed-request")


def test_a_small_body_in_chunks_is_read(world: ServerHarness) -> None:
    body = json.dumps(NewKey().body()).encode()
    headers = {"Content-Type": "application/json"}
    answer = world.now.call(
        "PUT", ROTATION, world.key(), data=iter([body[:9], body[9:]]), headers=headers
    )
    assert answer.status_code == 201


def test_strangers_are_refused_before_their_body_is_read(world: ServerHarness) -> None:
    answer = world.now.call("PUT", ROTATION, keyformat.generate(), data=b"{")
    assert problem(answer) == (401, "unknown-key")


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/redoc", "/api/v1/keys", "/api/v1/rotations/", "//"]
)
def test_an_unknown_path_is_not_found(world: ServerHarness, path: str) -> None:
    assert problem(world.now.call("GET", path, world.key())) == (404, "not-found")


def test_an_unknown_method_is_told_the_known_ones(world: ServerHarness) -> None:
    answer = world.now.call("POST", ROTATION, world.key())
    assert problem(answer) == (405, "not-found")
    assert answer.headers["Allow"] == "DELETE, GET, PUT"
    assert world.now.call("PUT", "/healthz").headers["Allow"] == "GET"


def test_health_needs_no_key(world: ServerHarness) -> None:
    assert world.now.call("GET", "/healthz").json() == {"status": "up"}
    assert world.now.call("GET", "/readyz").json() == {"status": "ready"}


def test_an_unmigrated_database_is_not_ready(world: ServerHarness) -> None:
    assert world.now.call("GET", "/readyz").status_code == 200
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    assert problem(world.now.call("GET", "/readyz")) == (503, "unavailable")


def test_metrics_count_by_what_is_true_now(world: ServerHarness) -> None:
    later = world.at("8d")
    world.now.rotate(world.key())
    world.now.open(world.key())
    world.now.self("wrong")
    now, then = world.now.call("GET", "/metrics").text, later.call("GET", "/metrics").text
    assert 'signotaur_keys{state="active"} 3.0\n' in now
    assert 'signotaur_keys{state="candidate"} 1.0\n' in now
    assert 'signotaur_rotations{state="open"} 1.0\n' in now
    assert 'signotaur_requests_total{status="401"} 1.0\n' in now
    assert 'signotaur_keys{state="revoked"} 1.0\n' in then
    assert 'signotaur_rotations{state="held"} 1.0\n' in then
    assert "signotaur_sweeps_total 1.0\n" in then


def test_metrics_count_the_tables_once_in_ten_seconds(world: ServerHarness) -> None:
    """Each count reads every key, and nobody needs a key to ask for it.

    Before: each of 40 strangers' calls counted; with 100,000 keys one took 182 ms and a valid
    key had 6 answers in 8 s, up to 3,920 ms each. After: 417 answers, 33 ms at most.
    """
    world.key()
    now = 0.0
    client = world.serving(clock=lambda: now)
    with executed(world, "keys") as statements, ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: _metrics(client.url), range(40)))
    assert len([each for each in statements if each.startswith("SELECT CASE")]) == 1
    assert all('signotaur_keys{state="active"} 1.0\n' in text for text in texts)
    world.key()
    now = 9.9
    assert 'signotaur_keys{state="active"} 1.0\n' in _metrics(client.url)
    now = 10.0
    assert 'signotaur_keys{state="active"} 2.0\n' in _metrics(client.url)


def _metrics(url: str) -> str:
    return requests.get(f"{url}/metrics", timeout=60).text


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer wrong", "Bearer \xff", "Basic t0ken-of-the-metrics"]
)
def test_metrics_may_require_a_token(world: ServerHarness, header: str | None) -> None:
    client = world.serving(metrics_token="t0ken-of-the-metrics", failures_burst=2)
    headers = {} if header is None else {"Authorization": header}
    for status in (401, 401, 429):
        assert client.call("GET", "/metrics", headers=headers).status_code == status
    assert client.call("GET", "/metrics", world.key()).status_code == 429
    answer = client.call("GET", "/metrics", "t0ken-of-the-metrics")
    assert answer.status_code == 200
    assert "signotaur_keys" in answer.text


@pytest.mark.both_databases
def test_a_busy_database_is_unavailable_for_a_moment(world: ServerHarness) -> None:
    database = Database(world.url, busy_timeout=timedelta(seconds=0.2))
    key = world.key()
    with Running(database) as url, closing(Client(url, world.secrets)) as client:
        with world.holding(1):
            answer = client.put(key, uuid4(), NewKey())
            assert problem(answer) == (503, "unavailable")
            assert int(answer.headers["Retry-After"]) >= 1
            # Reading goes on while somebody writes.
            assert client.self(key).status_code == 200
        assert client.put(key, uuid4(), NewKey()).status_code == 201
    database.close()


def test_an_unforeseen_fault_is_answered_and_logged_without_its_request(
    world: ServerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    key = world.key()
    world.now.self(key)
    with world.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE keys RENAME COLUMN name TO label")
        connection.exec_driver_sql("UPDATE keys SET created_at_utc = 'nonsense'")
        connection.exec_driver_sql("ALTER TABLE keys RENAME COLUMN label TO name")
    with caplog.at_level(logging.INFO):
        answer = world.now.self(key)
    assert problem(answer) == (500, "internal-error")
    wait_until(lambda: ("GET", paths.KEYS_SELF, 500, "-") in world.accessed)
    assert "failed unexpectedly" in caplog.text
    assert key[4:19] not in caplog.text
    assert key[20:] not in caplog.text


def test_the_access_log_tells_little(world: ServerHarness) -> None:
    key, secret = world.key(), keyformat.generate()
    opened = world.now.open(key)
    wait_until(lambda: len(world.accessed) == 1)
    world.accessed.clear()
    world.now.call("GET", f"{paths.rotation(opened.id)}?token={secret}", key)
    world.now.call("GET", f"/{secret}", key)
    world.now.call("GET", "/api/v1/rotations/%0aFORGED", key)
    world.now.call("GET", "/openapi%0Djson", key)  # a line of text would begin again
    world.now.call("PROPFIND", paths.KEYS_SELF, key)
    wait_until(lambda: len(world.accessed) == 5)
    assert world.accessed == [
        ("GET", paths.rotation(opened.id), 200, 1),
        ("GET", "(other)", 404, "-"),
        ("GET", "(other)", 404, "-"),
        ("GET", "(other)", 404, "-"),
        ("(other)", paths.KEYS_SELF, 405, "-"),
    ]


def test_a_request_cut_short_harms_nobody(world: ServerHarness) -> None:
    key = world.key()
    host = world.now.url.removeprefix("http://")
    for _ in range(5):
        connection = http.client.HTTPConnection(host)
        connection.putrequest("PUT", ROTATION)
        connection.putheader("Authorization", f"Bearer {key}")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", "500")
        connection.endheaders(b'{"publicId": ')
        connection.close()
    assert world.now.self(key).status_code == 200
    assert world.events("rotation-opened") == []


def test_reads_are_answered_while_writes_wait(world: ServerHarness) -> None:
    key, other = world.key(), world.key()
    world.now.self(key)
    answers: list[int] = []
    with world.database.write():
        writer = Thread(
            target=lambda: answers.append(world.now.put(other, uuid4(), NewKey()).status_code)
        )
        writer.start()
        for _ in range(20):
            assert world.now.call("GET", "/healthz").status_code == 200
            assert world.now.call("GET", paths.KEYS_SELF, key).status_code == 200
        assert answers == []
    writer.join()
    assert answers == [201]
