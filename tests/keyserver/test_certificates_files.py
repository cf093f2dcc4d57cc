"""Certificates and keys in files: what is accepted, and why something is not."""

import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from keyserver.certs import YEAR, add, material
from keyserver.harness import ServerHarness
from signotaur_keyserver.pki.material import (
    Material,
    MaterialError,
    checked,
    from_files,
    from_pfx,
    load_chain,
)
from signotaur_keyserver.pki.selfsigned import KeyType
from signotaur_keyserver.pki.subjects import subject_name
from signotaur_keyserver.service import certificates


def pfx(
    made: Material,
    encryption: KeySerializationEncryption,
    chain: tuple[x509.Certificate, ...] = (),
) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"name", made.key, made.certificate, chain, encryption
    )


def key_pem(key: object, password: bytes | None = None) -> bytes:
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey)
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def pem(*certs: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certs)


@pytest.mark.parametrize("key_type", [KeyType.RSA_2048, KeyType.EC_P384])
@pytest.mark.parametrize("password", [b"secret", "pässword".encode()])
def test_a_pfx_file_opens_with_its_password_alone(key_type: KeyType, password: bytes) -> None:
    made = material(key_type)
    content = pfx(made, BestAvailableEncryption(password))
    assert from_pfx(content, password).key_der == made.key_der
    with pytest.raises(MaterialError, match="the password is wrong"):
        from_pfx(content, b"another")
    with pytest.raises(MaterialError, match="it needs a password"):
        from_pfx(content, None)


def test_a_pfx_file_without_password_opens_without() -> None:
    made = material()
    assert from_pfx(pfx(made, NoEncryption()), None).thumbprint == made.thumbprint


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_a_pfx_file_whose_password_is_empty_opens_without() -> None:
    made = material()
    both = key_pem(made.key) + pem(made.certificate)
    options = ("-export", "-passout", "pass:")
    content = subprocess.run(
        ["openssl", "pkcs12", *options], input=both, capture_output=True, check=True
    ).stdout
    assert from_pfx(content, None).thumbprint == made.thumbprint


def test_a_chain_is_kept(world: ServerHarness) -> None:
    made, issuer = material(), material(name="Issuer").certificate
    for read in (
        from_pfx(pfx(made, NoEncryption(), (issuer,)), None),
        from_files(pem(made.certificate, issuer), key_pem(made.key)),
    ):
        assert load_chain(read.chain_der) == [issuer]
    assert load_chain(made.chain_der) == []
    add(world, made=checked(made.certificate, made.key, [issuer]))
    exported = certificates.export_certificate(world.database, "production", with_chain=True)
    assert exported.encode() == pem(made.certificate, issuer)
    exported = certificates.export_certificate(world.database, "1", with_chain=False)
    assert exported.encode() == pem(made.certificate)


def test_pem_and_der_files_are_read() -> None:
    made = material()
    for certificate in (pem(made.certificate), made.certificate_der):
        for key in (key_pem(made.key), made.key_der):
            assert from_files(certificate, key).thumbprint == made.thumbprint


FAULTY = {
    "no certificate": (b"nonsense", None, "neither PEM nor DER"),
    "no PEM certificate": (b"-----BEGIN NOTHING-----", None, "neither PEM nor DER"),
    "no key": (None, b"nonsense", "neither PEM nor DER"),
    "no PEM key": (None, b"-----BEGIN NOTHING-----", "neither PEM nor DER"),
    "an encrypted key": (None, key_pem(material().key, b"secret"), "is encrypted"),
    "another's key": (
        None,
        key_pem(material(name="other").key),
        "does not belong to the certificate",
    ),
    "a key of another kind": (
        None,
        key_pem(material(KeyType.RSA_2048).key),
        "does not belong to the cert",
    ),
    "a weak key": (
        None,
        key_pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - weak on purpose
        "at least 2048 bits",
    ),
    "another curve": (None, key_pem(ec.generate_private_key(ec.SECP521R1())), "P-256 or P-384"),
    "a DSA key": (None, key_pem(dsa.generate_private_key(1024)), "P-256 or P-384"),  # noqa: S505
}


@pytest.mark.parametrize("fault", FAULTY)
def test_what_cannot_sign_is_refused(fault: str) -> None:
    certificate, key, reason = FAULTY[fault]
    made = material()
    with pytest.raises(MaterialError, match=reason):
        from_files(certificate or pem(made.certificate), key or key_pem(made.key))


def test_a_pfx_file_needs_key_and_certificate() -> None:
    made = material()
    alone = pkcs12.serialize_key_and_certificates(
        b"name", None, made.certificate, None, NoEncryption()
    )
    with pytest.raises(MaterialError, match="does not contain a certificate and its private key"):
        from_pfx(alone, None)
    with pytest.raises(MaterialError, match="cannot be opened"):
        from_pfx(b"nonsense", None)


def test_a_certificate_of_another_kind_is_refused() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    name = subject_name("CN=Other")
    now = datetime.now(UTC)
    other = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + YEAR
    ).sign(key, None)
    with pytest.raises(MaterialError, match="does not belong to the certificate"):
        checked(other, material().key)


def test_a_key_of_no_use_is_told() -> None:
    with pytest.raises(MaterialError):
        checked(material().certificate, ed25519.Ed25519PrivateKey.generate())
