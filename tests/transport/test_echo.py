"""Servers that send a key or a token back: no message shows any part of it.

Secrets were replaced in the raw bytes, before JSON was decoded. A key with a quote, a plus sign or
a slash was shown completely where JSON escapes these (44 of 44 characters), and so was every
secret in base64 or hexadecimal.
"""

import json
from collections.abc import Callable
from socket import socket
from typing import Any

import pytest

from signotaur_action.errors import SignotaurError
from signotaur_action.http import (
    ApiProfile,
    Credential,
    Deadline,
    HttpClient,
    HttpError,
    ServerAddress,
)
from signotaur_action.key_server import HttpKeyService
from signotaur_action.model import Secret
from support.clock import VirtualClock
from support.echoes import IN_JSON, IN_TEXT, SECRETS, shows
from support.wire import ScriptedServer

EVERY_SECRET = pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)


def _in_json(form: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: json.dumps(form(text))[1:-1]


FORMS = {**IN_JSON, **{name: _in_json(form) for name, form in IN_TEXT.items()}}
PLACES = {
    "detail": (400, '{"type": "internal-error", "detail": "bad token %s"}'),
    "type": (400, '{"type": "%s"}'),
    "holder": (409, '{"type": "rotation-open", "holder": "%s"}'),
    "name of a member": (400, '{"%s": 1}'),
    "no JSON": (400, "<html>%s"),
    "wrong type": (200, '{"id": "%s"}'),
}


def saying(status: int, body: str, kind: str = "application/json") -> ScriptedServer:
    def script(connection: socket) -> bool:
        head = f"HTTP/1.1 {status} {body[:99]}\r\nContent-Type: {kind}\r\n"
        content = body.encode()
        connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        return True

    return ScriptedServer(script)


@EVERY_SECRET
@pytest.mark.parametrize("place", PLACES)
def test_a_key_server_that_repeats_the_key_shows_nothing(secret: str, place: str) -> None:
    status, body = PLACES[place]
    for name, form in FORMS.items():
        written = form(secret)
        with saying(status, body % written) as server:
            service = HttpKeyService(ServerAddress(server.url), VirtualClock())
            with pytest.raises(SignotaurError) as caught:
                service.describe(Secret(secret))
        told = f"{caught.value.what} {caught.value.keys} {caught.value.next}"
        for each in (secret, written):
            assert not shows(told, each), name


@EVERY_SECRET
@pytest.mark.parametrize("form", ["raw", "base64", "base64 of the header", "hex", "reversed"])
def test_a_content_type_that_repeats_the_secret_is_hidden(secret: str, form: str) -> None:
    written = IN_TEXT[form](secret)
    with saying(200, "<html>", f"text/{written}") as server:
        with pytest.raises(HttpError) as caught:
            client(server.url, json_only=False).call("GET", "/", Credential(Secret(secret)))
        assert not shows(str(caught.value), written)


@pytest.mark.parametrize("status", [200, 403])
def test_what_a_store_keeps_comes_as_it_is_and_what_it_says_does_not(status: int) -> None:
    """Fields beside the key are written back unchanged, even if one contains the token."""
    token = SECRETS["GitLab token"]
    document = {"data": {"TOKEN": token, "KEY": "older"}, "message": f"for {token}"}
    with saying(status, json.dumps(document)) as server:
        found = client(server.url, json_only=False, verbatim=True).call(
            "GET", "/", Credential(Secret(token))
        )
    if status == 200:
        assert found.document == document
    else:
        assert token not in json.dumps(found.document)
        assert found.text("message") == "for ***"


def client(url: str, **profile: Any) -> HttpClient:
    clock = VirtualClock()
    limit = Deadline(600, "a test", clock)
    return HttpClient(
        ServerAddress(url), ApiProfile("a test", repeatable=(), **profile), limit, clock
    )
