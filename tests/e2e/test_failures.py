"""Everything that goes wrong before a key is made: told plainly, and nothing is changed."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from e2e.client_harness import NOTHING_SENT, ClientHarness, Ledger, assert_explained
from signotaur_wire import keyformat
from support.front import Front, answering
from support.keyserver import KeyServer
from support.mounts import fill, read_only, small_disk
from support.tls import Authority, CertifiedKeyServer

UNTOUCHED = "The old key is untouched and still works."
OLD_DESTINATION = b"SIGNOTAUR_API_KEY=what-was-there-before\n"


@contextmanager
def nothing_changes(client: ClientHarness, key: str | None = None) -> Iterator[None]:
    """Whatever happens inside, no key and no file is another one afterwards."""
    destination = client.folder / "build.env"
    if not destination.exists():
        destination.write_bytes(OLD_DESTINATION)
    if key and not client.key_file.exists():
        client.store(key)
    before, files = client.ledger.state(), _tree(client)
    yield
    assert client.ledger.state() == before
    assert _tree(client) == files


def _tree(client: ClientHarness) -> dict[Path, object]:
    """Every file of the test's folders; that a folder for journals was made is no change."""
    return {
        path: (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in sorted(client.folder.rglob("*"))
        if not path.is_dir() and not path.relative_to(client.folder).parts[0].startswith("data")
    }


def to_env_file(client: ClientHarness) -> tuple[str, Path]:
    return ("--we", client.folder / "build.env")


# The key


def _unknown(_: Ledger, __: str) -> str:
    return keyformat.generate()


def _foreign(_: Ledger, __: str) -> str:
    return "another-vendors-key-0123456789"


def _expired(ledger: Ledger, name: str) -> str:
    return ledger.add(name, days=-1)


def _revoked(ledger: Ledger, name: str) -> str:
    key = ledger.add(name)
    ledger.revoke(key)
    return key


def _disabled(ledger: Ledger, name: str) -> str:
    key = ledger.add(name)
    ledger.disable(key)
    return key


def _disabled_owner(ledger: Ledger, name: str) -> str:
    key = ledger.add(name, ledger.add_user(name, "ApiKeyRotator"))
    ledger.disable_user(name)
    return key


def _without_role(ledger: Ledger, name: str) -> str:
    return ledger.add(name, ledger.add_user(name))


@pytest.mark.parametrize(
    ("make", "what", "next_step"),
    [
        (_unknown, "the server does not know it", "Check that the key belongs to this server."),
        (_foreign, "the server does not know it", "Check that the key belongs to this server."),
        (_expired, "it has expired", "Ask an administrator for a new key"),
        (_revoked, "it was revoked", "use its successor"),
        (_disabled, "it or its owner is disabled", "Ask an administrator to enable"),
        (_disabled_owner, "it or its owner is disabled", "Ask an administrator to enable"),
        (_without_role, "lacks the role ApiKeyRotator", "give the role to the key's owner"),
    ],
)
def test_key_is_refused(
    make: Callable[[Ledger, str], str],
    what: str,
    next_step: str,
    client: ClientHarness,
    fresh_name: str,
) -> None:
    key = make(client.ledger, fresh_name)
    with nothing_changes(client, key):
        done = client.rotate("--af", client.key_file, *to_env_file(client))
    assert_explained(done, 2, what, next_step)
    assert key not in done.said
    if make is not _without_role:
        assert UNTOUCHED not in done.err  # it does not work


# The command line


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (["-o", "-1"], 3, "The overlap must be between 0 and 30 days, not -1."),
        (["-o", "31"], 3, "The overlap must be between 0 and 30 days, not 31."),
        (["-o", "abc"], 10, "--overlap-days: it must be a whole number of days"),
        (["-o", "7.5"], 10, "--overlap-days: it must be a whole number of days"),
        (["-o", ""], 10, "--overlap-days: it must be a whole number of days"),
        (["-o", "²"], 10, "--overlap-days: it must be a whole number of days"),
        (["-o"], 10, "'-o' requires an argument"),
        (
            ["-a", "another-key-0123456789"],
            10,
            "--api-key and --api-key-file cannot be used together",
        ),
        (["--wk", "new.txt"], 10, "--write-key-file and --write-env-file cannot be used together"),
        (["-e", "template:{{secret}}"], 10, "--write-env-file and --emit-secret cannot"),
        (["--wn", "1KEY"], 10, "--write-env-var-name must be letters, digits and _"),
        (["--wn", "A=B"], 10, "--write-env-var-name must be letters, digits and _"),
        (["--timeout", "5h"], 10, "--timeout: it must be between 1s and 4m"),
        (["--timeout", "soon"], 10, "--timeout: a duration is a number and a unit"),
        (["--if-expiring-within", "7"], 10, "--if-expiring-within: a duration is"),
        (["--ca-file", "no.pem"], 10, "--ca-file: no.pem cannot be read (no such file"),
        (["--ca-file", "/dev/null"], 10, "--ca-file: /dev/null does not contain a PEM certificate"),
        (["--rotate-everything"], 10, "No such option: --rotate-everything"),
        (["--nar=yes"], 10, "--nar"),
        (["surplus"], 10, "unexpected extra argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_option(
    arguments: list[str], code: int, what: str, client: ClientHarness, key: str
) -> None:
    with nothing_changes(client, key):
        done = client.rotate("--af", client.key_file, *to_env_file(client), *arguments)
    assert_explained(done, code, what, NOTHING_SENT, "Next: ")
    assert client.ledger.of(key)["first_used_at_utc"] is None


@pytest.mark.parametrize(
    ("sinks", "what"),
    [
        (["jenkins:KEY"], "--emit-secret has an unknown kind; the known ones are continua"),
        (["template:{{secret}} {{key}}"], "unknown tokens: {{key}} (known: {{secret}} {{keyId}}"),
        (["template:{{keyId}}"], "the template does not contain {{secret}}"),
        (["continua:serverVar=a b"], "continua:serverVar= needs a variable's name"),
        (["continua:var=A"], "continua takes serverVar=NAME or buildVar=NAME"),
        (["github-env:A-B"], "github-env: the value must be a name"),
        (["github-env:PATH"], "github-env:PATH is a variable that belongs to the runner"),
        (["github-output:key-id"], "is the name of another output"),
        (["nonsense", "template:x"], "unknown kind"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_sink(sinks: list[str], what: str, client: ClientHarness, key: str) -> None:
    with nothing_changes(client, key):
        done = client.rotate(
            "--af", client.key_file, *[part for sink in sinks for part in ("-e", sink)]
        )
    assert_explained(done, 10, what, NOTHING_SENT)
    assert client.ledger.of(key)["first_used_at_utc"] is None


def test_json_beside_a_printed_secret(client: ClientHarness, key: str) -> None:
    with nothing_changes(client, key):
        done = client.rotate("--af", client.key_file, "--json", "-e", "template:{{secret}}")
    assert done.code == 10
    assert "--json and an --emit-secret that prints cannot be used together" in done.json["what"]


def test_variable_name_without_its_file(client: ClientHarness, key: str) -> None:
    with nothing_changes(client, key):
        done = client.rotate("--af", client.key_file, "--wn", "KEY")
    assert_explained(done, 10, "can only be used with --write-env-file", NOTHING_SENT)


def test_unknown_command(client: ClientHarness, key: str) -> None:
    with nothing_changes(client, key):
        done = client.run("rotate-keys", *client.server.options, "--af", client.key_file)
    assert_explained(done, 10, "No such command 'rotate-keys'", "--help")


def test_every_fault_in_one_message(client: ClientHarness, key: str) -> None:
    with nothing_changes(client, key):
        done = client.run(
            *("rotate-key", "-s", "ftp://x", "--af", "no-such-file", "-o", "99"),
            *("--timeout", "0s", "--if-expiring-within", "soon", "--ca-file", "no.pem"),
            *("-e", "jenkins:A", "-e", "template:{{x}}", "--wn", "A"),
            env={"SIGNOTAUR_DRY_RUN": "maybe"},
        )
    assert_explained(
        done,
        10,
        "--api-key-file: no-such-file cannot be read",
        "--sign-server: it must be an https URL",
        "--overlap-days: the overlap must be between 0 and 30 days, not 99",
        "--timeout: it must be between 1s and 4m",
        "--if-expiring-within: a duration is",
        "--ca-file: no.pem cannot be read",
        "--emit-secret has an unknown kind",
        "the template has unknown tokens: {{x}}",
        "--write-env-var-name can only be used with",
        "SIGNOTAUR_DRY_RUN must be true or false",
        NOTHING_SENT,
    )
    assert sum(line.startswith(("- ", "Error: - ")) for line in done.err.splitlines()) == 10


def test_configuration_file_is_damaged(client: ClientHarness, key: str) -> None:
    (client.home / ".signotaur").mkdir()
    (client.home / ".signotaur" / "config.json").write_text('{"signServer": ')
    with nothing_changes(client, key):
        done = client.rotate("--af", client.key_file)
    assert_explained(done, 10, "config.json cannot be read as JSON", NOTHING_SENT)


# The key file


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "cannot be read (no such file or directory)"),
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "it is not UTF-8 text"),
        ("KEY".encode("utf-16"), "it is not UTF-8 text"),
        (b"OTHER=KEY\n", "does not set SIGNOTAUR_API_KEY; --api-key-name chooses another"),
        (b"SIGNOTAUR_API_KEY=\n", "does not set SIGNOTAUR_API_KEY"),
        (b"KEY and more", "does not contain a key"),
        (b"KEY\nKEY\n", "does not contain a key"),
        (b"TYPO", "the key's checksum does not match"),
        (b"x" * 70_000, "is larger than 64 KiB"),
        ("folder", "cannot be read (is a directory)"),
    ],
    ids=str,
)
def test_key_file_is_wrong(
    content: bytes | str | None, what: str, client: ClientHarness, key: str
) -> None:
    if content == "folder":
        client.key_file.mkdir()
    elif isinstance(content, bytes):
        typo = key[:-1] + ("A" if key[-1] != "A" else "B")
        filled = content.replace(b"KEY and", f"{key} and".encode()).replace(b"TYPO", typo.encode())
        if content == b"KEY\nKEY\n":
            filled = f"{key}\n{key}\n".encode()
        client.key_file.write_bytes(filled.replace(b"=KEY", f"={key}".encode()))
    with nothing_changes(client):
        done = client.rotate("--af", client.key_file, *to_env_file(client))
    assert_explained(done, 10, what, NOTHING_SENT)
    assert key[20:50] not in done.said
    assert client.ledger.of(key)["first_used_at_utc"] is None


