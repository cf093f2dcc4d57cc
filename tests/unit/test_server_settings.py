"""Which server is talked to, through which proxy, trusting whom: and what is refused."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from signotaur_action.key_server import ServerAddress
from signotaur_action.settings.layers import Settings
from signotaur_action.settings.server import server_address

URL = "https://signotaur.example.com"
PROXY = "http://proxy.example.com:3128"


def read(environ: dict[str, str] | None = None, **given: object) -> tuple[ServerAddress, list[str]]:
    settings = Settings({"sign_server": URL} | given, {"HOME": "/nonexistent"} | (environ or {}))
    return server_address(settings), settings.faults


# URLs


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (URL, URL),
        (URL + "/", URL),
        (URL + "//", URL),
        (URL + ":8443", URL + ":8443"),
        (URL + "/prefix/", URL + "/prefix"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://192.0.2.7", "https://192.0.2.7"),
        ("HTTPS://signotaur.example.com", "HTTPS://signotaur.example.com"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://127.8.9.1:80", "http://127.8.9.1:80"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_a_servers_url_is_taken_without_its_last_slash(text: str, url: str) -> None:
    address, faults = read(sign_server=text)
    assert faults == []
    assert address.url == url


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("signotaur.example.com", "must be an https URL"),
        ("ftp://signotaur.example.com", "must be an https URL"),
        ("https://", "must be an https URL"),
        ("https://:443", "must be an https URL"),
        ("file:///etc/passwd", "must be an https URL"),
        ("https://[::1", "is not a URL"),
        (URL + ":port", "is not a URL"),
        (URL + ":99999", "is not a URL"),
        ("https://user@signotaur.example.com", "not contain a user name"),
        ("https://user:pass@signotaur.example.com", "not contain a user name"),
        ("https://:pass@signotaur.example.com", "not contain a user name"),
        ("https://@signotaur.example.com", "not contain a user name"),
        (URL + "/?a=b", "a user name, a password, ? or #"),
        (URL + "?", "a user name, a password, ? or #"),
        (URL + "/#top", "a user name, a password, ? or #"),
        (URL + "#", "a user name, a password, ? or #"),
        ("http://signotaur.example.com", "plain http would expose the key"),
        ("http://localhost.example.com", "plain http would expose the key"),
        ("http://127.0.0.1.example.com", "plain http would expose the key"),
        ("http://0.0.0.0", "plain http would expose the key"),
        ("http://10.0.0.1", "plain http would expose the key"),
        ("http://[2001:db8::1]", "plain http would expose the key"),
        ("https://signotaur example.com", "spaces or other characters"),
        ("https://signotaur.example.com/a b", "spaces or other characters"),
        ("https://signotaur.exa\nmple.com", "spaces or other characters"),
        ("https://signotaur.exa\tmple.com", "spaces or other characters"),
        ("https://sïgnotaur.example.com", "spaces or other characters"),
        ("https://signotaur.example.com/\x00", "spaces or other characters"),
    ],
)
def test_any_other_url_is_refused(text: str, fault: str) -> None:
    _, (told,) = read(sign_server=text)
    assert told.startswith("--sign-server: ")
    assert fault in told


def test_a_missing_server_is_reported_with_the_ways_to_name_one() -> None:
    _, (told,) = read(sign_server=None)
    assert "--sign-server" in told
    assert "SIGNOTAUR_SERVER" in told


def test_a_refused_url_is_not_shown() -> None:
    _, (told,) = read(sign_server="https://user:topsecretpass@signotaur.example.com")
    assert "topsecret" not in told


# Time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("1", 1), ("60", 60), ("90s", 90), ("4m", 240), ("240", 240), (" 2m ", 120)],
)
def test_the_time_for_all_calls_is_read(text: str, seconds: int) -> None:
    address, faults = read(timeout=text)
    assert faults == []
    assert address.timeout == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["0", "0s", "241", "5m", "1h", "5214w"])
def test_a_time_outside_its_range_is_refused(text: str) -> None:
    _, faults = read(timeout=text)
    assert faults == ["--timeout: it must be between 1s and 4m"]


@pytest.mark.parametrize("text", ["", "fast", "-1", "1.5s", "1e3", "\u0663", "\xb2", "9" * 30])
def test_an_invalid_time_is_refused(text: str) -> None:
    _, (told,) = read(timeout=text)
    assert told.startswith("--timeout: ")


def test_the_time_has_a_default_below_the_watchdogs() -> None:
    address, _ = read()
    assert address.timeout == timedelta(seconds=60)


# Trust


def test_a_file_of_authorities_is_taken_by_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_text("junk before\n-----BEGIN CERTIFICATE-----\n")
    monkeypatch.chdir(tmp_path)
    address, faults = read(ca_file="ca.pem")
    assert faults == []
    assert address.ca_file == tmp_path / "ca.pem"


def test_a_missing_ca_file_is_reported(tmp_path: Path) -> None:
    _, faults = read(ca_file=str(tmp_path / "ca.pem"))
    assert faults == [
        f"--ca-file: {tmp_path / 'ca.pem'} cannot be read (no such file or directory)"
    ]


@pytest.mark.parametrize("content", [b"", b"\x30\x82\x01", b"-----BEGIN PRIVATE KEY-----\n"])
def test_a_file_without_a_certificate_is_reported(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    _, (told,) = read(ca_file=str(tmp_path / "ca.pem"))
    assert "does not contain a PEM certificate" in told


def test_a_folder_as_ca_file_is_reported(tmp_path: Path) -> None:
    _, (told,) = read(ca_file=str(tmp_path))
    assert "(is a directory)" in told


def test_the_certificate_is_checked_unless_asked_otherwise() -> None:
    assert read()[0].allow_untrusted is False
    assert read(allow_untrusted=True)[0].allow_untrusted is True


ALLOW_UNTRUSTED = {
    "command line": ({"allow_untrusted": True}, {}, {}),
    "input": ({}, {"INPUT_ALLOW-UNTRUSTED": "true"}, {}),
    "environment": ({}, {"SIGNOTAUR_ALLOW_UNTRUSTED": "true"}, {}),
    "config.json": ({}, {}, {"allowUntrusted": True}),
}
CA_FILE: dict[str, Callable[[str], tuple[dict[str, str], dict[str, str]]]] = {
    "command line": lambda path: ({"ca_file": path}, {}),
    "input": lambda path: ({}, {"INPUT_CA-FILE": path}),
    "environment": lambda path: ({}, {"SIGNOTAUR_CA_FILE": path}),
}


@pytest.mark.parametrize("untrusted", ALLOW_UNTRUSTED)
@pytest.mark.parametrize("ca", CA_FILE)
def test_a_given_ca_file_is_never_switched_off(untrusted: str, ca: str, tmp_path: Path) -> None:
    """A variable or config.json won over ``--ca-file``: any certificate got the key."""
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    given, variables, config = ALLOW_UNTRUSTED[untrusted]
    more, environ = CA_FILE[ca](str(tmp_path / "ca.pem"))
    write_config(tmp_path, config)
    _, faults = read({"HOME": str(tmp_path)} | variables | environ, **given, **more)
    [fault] = faults
    assert fault.startswith(f"--allow-untrusted (given by {untrusted}) would turn off")
    assert fault.endswith(f"--ca-file (given by {ca}); give only one of them")


def test_allow_untrusted_that_a_higher_layer_turns_off_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    write_config(tmp_path, {"allowUntrusted": True})
    environ = {"HOME": str(tmp_path), "SIGNOTAUR_ALLOW_UNTRUSTED": "false"}
    address, faults = read(environ, ca_file=str(tmp_path / "ca.pem"))
    assert (address.allow_untrusted, faults) == (False, [])


def write_config(home: Path, config: Mapping[str, object]) -> None:
    (home / ".signotaur").mkdir()
    (home / ".signotaur" / "config.json").write_text(json.dumps(config))


# Proxies


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTPS_PROXY": PROXY},
        {"https_proxy": PROXY},
        {"ALL_PROXY": PROXY},
        {"all_proxy": PROXY},
        {"HTTPS_PROXY": "", "https_proxy": PROXY},
        {"HTTPS_PROXY": PROXY, "ALL_PROXY": "http://other"},
        {"HTTPS_PROXY": PROXY, "HTTP_PROXY": "http://other"},
        {"HTTPS_PROXY": PROXY, "NO_PROXY": ""},
        {"HTTPS_PROXY": PROXY, "NO_PROXY": "other.com, .other.org,notaur.example.com"},
        {"HTTPS_PROXY": PROXY, "NO_PROXY": "ample.com"},
    ],
)
def test_the_proxy_of_the_environment_is_taken(environ: dict[str, str]) -> None:
    address, faults = read(environ)
    assert faults == []
    assert address.proxy == PROXY


@pytest.mark.parametrize(
    "exceptions",
    [
        "*",
        "signotaur.example.com",
        "SIGNOTAUR.example.com",
        "example.com",
        ".example.com",
        "*.example.com",
        "other, example.com ,x",
        "a,*",
    ],
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_no_proxy_names_hosts_that_are_reached_directly(variable: str, exceptions: str) -> None:
    address, _ = read({"HTTPS_PROXY": PROXY, variable: exceptions})
    assert address.proxy is None


@pytest.mark.parametrize("environ", [{}, {"HTTP_PROXY": PROXY}, {"http_proxy": PROXY}])
def test_without_a_proxy_for_https_there_is_none(environ: dict[str, str]) -> None:
    assert read(environ)[0].proxy is None


def test_this_machine_is_never_reached_through_a_proxy() -> None:
    address, _ = read({"HTTPS_PROXY": PROXY, "ALL_PROXY": PROXY}, sign_server="http://[::1]:80")
    assert address.proxy is None


# All at once


def test_every_problem_is_reported(tmp_path: Path) -> None:
    _, faults = read(sign_server="x", timeout="x", ca_file=str(tmp_path / "x"))
    assert [fault.partition(":")[0] for fault in faults] == [
        "--sign-server",
        "--timeout",
        "--ca-file",
    ]
