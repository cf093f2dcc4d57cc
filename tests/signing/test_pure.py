"""The parts that are bytes in and bytes out, against the libraries that everybody trusts."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import cms, core, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from signotaur_action.errors import ServerError
from signotaur_action.signing import der
from signotaur_action.signing.certificate import (
    CertificateError,
    SigningCertificate,
    certificates_in,
)
from signotaur_action.signing.timestamp_client import TimestampClient
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

    assert certificate.verifies(signature, digest, algorithm)
    assert not certificate.verifies(signature, other, algorithm)
    assert not certificate.verifies(signature[:-1], digest, algorithm)
    assert not certificate.verifies(signature + b"\0", digest, algorithm)
    assert not certificate.verifies(b"", digest, algorithm)
    broken = bytearray(signature)
    broken[-1] ^= 1
    assert not certificate.verifies(bytes(broken), digest, algorithm)


@pytest.mark.parametrize("name", CURVES)
def test_an_ecdsa_signature_with_numbers_out_of_range_is_none(
    keys: dict[str, PrivateKey], name: str
) -> None:
    certificate = SigningCertificate.read(certified(keys[name]))
    digest, order = hashlib.sha256(b"content").digest(), CURVES[name].group_order
    signature = signed(keys[name], digest, DigestAlgorithm.SHA256)
    r, s = decode_dss_signature(signature)

    assert certificate.verifies(signature, digest, DigestAlgorithm.SHA256)
    for wrong in ((0, s), (r, 0), (0, 0), (r + order, s), (r, s + order), (order, s), (s, r)):
        encoded = encode_dss_signature(*wrong)
        assert not certificate.verifies(encoded, digest, DigestAlgorithm.SHA256), wrong


@pytest.mark.parametrize("name", CURVES)
def test_a_point_off_the_curve_is_rejected(keys: dict[str, PrivateKey], name: str) -> None:
    encoded = certified(keys[name])
    point = keys[name].public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    elsewhere = point[:-1] + bytes([point[-1] ^ 1])
    with pytest.raises(CertificateError, match="public key is not valid"):
        SigningCertificate.read(encoded.replace(point, elsewhere))


def test_other_rsa_paddings_and_digests_are_rejected(keys: dict[str, PrivateKey]) -> None:
    private = keys["rsa"]
    assert isinstance(private, rsa.RSAPrivateKey)
    certificate = SigningCertificate.read(certified(private))
    digest = hashlib.sha256(b"content").digest()
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
    for wrong in (
        private.sign(digest, pss, Prehashed(hashes.SHA256())),
        private.sign(digest[:20], padding.PKCS1v15(), Prehashed(hashes.SHA1())),  # noqa: S303
        bytes(256),
        b"\xff" * 256,
    ):
        assert not certificate.verifies(wrong, digest, DigestAlgorithm.SHA256)


def test_a_certificate_says_what_it_is(keys: dict[str, PrivateKey]) -> None:
    encoded = certified(keys["rsa"])
    certificate = SigningCertificate.read(encoded)
    assert (
        certificate.thumbprint == hashlib.sha1(encoded, usedforsecurity=False).hexdigest().upper()
    )
    assert "a signer" in certificate.subject
    assert certificate.ends_at > datetime.now(UTC)
    assert certificates_in(certificate.pem * 2) == (encoded, encoded)
    assert certificates_in(encoded) == (encoded,)


@pytest.mark.parametrize("bad", [b"", b"\0", b"0\0", b"rubbish", b"0\x03\x02\x01\x01"])
def test_invalid_certificates_are_rejected(bad: bytes) -> None:
    with pytest.raises(CertificateError, match="not a certificate"):
        SigningCertificate.read(bad)
    with pytest.raises(CertificateError, match="no certificate in PEM or DER"):
        certificates_in(bad)


def test_other_kinds_of_keys_are_reported() -> None:
    for private in (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1())):
        with pytest.raises(CertificateError, match="neither RSA nor ECDSA on"):
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
        if not self._works:
            raise ServerError("it is closed")
        asked = tsp.TimeStampReq.load(request)
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": "1.2.3.4.1",
                "message_imprint": asked["message_imprint"],
                "serial_number": 1,
                "gen_time": datetime.now(UTC),
                "nonce": asked["nonce"],
            }
        )
        content = {"content_type": "tst_info", "content": core.ParsableOctetString(info.dump())}
        signed = cms.SignedData(
            {"version": "v3", "digest_algorithms": [], "encap_content_info": content,
             "signer_infos": []}
        )  # fmt: skip
        token = cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
        return der.sequence(der.sequence(der.integer(0)), token)


def test_threads_that_share_servers_always_get_a_timestamp() -> None:
    servers = [OneServer(str(number), works=number % 3 == 0) for number in range(1, 13)]
    client = TimestampClient(servers, DigestAlgorithm.SHA256)
    signatures = [b"signature %d" % number for number in range(300)]
    with ThreadPoolExecutor(16) as pool:
        tokens = list(pool.map(client.timestamp, signatures))
    for signature, token in zip(signatures, tokens, strict=True):
        assert hashlib.sha256(signature).digest() in token
    assert TimestampClient([], DigestAlgorithm.SHA256).timestamp(b"signature") == b""