@pytest.mark.parametrize(
    "form",
    ["\ufeffKEY", "KEY\r\n", "\ufeffSIGNOTAUR_API_KEY=KEY\r\n", "KEY", "KEY\r"],
    ids=ascii,
)
def test_key_file_of_another_editor(form: str, client: ClientHarness, key: str) -> None:
    client.key_file.write_bytes(form.replace("KEY", key).replace(f"API_{key}", "API_KEY").encode())
    done = client.rotate("--af", client.key_file, "--dry-run")
    assert done.code == 0, done.said


# The destination


def _missing_folder(client: ClientHarness) -> Path:
    return client.folder / "missing" / "key.txt"


def _folder(client: ClientHarness) -> Path:
    (client.folder / "folder").mkdir()
    return client.folder / "folder"


def _link(client: ClientHarness) -> Path:
    (client.folder / "link").symlink_to(client.folder / "real.txt")
    return client.folder / "link"


def _hard_link(client: ClientHarness) -> Path:
    (client.folder / "one").write_text("")
    (client.folder / "two").hardlink_to(client.folder / "one")
    return client.folder / "two"


def _pipe(client: ClientHarness) -> Path:
    os.mkfifo(client.folder / "pipe")
    return client.folder / "pipe"


def _file_as_folder(client: ClientHarness) -> Path:
    return client.key_file / "key.txt"


