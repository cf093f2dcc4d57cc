"""The parts that are bytes in and bytes out, against the libraries that everybody trusts."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from signotaur_action.errors import ServerError
from signotaur_action.signing import curves, der, timestamps
from signotaur_action.signing.certificate import (
    CertificateError,
    SigningCertificate,
    certificates_in,
)
from signotaur_action.signing.stamping import Stamper
from signotaur_wire.signing import DigestAlgorithm

CURVES = {"secp256r1": ec.SECP256R1(), "secp384r1": ec.SECP384R1(), "secp521r1": ec.SECP521R1()}
HASHES = {
    DigestAlgorithm.SHA256: hashes.SHA256(),
    DigestAlgorithm.SHA384: hashes.SHA384(),
    DigestAlgorithm.SHA512: hashes.SHA512(),
}
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def certified(private: PrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a signer")])
    digest = None if isinstance(private, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), 7)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .sign(private, digest)
    )
    return made.public_bytes(Encoding.DER)


def signed(private: PrivateKey, digest: bytes, algorithm: DigestAlgorithm) -> bytes:
    known = Prehashed(HASHES[algorithm])
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(digest, padding.PKCS1v15(), known)
    return private.sign(digest, ec.ECDSA(known))


@pytest.fixture(scope="module")
def keys() -> dict[str, PrivateKey]:
    made: dict[str, PrivateKey] = {
        name: ec.generate_private_key(curve) for name, curve in CURVES.items()
    }
    return made | {"rsa": rsa.generate_private_key(65537, 2048)}


@pytest.mark.parametrize("algorithm", DigestAlgorithm)
@pytest.mark.parametrize("name", [*CURVES, "rsa"])
def test_a_signature_is_known_by_its_certificate(
    keys: dict[str, PrivateKey], name: str, algorithm: DigestAlgorithm
) -> None:
    private = keys[name]
    certificate = SigningCertificate.read(certified(private))
    digest = hashlib.new(algorithm.value, b"content").digest()
    other = hashlib.new(algorithm.value, b"other").digest()
    signature = signed(private, digest, algorithm)

    assert certificate.made(signature, digest, algorithm)
    assert not certificate.made(signature, other, algorithm)
    assert not certificate.made(signature[:-1], digest, algorithm)
    assert not certificate.made(signature + b"\0", digest, algorithm)
    assert not certificate.made(b"", digest, algorithm)
    broken = bytearray(signature)
    broken[-1] ^= 1
    assert not certificate.made(bytes(broken), digest, algorithm)


@pytest.mark.parametrize("name", CURVES)
def test_values_outside_a_curve_are_no_signature(keys: dict[str, PrivateKey], name: str) -> None:
    private = keys[name]
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    curve, numbers = curves.CURVES[name], private.public_key().public_numbers()
    public, digest = (numbers.x, numbers.y), hashlib.sha256(b"content").digest()
    r, s = decode_dss_signature(signed(private, digest, DigestAlgorithm.SHA256))

    assert curves.made(curve, public, r, s, digest)
    for wrong_r, wrong_s in ((0, s), (r, 0), (r + curve.n, s), (r, s + curve.n), (s, r)):
        assert not curves.made(curve, public, wrong_r, wrong_s, digest)
    assert not curves.made(curve, (public[0], public[1] ^ 1), r, s, digest)
    assert curve.sum_of(curve.n, curve.g, 0, curve.g) is None
    assert curve.sum_of(curve.n - 1, curve.g, 1, curve.g) is None


def test_a_certificate_says_what_it_is(keys: dict[str, PrivateKey]) -> None:
    encoded = certified(keys["rsa"])
    certificate = SigningCertificate.read(encoded)
    assert (
        certificate.thumbprint == hashlib.sha1(encoded, usedforsecurity=False).hexdigest().upper()
    )
    assert "a signer" in certificate.subject
    assert certificate.ends_at > datetime.now(UTC)
    assert certificates_in(certificate.pem * 2) == (encoded, encoded)


@pytest.mark.parametrize("bad", [b"", b"\0", b"0\0", b"rubbish", b"0\x03\x02\x01\x01"])
def test_what_is_no_certificate(bad: bytes) -> None:
    with pytest.raises(CertificateError, match="no certificate"):
        SigningCertificate.read(bad)
    with pytest.raises(CertificateError, match="no certificates in PEM form"):
        certificates_in(bad)


def test_other_kinds_of_keys_are_told() -> None:
    for private in (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1())):
        with pytest.raises(CertificateError, match="neither RSA nor on the curve"):
            SigningCertificate.read(certified(private))


def test_der() -> None:
    values = der.sequence(der.oid("1.2.3"), der.integer(300), der.octets(b"x" * 200))
    assert der.children(values + b"rest")[1:] == [b"\x02\x02\x01\x2c", der.octets(b"x" * 200)]
    assert der.set_of(b"\x02\x01\x02", b"\x02\x01\x01") == b"1\x06\x02\x01\x01\x02\x01\x02"
    for bad in (b"", b"0", b"0\x05\x00", b"\x30\x84\xff\xff\xff\xff"):
        with pytest.raises(der.DerError):
            der.children(bad)


class OneServer:
    """A timestamp server that always answers, or never does."""

    def __init__(self, address: str, *, works: bool) -> None:
        self.address = address
        self._works = works

    def ask(self, request: bytes) -> bytes:
        del request
        if not self._works:
            raise ServerError("it is closed")
        return b"answer"


def test_threads_that_share_servers_always_get_a_timestamp(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timestamps, "request", lambda *_: b"")
    monkeypatch.setattr(timestamps, "token", lambda *_: b"token")
    servers = [OneServer(str(number), works=number % 3 == 0) for number in range(1, 13)]
    stamper = Stamper(servers, DigestAlgorithm.SHA256)
    with ThreadPoolExecutor(16) as pool:
        stamps = list(pool.map(stamper.stamp, [b"signature"] * 2000))
    assert set(stamps) == {b"token"}
    assert Stamper([], DigestAlgorithm.SHA256).stamp(b"signature") == b""
