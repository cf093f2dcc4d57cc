"""Whatever comes from a user, a file or a server is read, or refused by the documented error."""

import json
import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from contract.harness import delivery
from signotaur_action.errors import SignotaurError
from signotaur_action.files.journal.entry import read_entry
from signotaur_action.files.keytext import KeyTextError, decode, parse_key, without_line_end
from signotaur_action.http.answer import Answer, retry_after
from signotaur_action.key_server.problems import refusal
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.template import TemplateSink
from signotaur_wire import keyformat
from signotaur_wire.durations import LONGEST, parse_duration
from signotaur_wire.members import WireError
from signotaur_wire.messages import KeyDescription, RotationDescription, RotationRequest
from signotaur_wire.problems import Problem

KEYS = st.one_of(
    st.builds(keyformat.generate),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=16, max_size=80).filter(
        lambda text: not text.startswith(keyformat.PREFIX)
    ),
)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


# Key files


@given(
    key=KEYS, mark=st.sampled_from(["", "\ufeff"]), end=st.sampled_from(["", "\n", "\r\n", "\r"])
)
def test_a_key_file_of_any_editor_is_read(key: str, mark: str, end: str) -> None:
    assert parse_key(without_line_end(decode(f"{mark}{key}{end}".encode()))).reveal() == key


@given(content=st.one_of(st.binary(max_size=700), st.text(max_size=600).map(str.encode)))
def test_any_other_file_is_refused_and_never_shown(content: bytes) -> None:
    try:
        key = parse_key(without_line_end(decode(content)))
    except KeyTextError as error:
        shown = content.decode(errors="replace")[:16]
        assert len(shown) < 16 or shown not in str(error)  # noqa: PT017 - no key was read
    else:
        assert re.fullmatch(r"[!-~]{16,512}", key.reveal())


@given(key=st.builds(keyformat.generate), place=st.integers(4, 68), letter=st.sampled_from("aZ0_-"))
def test_a_typing_error_in_a_key_is_found(key: str, place: int, letter: str) -> None:
    wrong = key[:place] + letter + key[place + 1 :]
    try:
        assert parse_key(wrong).reveal() == key
    except KeyTextError as error:
        assert wrong != key
        assert wrong not in str(error)  # noqa: PT017


# Options


@given(
    count=st.integers(0, 10**11), unit=st.sampled_from("smhdw"), space=st.sampled_from(["", " "])
)
def test_a_duration_is_read_or_too_long(count: int, unit: str, space: str) -> None:
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}[unit]
    try:
        assert parse_duration(f"{space}{count}{unit}{space}").total_seconds() == count * seconds
    except ValueError:
        assert count > LONGEST.total_seconds() // seconds


@given(text=st.text(max_size=12))
def test_nothing_else_is_a_duration(text: str) -> None:
    try:
        assert timedelta(0) <= parse_duration(text) <= LONGEST
    except ValueError:
        return
    assert re.fullmatch(r"\s*[0-9]+[smhdw]\s*", text, re.ASCII | re.DOTALL) or not text.isascii()


TEMPLATES = st.lists(
    st.sampled_from(
        ["{{secret}}", "{{name}}", "{{keyId}}", "{{", "}}", "{", "}", "a=", " ", "{{x}}"]
    ),
    max_size=8,
).map("".join)


@given(template=TEMPLATES, name=TEMPLATES)
def test_a_template_is_filled_once_or_refused(template: str, name: str) -> None:
    printed: list[str] = []
    try:
        sink = TemplateSink(template, SinkContext(printed.append, {}))
    except SinkError:
        assert "{{secret}}" not in template or "{{x}}" in template or "{{" in template
        return
    key = "a-key-of-another-server"
    sink.deliver(delivery(key, name=name))
    (line,) = printed
    values = {"{{secret}}": key, "{{name}}": name, "{{keyId}}": "17"}
    parts = re.split(r"(\{\{(?:secret|name|keyId)\}\})", template)
    assert line == "".join(values.get(part, part) for part in parts) + "\n"


# Answers

HEADERS = st.one_of(
    st.text(st.characters(max_codepoint=0xFF), max_size=40),
    st.integers(-5, 10**8).map(str),
    st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT")),
)


@given(pause=HEADERS, date=HEADERS)
def test_a_pause_that_a_server_asks_for_is_a_time_or_nothing(pause: str, date: str) -> None:
    asked = retry_after({"Retry-After": pause, "Date": date}, NOW)
    assert asked is None or asked >= timedelta(0)
    if re.fullmatch("[0-9]{1,6}", pause):
        assert asked == timedelta(seconds=int(pause))


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=30),
        st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
        st.uuids().map(str),
        st.sampled_from(["open", "confirmed", "candidate", "active"]),
    ),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
NAMES = """
id name owner roles state expiresAt createdAt serverTime rotation oldKeyId newKeyId newKeyName
overlapDays autoRevoke again overlapEnd confirmedAt publicId keySha256 holder type detail
retryAfter leaseUntil
"""
MEMBERS = st.sampled_from(NAMES.split())
DOCUMENTS = st.one_of(VALUES, st.dictionaries(MEMBERS, VALUES, max_size=20))


@given(document=DOCUMENTS)
def test_a_message_is_read_or_is_a_wire_error(document: object) -> None:
    for message in (KeyDescription, RotationDescription, RotationRequest):
        try:
            read = message.from_json(document)
        except WireError:
            continue
        assert isinstance(read, message)


@given(
    document=DOCUMENTS,
    problem=st.sampled_from([*Problem, "about:blank"]),
    status=st.integers(400, 599),
)
def test_a_refusal_is_an_error_with_a_next_step(
    document: object, problem: str, status: int
) -> None:
    if isinstance(document, dict):
        document = document | {"type": str(problem)}
    error = refusal(Answer(status, document, None, {}, NOW), "https://server")
    assert isinstance(error, SignotaurError)
    assert error.what
    assert error.next


@given(
    records=st.lists(
        st.one_of(st.binary(max_size=40), DOCUMENTS.map(lambda value: json.dumps(value).encode())),
        max_size=4,
    )
)
def test_a_journal_is_read_or_refused(records: list[bytes]) -> None:
    try:
        entry = read_entry(b"\n".join(records))
    except (ValueError, KeyError, TypeError):
        return
    assert entry is None or entry.server