def _dotenv(client: ClientHarness) -> Path:
    (client.folder / "other.env").write_text("A=1\nSIGNOTAUR_API_KEY=x\n")
    return client.folder / "other.env"


@pytest.mark.parametrize(
    ("make", "option", "what"),
    [
        (_missing_folder, "--wk", "missing does not exist"),
        (_missing_folder, "--we", "missing does not exist"),
        (_folder, "--wk", "it is a folder, not a regular file"),
        (_folder, "--we", "cannot be used"),
        (_link, "--wk", "it is a symbolic link; use --follow-symlinks to allow that"),
        (_link, "--we", "cannot be used"),
        (_hard_link, "--wk", "it has other hard links"),
        (_pipe, "--wk", "it is a pipe, not a regular file"),
        (_file_as_folder, "--wk", "key.txt is not a folder"),
        (_dotenv, "--wk", "contains something other than one key"),
    ],
)
def test_destination_is_refused(
    make: Callable[[ClientHarness], Path], option: str, what: str, client: ClientHarness, key: str
) -> None:
    client.store(key)
    path = make(client)
    with nothing_changes(client, key):
        done = client.rotate("--af", client.key_file, option, path)
    assert_explained(done, 11, str(path), what, NOTHING_SENT)
    assert client.ledger.of(key)["first_used_at_utc"] is None


