"""Certificates for tests, and the signing calls as a client of the vendor makes them."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from keyserver.harness import Client, Json, ServerHarness
from signotaur_keyserver.domain.records import Certificate
from signotaur_keyserver.pki.material import Material, checked
from signotaur_keyserver.pki.selfsigned import KeyType, self_signed
from signotaur_keyserver.pki.subjects import subject_name
from signotaur_keyserver.service.certificates import add_certificate
from signotaur_wire.signing import CERT_GET, SIGN

YEAR = timedelta(days=365)
NO_SUCH = "There is no such certificate, or this key may not use it."


@cache
def material(key_type: KeyType = KeyType.EC_P256, name: str = "Example") -> Material:
    """A valid certificate; of one name and type it is the same within a process."""
    return lasting(YEAR, key_type=key_type, name=name)


def lasting(
    lifetime: timedelta,
    *,
    since: timedelta = timedelta(0),
    key_type: KeyType = KeyType.EC_P256,
    name: str = "Example",
) -> Material:
    """A certificate that begins ``since`` from now and lasts as long from then on."""
    subject = subject_name(f"CN={name},O=Example Ltd,C=AU")
    return self_signed(subject, key_type, datetime.now(UTC) + since, lifetime)


def without_usage() -> Material:
    """A certificate that does not say what it is for."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = subject_name("CN=Plain")
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + YEAR)
        .sign(key, hashes.SHA256())
    )
    return checked(certificate, key)


def add(
    world: ServerHarness,
    label: str = "production",
    made: Material | None = None,
    users: Sequence[str] = ("ci",),
) -> Certificate:
    """Add a certificate, by default one that the user ci may sign with."""
    chosen = made or material(name=label)
    return add_certificate(
        world.database, world.sealer, label, lambda _now: chosen, users
    ).certificate


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def digest(algorithm: str = "SHA256", content: bytes = b"content") -> bytes:
    return hashlib.new(algorithm, content).digest()


def get_certificate(client: Client, key: str, **selectors: object) -> Json:
    """POST /cert/get, which must be answered in the vendor's form."""
    body = {"clientVersion": "2.1.0"} | selectors
    answer = client.call("POST", CERT_GET, key, json=body)
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


def sign_body(thumbprint: str, **members: object) -> Json:
    return {
        "clientVersion": "2.1.0",
        "thumbprint": thumbprint,
        "digest": encoded(digest()),
        "digestHashAlgorithm": "SHA256",
    } | members


def post_sign(client: Client, key: str, thumbprint: str, **members: object) -> requests.Response:
    """POST /sign."""
    return client.call("POST", SIGN, key, json=sign_body(thumbprint, **members))


def sign(client: Client, key: str, thumbprint: str, **members: object) -> Json:
    """POST /sign, which must be answered in the vendor's form."""
    answer = post_sign(client, key, thumbprint, **members)
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


def refused(told: Json) -> Any:
    """Return the message of a refusal, which must hold nothing else."""
    assert told.pop("result") == 1
    message = told.pop("message")
    assert not any(told.values())
    return message
