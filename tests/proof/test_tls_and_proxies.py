"""Certificates, handshakes, redirects, proxies: the key goes to the server and nowhere else."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import pytest

from proof.conftest import Proof
from proof.matrix import chosen
from proof.network_place import USER, Certificates, own_address, tinyproxy
from support.client import run_client
from support.front import Front, answering
from support.keys import add_keys
from support.keyserver import KeyServer
from support.wire import Cut, ScriptedServer, TlsRelay, cut

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
DONE, FAILED = 0, 1
SERVED = ("good", "TLS 1.2", "expired", "not yet valid", "other host", "other authority", "TLS 1.1")
TRUSTED = ("nobody", "the right one", "the other one", "everybody")


class Traveller:
    """Rotates fresh keys of a server over ways that a test lays."""

    def __init__(self, server: KeyServer, folder: Path) -> None:
        self.server = server
        self.certificates = Certificates(folder / "pki")
        self._folder = folder
        self._count = 0
        self.keys: list[str] = []

    def go(self, url: str, *options: str | Path, code: int = DONE, **env: str) -> None:
        """Rotate a key at an address: the run must end with this code, and say so.

        ``keys`` are the old one and, if it was made, the new one.
        """
        self._count += 1
        home = self._folder / str(self._count)
        home.mkdir()
        (key,) = add_keys(self.server, [f"{self._folder.name} {self._count}"])
        netrc = home / ".netrc"
        netrc.write_text("machine 127.0.0.1 login mallory password x\ndefault login m password y\n")
        done = run_client(
            *("rotate-key", "-s", url, "--wk", home / "new", *options),
            *("--timeout", "60s" if code == DONE else "3s"),
            env={"HOME": str(home), "SIGNOTAUR_API_KEY": key, "NETRC": str(netrc), **env},
        )
        made = (home / "new").read_text().split() if (home / "new").exists() else []
        self.keys = [key, *made]
        assert done.code == code, done.err
        assert len(self.keys) == (2 if code == DONE else 1)
        if code != DONE:
            assert "Next: " in done.err
        assert not any(key in done.said for key in self.keys)

    def shown(self, seen: bytes) -> bool:
        """Return whether a key is among bytes that somebody saw."""
        return any(key.encode() in seen for key in self.keys)


@pytest.fixture
def traveller(plain_server: KeyServer, tmp_path: Path) -> Traveller:
    return Traveller(plain_server, tmp_path)


def _trust(whom: str, certificates: Certificates) -> list[str | Path]:
    given: Mapping[str, list[str | Path]] = {
        "nobody": [],
        "the right one": ["--ca-file", certificates.right.ca_file],
        "the other one": ["--ca-file", certificates.other.ca_file],
        "everybody": ["--allow-untrusted"],
    }
    return given[whom]


def _is_trusted(served: str, whom: str) -> bool:
    if whom == "everybody":
        return served != "TLS 1.1"
    if whom == "the other one":
        return served == "other authority"
    return whom == "the right one" and served in ("good", "TLS 1.2")


def test_a_certificate_is_trusted_only_if_it_is_the_servers(
    traveller: Traveller, proof: Proof
) -> None:
    cells = list(product(SERVED, TRUSTED))
    with proof("TLS and proxies") as record:
        for served, whom in chosen(cells, 8, "certificates"):
            context = traveller.certificates.context(served)
            with (
                record.point(f"{served}, {whom} trusted"),
                TlsRelay(traveller.server.url, context) as relay,
            ):
                good = _is_trusted(served, whom)
                options = _trust(whom, traveller.certificates)
                traveller.go(relay.url, *options, code=DONE if good else FAILED)
                assert traveller.shown(relay.sent) == good


# Handshakes that break off, and other services


def _sends(content: bytes, how: Cut) -> Callable[[socket.socket], bool]:
    def script(connection: socket.socket) -> bool:
        connection.sendall(content)
        cut(connection, how)
        return False

    return script


_ALERT = bytes.fromhex("15030300020228")
_HELLO = bytes.fromhex("160303007a020000760303") + bytes(60)
BROKEN = {
    f"{name}, {how.value}": _sends(content, how)
    for (name, content), how in product(
        {
            "nothing": b"",
            "one byte": _HELLO[:1],
            "a header": _HELLO[:5],
            "half a hello": _HELLO,
            "an alert": _ALERT,
            "plain http": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            "noise": bytes(range(256)),
        }.items(),
        (Cut.FIN, Cut.RESET),
    )
}


def test_a_handshake_that_breaks_off_shows_no_key(traveller: Traveller, proof: Proof) -> None:
    with proof("TLS and proxies") as record:
        for name in chosen(list(BROKEN), 4, "handshakes"):
            with record.point(name), ScriptedServer(BROKEN[name]) as server:
                url = server.url.replace("http:", "https:")
                traveller.go(url, "--allow-untrusted", code=FAILED)
                assert server.count > 0


# Redirects


def test_no_redirect_takes_the_key_along(traveller: Traveller, proof: Proof) -> None:
    cells = list(product((301, 302, 303, 307, 308), ("relative", "other", "https", "scheme-less")))
    with (
        proof("TLS and proxies") as record,
        Front(traveller.server.url).running() as front,
        Front(traveller.server.url).running() as other,
    ):
        places = {
            "relative": "/else",
            "other": f"{other.url}/else",
            "https": other.url.replace("http:", "https:"),
            "scheme-less": other.url.removeprefix("http:"),
        }
        for status, place in chosen(cells, 4, "redirects"):
            with record.point(f"{status} to {place}"):
                front.requests.clear()
                front.faults[:] = [answering(status, Location=places[place])]
                traveller.go(front.url, code=FAILED)
                assert other.requests == []
                assert {each.path for each in front.requests} == {"/api/v1/keys/self"}
                sent = {each.headers["Authorization"] for each in front.requests}
                assert sent == {f"Bearer {traveller.keys[0]}"}, "not what .netrc says"


# Proxies


@pytest.fixture
def server_elsewhere(traveller: Traveller) -> Iterator[TlsRelay]:
    """The server at an address that is not this machine's loopback."""
    host = own_address()
    context = traveller.certificates.context("good", host)
    with TlsRelay(traveller.server.url, context, host) as relay:
        yield relay