@pytest.mark.parametrize(
    ("fault", "what"), [("full", "no space left on device"), ("read-only", "read-only file system")]
)
@pytest.mark.parametrize("option", ["--wk", "--we"])
def test_disk_is_full_or_read_only(
    fault: str, what: str, option: str, client: ClientHarness, key: str
) -> None:
    """The same file holds the old key: a rotation would lose it or the new one."""
    with _disk(client.folder / "disk", fault, f"{key}\n") as disk:
        file = disk / "key.txt"
        if option == "--we" and fault == "full":
            file.write_text(f"SIGNOTAUR_API_KEY={key}\n")
        elif option == "--we":
            file = disk / "new.env"
        source = disk / "key.txt"
        with nothing_changes(client, key):
            done = client.rotate("--af", source, option, file)
        assert_explained(done, 11, what, NOTHING_SENT)
    assert client.ledger.of(key)["first_used_at_utc"] is None


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_no_place_for_the_journal(fault: str, client: ClientHarness, key: str) -> None:
    with _disk(client.folder / "disk", fault, "") as disk, nothing_changes(client, key):
        done = client.rotate("--af", client.key_file, *to_env_file(client), "--state-dir", disk)
        assert_explained(done, 11, "journal", str(disk), NOTHING_SENT, "--state-dir")


@contextmanager
def _disk(at: Path, fault: str, content: str) -> Iterator[Path]:
    """A disk that holds one file, and is full or read-only."""
    with small_disk(at, "16k") as disk:
        (disk / "key.txt").write_text(content)
        if fault == "full":
            fill(disk)
            yield disk
        else:
            with read_only(disk):
                yield disk


def test_two_destinations_are_wrong(client: ClientHarness, key: str) -> None:
    with nothing_changes(client, key):
        done = client.rotate("--af", client.key_file, "-e", "github-output", "-e", "github-env:KEY")
    assert_explained(done, 11, "GITHUB_OUTPUT is not set", "GITHUB_ENV is not set", NOTHING_SENT)
    assert client.ledger.of(key)["first_used_at_utc"] is None


# The way to the server


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://signotaur.example.com", "plain http would expose the key on the network"),
        ("http://127.0.0.1.example.com", "plain http would expose the key on the network"),
        ("http://2130706433", "plain http would expose the key on the network"),
        ("signotaur.example.com", "it must be an https URL"),
        ("https://", "it must be an https URL"),
        ("https://user:pw@signotaur.example.com", "it must not contain a user name, a password"),
        (
            "https://signotaur.example.com?key=1",
            "it must not contain a user name, a password, ? or #",
        ),
        ("https://signotaur.example.com:port", "it is not a URL"),
        ("https://signotaur .example.com", "it contains spaces or other characters"),
        ("", "no server is set"),
    ],
)
def test_server_address_is_wrong(url: str, what: str, client: ClientHarness, key: str) -> None:
    with nothing_changes(client, key):
        done = client.run("rotate-key", "-s", url, "--af", client.key_file, *to_env_file(client))
    assert_explained(done, 10, f"--sign-server: {what}" if url else what, NOTHING_SENT)


