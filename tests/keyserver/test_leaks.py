"""Reports of leaked keys: who may send them, what becomes of a key, and the rules of scanners."""

import base64
import hashlib
import json
import re
import string
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keyserver.harness import Client, ServerHarness, problem
from keyserver.processes import command
from signotaur_keyserver.api.context import LeakReports
from signotaur_keyserver.domain.webhooks import WebhookType
from signotaur_keyserver.pki.leak_keys import LeakKeys, LeakKeysError
from signotaur_keyserver.service import webhooks
from signotaur_wire import keyformat
from signotaur_wire.keyformat import generate

pytestmark = pytest.mark.both_databases

EXAMPLES = Path(__file__).parents[2] / "examples" / "leaks"
URL = "https://github.com/octo/repo/blob/main/.env"


class Scanner:
    """Signs reports as GitHub does."""

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / "leak-keys.json"
        self.publish(self._key)

    def publish(self, key: ec.EllipticCurvePrivateKey) -> None:
        """Write the list of public keys."""
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        listed = [{"key_identifier": "abc", "key": pem.decode(), "is_current": True}]
        self.file.write_text(json.dumps({"public_keys": listed}))

    def report(
        self,
        client: Client,
        findings: object,
        *,
        body: bytes | None = None,
        changed: dict[str, str] | None = None,
    ) -> requests.Response:
        """Send a signed report; ``body`` is what is sent instead of what was signed."""
        signed = json.dumps(findings).encode()
        signature = base64.b64encode(self._key.sign(signed, ec.ECDSA(hashes.SHA256()))).decode()
        headers = {
            "Github-Public-Key-Identifier": "abc",
            "Github-Public-Key-Signature": signature,
            "Content-Type": "application/json",
        } | (changed or {})
        return client.call("POST", "/api/v1/leaks", data=body or signed, headers=headers)


@pytest.fixture
def scanner(tmp_path: Path) -> Scanner:
    return Scanner(tmp_path)


def _client(
    world: ServerHarness, scanner: Scanner, *, disable: bool = False, **options: Any
) -> Client:
    return world.serving(leaks=LeakReports(LeakKeys(scanner.file), disable), **options)


def _finding(token: str, url: str | None = URL) -> dict[str, object]:
    return {"token": token, "type": "signotaur_key", "url": url, "source": "content"}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def test_a_leaked_key_is_an_event_and_a_webhook(world: ServerHarness, scanner: Scanner) -> None:
    key, stranger = world.key(), generate()
    webhooks.add_webhook(
        world.database, world.sealer, "https://hooks.example.com/", [WebhookType.KEY_LEAKED]
    )
    client = _client(world, scanner)
    answer = scanner.report(client, [_finding(key), _finding(stranger), _finding("sig_x")])
    assert answer.status_code == 200
    assert answer.json() == [
        {"token_hash": _hash(token), "token_type": "signotaur_key", "label": label}
        for token, label in (
            (key, "true_positive"),
            (stranger, "false_positive"),
            ("sig_x", "false_positive"),
        )
    ]
    (event,) = world.events("key-leaked")
    assert (event["level"], event["key_id"], event["user_id"]) == ("Security", 1, 1)
    assert event["data"] == {"url": URL, "source": "content", "type": "signotaur_key"}
    (delivery,) = webhooks.list_deliveries(world.database, None, 10)
    assert key[20:] not in json.dumps(delivery.payload)
    assert client.self(key).status_code == 200


def test_a_leaked_key_is_disabled_if_the_operator_wants_it(
    world: ServerHarness, scanner: Scanner
) -> None:
    key, other = world.key(), world.key()
    client = _client(world, scanner, disable=True)
    scanner.report(client, [_finding(key), _finding(key)])
    assert problem(client.self(key)) == (401, "key-disabled")
    assert client.self(other).status_code == 200
    assert len(world.events("key-leaked")) == 2
    assert len(world.events("key-disabled")) == 1
    scanner.report(client, [_finding(key)])
    assert len(world.events("key-disabled")) == 1


def test_a_key_of_the_same_id_with_another_secret_is_none(
    world: ServerHarness, scanner: Scanner
) -> None:
    key = world.key()
    body = f"{key[:20]}{'0' * keyformat.SECRET_LENGTH}"
    forged = body + keyformat.checksum(body)
    answer = scanner.report(_client(world, scanner), [_finding(forged)])
    assert answer.json()[0]["label"] == "false_positive"
    assert world.events("key-leaked") == []


def test_no_text_of_a_report_brings_a_key_into_the_log(
    world: ServerHarness, scanner: Scanner
) -> None:
    key = world.key()
    scanner.report(_client(world, scanner), [_finding(key, f"https://x/{key}\n{'y' * 400}")])
    (event,) = world.events("key-leaked")
    assert key[20:] not in json.dumps(event["data"])
    assert len(event["data"]["url"]) <= 260
    assert "\n" not in event["data"]["url"]