VIA, PAST, NOWHERE = "via the proxy", "past the proxy", "nowhere"
VARIABLES: Mapping[str, tuple[Mapping[str, str], str]] = {
    "no variable": ({}, PAST),
    "HTTPS_PROXY": ({"HTTPS_PROXY": "PROXY"}, VIA),
    "https_proxy": ({"https_proxy": "PROXY"}, VIA),
    "ALL_PROXY": ({"ALL_PROXY": "PROXY"}, VIA),
    "all_proxy": ({"all_proxy": "PROXY"}, VIA),
    "HTTP_PROXY alone": ({"HTTP_PROXY": "PROXY"}, PAST),
    "NO_PROXY": ({"HTTPS_PROXY": "PROXY", "NO_PROXY": "HOST"}, PAST),
    "NO_PROXY of all": ({"HTTPS_PROXY": "PROXY", "no_proxy": "*"}, PAST),
    "NO_PROXY of others": ({"HTTPS_PROXY": "PROXY", "NO_PROXY": "example.com"}, VIA),
    "proxy that is away": ({"HTTPS_PROXY": "http://127.0.0.1:9"}, NOWHERE),
    "proxy without credentials": ({"HTTPS_PROXY": "CLOSED"}, NOWHERE),
    "proxy with wrong credentials": ({"HTTPS_PROXY": "WRONG"}, NOWHERE),
    "proxy with credentials": ({"HTTPS_PROXY": "RIGHT"}, VIA),
    "proxy that forbids the port": ({"HTTPS_PROXY": "FORBIDDING"}, NOWHERE),
    "proxy that is no proxy": ({"HTTPS_PROXY": "OTHER"}, NOWHERE),
}


def test_a_proxy_sees_no_key(
    traveller: Traveller, server_elsewhere: TlsRelay, tmp_path: Path, proof: Proof
) -> None:
    user, password = USER.split(":")
    with ExitStack() as stack, proof("TLS and proxies") as record:
        open_proxy = stack.enter_context(tinyproxy(tmp_path / "open"))
        closed = stack.enter_context(tinyproxy(tmp_path / "closed", f"BasicAuth {user} {password}"))
        forbidding = stack.enter_context(tinyproxy(tmp_path / "forbidding", "ConnectPort 443"))
        other = stack.enter_context(Front(traveller.server.url).running())
        addresses = {
            "PROXY": open_proxy.url(),
            "CLOSED": closed.url(),
            "WRONG": closed.url(f"{user}:wrong"),
            "RIGHT": closed.url(USER),
            "FORBIDDING": forbidding.url(),
            "OTHER": other.url,
            "HOST": own_address(),
        }
        for name in chosen(list(VARIABLES), 5, "proxies"):
            logs = [each.log for each in (open_proxy, closed, forbidding)]
            with record.point(name):
                _try_variables(name, addresses, traveller, server_elsewhere, logs)
        assert other.requests == []


def _try_variables(
    name: str,
    addresses: Mapping[str, str],
    traveller: Traveller,
    server: TlsRelay,
    logs: list[Path],
) -> None:
    variables, way = VARIABLES[name]
    env = {each: addresses.get(text, text) for each, text in variables.items()}
    before = sum(_connects(log) for log in logs)
    server.sent = b""
    code = FAILED if way is NOWHERE else DONE
    authority = traveller.certificates.right.ca_file
    traveller.go(server.url, "--ca-file", authority, code=code, **env)
    assert traveller.shown(server.sent) == (way is not NOWHERE)
    if way is not NOWHERE:
        assert (sum(_connects(log) for log in logs) > before) == (way is VIA)
    assert not any(traveller.shown(log.read_bytes()) for log in logs)


def _connects(log: Path) -> int:
    return log.read_text().count("Established connection to host")