def test_server_is_down(client: ClientHarness, key: str) -> None:
    with nothing_changes(client, key):
        done = client.run(
            *("rotate-key", "-s", "https://127.0.0.1:9", "--timeout", "1s"),
            *("--af", client.key_file, *to_env_file(client)),
        )
    assert_explained(
        done, 1, "https://127.0.0.1:9 cannot be reached: connection refused", UNTOUCHED
    )


def test_certificate_is_not_trusted(client: ClientHarness, key: str) -> None:
    with nothing_changes(client, key):
        done = client.run(
            "rotate-key", "-s", client.server.url, "--af", client.key_file, *to_env_file(client)
        )
    assert_explained(
        done,
        1,
        f"The certificate of {client.server.url} is not trusted",
        UNTOUCHED,
        "Set --ca-file",
    )
    assert client.ledger.of(key)["first_used_at_utc"] is None


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("expired", "certificate has expired"),
        ("early", "certificate is not yet valid"),
        ("other host", "IP address mismatch, certificate is not valid for '127.0.0.1'"),
    ],
)
def test_certificate_is_wrong(kind: str, what: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    files = {
        "expired": lambda: authority.issue(ends=timedelta(minutes=-1)),
        "early": lambda: authority.issue(starts=timedelta(minutes=10)),
        "other host": lambda: authority.issue("signotaur.example.com"),
    }[kind]()
    server = CertifiedKeyServer(tmp_path / "data", files, authority.ca_file)
    server.add_user()
    with server:
        client = ClientHarness(server, tmp_path)
        key = client.ledger.add()
        with nothing_changes(client, key):
            done = client.rotate("--af", client.key_file, *to_env_file(client))
        assert_explained(
            done, 1, "The certificate of", what, UNTOUCHED, "replace the server's certificate"
        )
        assert client.ledger.of(key)["first_used_at_utc"] is None


def test_certificate_of_a_private_authority_is_trusted(tmp_path: Path) -> None:
    """The counterpart of the refused ones: the same parts, nothing wrong with them."""
    authority = Authority(tmp_path / "pki")
    server = CertifiedKeyServer(tmp_path / "data", authority.issue(), authority.ca_file)
    server.add_user()
    with server:
        client = ClientHarness(server, tmp_path)
        assert client.rotate("--af", client.store(client.ledger.add())).code == 0


@pytest.fixture
def fronted(front: Front, plain_server: KeyServer, tmp_path: Path) -> ClientHarness:
    """A client whose client talks to the front."""
    del front
    return ClientHarness(plain_server, tmp_path)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed(
    status: int, front: Front, fronted: ClientHarness, plain_server: KeyServer
) -> None:
    key = fronted.ledger.add()
    with Front(plain_server.url).running() as other:
        elsewhere = f"{other.url}/api/v1/keys/self"
        front.faults.append(answering(status, Location=elsewhere))
        with nothing_changes(fronted, key):
            done = fronted.run(
                "rotate-key", *front.options, "--af", fronted.key_file, *to_env_file(fronted)
            )
        assert other.requests == []
    assert_explained(
        done,
        1,
        f"a redirect ({status})",
        "never sends a key to another address",
        UNTOUCHED,
        "--sign-server",
    )


@pytest.mark.parametrize(
    ("body", "headers", "what"),
    [
        (b"<html>Sign in</html>", {"Content-Type": "text/html"}, "answered 200 with text/html"),
        (b"", {}, "is not an answer from a key server"),
        (b"[]", {}, "that this client does not understand: the body is not a JSON object"),
        (b"null", {}, "that this client does not understand"),
        (b"{}", {}, "that this client does not understand: id is not an integer"),
        (b'{"id": "1", "name": "x"}', {}, "id is not an integer"),
        (b"[" * 30_000, {}, "is not an answer from a key server"),
        (b" " * 65_537, {}, "answered with more than 64 KiB"),
        (b'{"id": ' + b"1" * 5000 + b"}", {}, "is not an answer from a key server"),
        (b"\xff\xfe{\x00", {}, "is not an answer from a key server"),
    ],
    ids=["html", "empty", "list", "null", "object", "type", "depth", "size", "number", "bytes"],
)
def test_answer_is_of_another_server(
    body: bytes, headers: Mapping[str, str], what: str, front: Front, fronted: ClientHarness
) -> None:
    key = fronted.ledger.add()
    front.faults.append(answering(200, body, **headers))
    with nothing_changes(fronted, key):
        done = fronted.run(
            "rotate-key", *front.options, "--af", fronted.key_file, *to_env_file(fronted)
        )
    assert_explained(done, 1, what, UNTOUCHED)


def test_refusal_of_another_server(front: Front, fronted: ClientHarness) -> None:
    key = fronted.ledger.add()
    front.faults.append(answering(403, b"<h1>Forbidden</h1>", Content_Type="text/html"))
    with nothing_changes(fronted, key):
        done = fronted.run("rotate-key", *front.options, "--af", fronted.key_file)
    assert_explained(done, 1, "answered 403 with text/html", UNTOUCHED)


def test_garbled_answer_to_the_rotation_is_finished_later(
    front: Front, fronted: ClientHarness
) -> None:
    """The server may have opened it: the journal stays, and the same command goes on with it."""
    key = fronted.ledger.add()
    file = fronted.folder / "new.txt"
    command: list[str | Path] = ["rotate-key", *front.options, "--af", fronted.store(key)]
    command += ["--wk", file]

    front.faults.append(_garbled)
    done = fronted.run(*command)
    assert_explained(done, 1, "is not an answer from a key server", "Run the same command again")
    assert fronted.server.accepts(key)
    assert not file.exists()

    front.faults.clear()
    assert fronted.run(*command).code == 0
    [successor] = fronted.ledger.successors(key)
    assert successor["public_id"] == file.read_text()[4:19]


def _garbled(exchange: object) -> bool:
    from support.front import Exchange  # noqa: PLC0415

    assert isinstance(exchange, Exchange)
    if exchange.method != "PUT":
        return False
    exchange.forward()
    exchange.answer(200, {"Content-Type": "text/html"}, b"<html>")
    return True


# The surroundings


def test_netrc_and_proxies_change_nothing(client: ClientHarness, key: str) -> None:
    netrc = client.home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password nothing\n")
    netrc.chmod(0o600)
    nowhere = "http://127.0.0.1:9"
    env = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), nowhere)
    env |= {name.lower(): url for name, url in env.items()}
    env |= {"NETRC": str(netrc), "REQUESTS_CA_BUNDLE": "/dev/null", "CURL_CA_BUNDLE": "/dev/null"}
    env |= {"SSL_CERT_FILE": "/dev/null", "SSLKEYLOGFILE": str(client.folder / "tls-keys")}
    done = client.rotate("--af", client.store(key), *to_env_file(client), env=env)
    assert done.code == 0, done.said
    assert len(client.ledger.successors(key)) == 1


@pytest.mark.parametrize("python_path", ["", "."])
def test_planted_files_are_ignored(python_path: str, client: ClientHarness, key: str) -> None:
    """A workspace is what other people's pull requests put there."""
    caught = client.folder / "caught"
    trap = f"open({str(caught)!r}, 'a').write(__name__)\n"
    for name in ("requests", "json", "typer", "dotenv", "sitecustomize", "usercustomize"):
        (client.cwd / f"{name}.py").write_text(trap)
    for name in ("signotaur_action", "signotaur_wire", "encodings"):
        (client.cwd / name).mkdir()
        for module in ("__init__.py", "__main__.py"):
            (client.cwd / name / module).write_text(trap)
    (client.cwd / ".env").write_text(
        "SIGNOTAUR_SERVER=https://evil.example\nSIGNOTAUR_AGAIN=true\n"
    )
    (client.cwd / "config.json").write_text(json.dumps({"signServer": "https://evil.example"}))
    env = {"PYTHONPATH": python_path, "PYTHONSTARTUP": str(client.cwd / "json.py")}
    done = client.rotate("--af", client.store(key), *to_env_file(client), env=env)
    assert done.code == 0, done.said
    assert not caught.exists()