@pytest.mark.parametrize(
    "changed",
    [
        {"Github-Public-Key-Identifier": "other"},
        {"Github-Public-Key-Identifier": ""},
        {"Github-Public-Key-Signature": ""},
        {"Github-Public-Key-Signature": "nonsense!"},
        {"Github-Public-Key-Signature": base64.b64encode(b"x" * 70).decode()},
    ],
)
def test_a_report_without_a_right_signature_is_refused(
    world: ServerHarness, scanner: Scanner, changed: dict[str, str]
) -> None:
    key = world.key()
    client = _client(world, scanner)
    answer = scanner.report(client, [_finding(key)], changed=changed)
    assert problem(answer) == (401, "unknown-key")
    assert world.events("key-leaked") == []


def test_a_changed_report_is_refused(world: ServerHarness, scanner: Scanner) -> None:
    client = _client(world, scanner)
    answer = scanner.report(client, [], body=json.dumps([_finding(world.key())]).encode())
    assert problem(answer) == (401, "unknown-key")


def test_the_list_of_keys_is_read_at_each_report(world: ServerHarness, scanner: Scanner) -> None:
    client = _client(world, scanner)
    assert scanner.report(client, []).json() == []
    scanner.publish(ec.generate_private_key(ec.SECP256R1()))
    assert scanner.report(client, []).status_code == 401


def test_strangers_have_few_attempts(world: ServerHarness, scanner: Scanner) -> None:
    client = _client(world, scanner, failures_burst=2, clock=lambda: 0.0)
    codes = [scanner.report(client, [], body=b"[ ]").status_code for _ in range(4)]
    assert codes == [401, 401, 429, 429]
    assert scanner.report(client, []).status_code == 200


@pytest.mark.parametrize(
    ("findings", "status"),
    [({}, 422), ([1], 422), ([{"type": "x"}], 422), ([{"token": 1, "type": "x"}], 422)],
)
def test_a_report_of_another_form_is_refused(
    world: ServerHarness, scanner: Scanner, findings: object, status: int
) -> None:
    answer = scanner.report(_client(world, scanner), findings)
    assert problem(answer) == (status, "malformed-request")


def test_a_report_may_be_long_but_not_endless(world: ServerHarness, scanner: Scanner) -> None:
    client = _client(world, scanner)
    assert scanner.report(client, [_finding(generate()) for _ in range(500)]).status_code == 200
    assert scanner.report(client, [_finding("x") for _ in range(501)]).status_code == 422
    assert scanner.report(client, [_finding("x" * 600_000)]).status_code == 413


def test_a_server_without_keys_takes_no_reports(world: ServerHarness, scanner: Scanner) -> None:
    assert problem(scanner.report(world.now, [])) == (404, "not-found")


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{}", '{"public_keys": []}', '{"public_keys": [1]}',
        '{"public_keys": [{"key_identifier": "a", "key": "x"}]}',
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_used_stops_the_start(content: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)
    with pytest.raises(LeakKeysError):
        LeakKeys(file).check()
    folder = f"--data-dir={tmp_path / 'data'}"
    done = command("serve", "--insecure-http", "--port=0", f"--leak-keys={file}", folder)
    assert (done.returncode, done.stdout) == (10, "")


# The rules of scanners


def _python(expression: str) -> str:
    return expression.replace(r"\z", r"\Z")


def _rules() -> Sequence[tuple[str, Callable[[str], list[str]]]]:
    gitleaks = tomllib.loads((EXAMPLES / "gitleaks.toml").read_text())["rules"][0]
    hog = yaml.safe_load((EXAMPLES / "trufflehog.yaml").read_text())["detectors"][0]
    github = yaml.safe_load((EXAMPLES / "github-custom-pattern.yml").read_text())
    whole = f"(?:{github['before secret']})({github['secret format']})(?:{github['after secret']})"
    return (
        ("gitleaks", re.compile(gitleaks["regex"]).findall),
        ("trufflehog", re.compile(hog["regex"]["key"]).findall),
        ("github", re.compile(_python(whole)).findall),
    )


@pytest.mark.parametrize(("name", "find"), _rules(), ids=lambda each: str(each)[:10])
def test_a_rule_finds_keys_and_nothing_else(name: str, find: Callable[[str], list[str]]) -> None:
    assert name
    for _ in range(50):
        key = generate()
        for text in (key, f'KEY="{key}"', f"key: {key}\n", f"https://x/?k={key}&b", f"\t{key}\r\n"):
            assert find(text) == [key]
        letters = string.ascii_letters
        for text in (key[:-1], f"{key}x", f"x{key}", key.replace("sig_", "sic_"), letters * 3):
            assert find(text) == []


def test_every_rule_names_what_a_key_always_has() -> None:
    gitleaks = tomllib.loads((EXAMPLES / "gitleaks.toml").read_text())["rules"][0]
    hog = yaml.safe_load((EXAMPLES / "trufflehog.yaml").read_text())["detectors"][0]
    assert gitleaks["keywords"] == hog["keywords"] == [keyformat.PREFIX]
