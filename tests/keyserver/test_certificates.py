"""Certificates as they are made and kept: self-signed ones, labels, removal and migration."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest
from alembic import command
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from sqlalchemy.exc import IntegrityError

from keyserver.certs import YEAR, add, material
from keyserver.harness import ServerHarness
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.database.migrate import _config, current_revision, migrate, newest_revision
from signotaur_keyserver.domain.records import CertificateState
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.pki.material import (
    MaterialError,
)
from signotaur_keyserver.pki.selfsigned import KeyType
from signotaur_keyserver.pki.subjects import subject_name
from signotaur_keyserver.service import certificates
from signotaur_keyserver.service.administration import AdministrationError

pytestmark = pytest.mark.both_databases


@pytest.mark.parametrize("key_type", [KeyType.RSA_2048, KeyType.EC_P256, KeyType.EC_P384])
def test_a_self_signed_certificate_is_for_code_signing_alone(key_type: KeyType) -> None:
    made = material(key_type)
    certificate = made.certificate
    extensions = certificate.extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    identifier = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    certificate.verify_directly_issued_by(certificate)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert not usage.value.key_encipherment
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CODE_SIGNING
    ]
    assert issuer.key_identifier == identifier.digest
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert made.signs_code
    assert made.thumbprint == certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303


@pytest.mark.parametrize("text", ["", "Example", "CN", "CN=Example,,", "=x"])
def test_what_is_no_subject_is_refused(text: str) -> None:
    with pytest.raises(MaterialError):
        subject_name(text)


def test_a_subject_may_have_spaces_behind_its_commas() -> None:
    assert subject_name("CN=A\\, B, O=C") == subject_name("CN=A\\, B,O=C")


def test_a_certificate_is_stored_with_what_it_says(world: ServerHarness) -> None:
    made = material(name="production")
    added = add(world)
    overview = certificates.list_certificates(world.database)[0]
    assert overview.certificate == added
    assert added.subject == "CN=production,O=Example Ltd,C=AU"
    assert added.common_name == "production"
    assert added.thumbprint == made.thumbprint
    assert added.not_after_utc == made.certificate.not_valid_after_utc
    assert overview.users == ("ci",)
    assert added.state(overview.now) is CertificateState.VALID
    assert added.state(added.not_after_utc) is CertificateState.VALID
    assert added.state(added.not_after_utc + YEAR) is CertificateState.EXPIRED
    assert added.state(added.not_before_utc - YEAR) is CertificateState.NOT_YET_VALID


def test_of_many_who_grant_at_once_one_grants(world: ServerHarness) -> None:
    add(world, users=())
    users = [world.user(f"user {number}") for number in range(8)]
    barrier = Barrier(6, timeout=60)

    def grant(_: int) -> list[bool]:
        granted = []
        for user in users:
            barrier.wait()
            granted.append(certificates.grant_access(world.database, "1", user))
        return granted

    with ThreadPoolExecutor(6) as pool:
        granted = list(pool.map(grant, range(6)))
    assert [sum(each) for each in zip(*granted, strict=True)] == [1] * len(users)
    assert len(world.events("certificate-access-granted")) == len(users)
    assert list(certificates.list_certificates(world.database)[0].users) == users


def test_a_certificate_is_added_once(world: ServerHarness) -> None:
    add(world)
    with pytest.raises(AdministrationError, match="was already added"):
        add(world, "other", material(name="production"))
    with pytest.raises(AdministrationError, match="no user"):
        add(world, "third", users=["nobody"])
    assert len(certificates.list_certificates(world.database)) == 1


@pytest.mark.parametrize("label", ["", " x", "x ", "a\nb", "x" * 101, "7", "\u202ex"])
def test_what_is_no_label_is_refused(world: ServerHarness, label: str) -> None:
    with pytest.raises(AdministrationError, match="a label "):
        add(world, label, material())


def test_a_removed_certificate_gives_its_label_back_and_keeps_no_key(world: ServerHarness) -> None:
    added = add(world)
    certificates.remove_certificate(world.database, "Production")
    removed = certificates.list_certificates(world.database)[0]
    assert (removed.certificate.label, removed.certificate.sealed_key) == (None, None)
    assert removed.certificate.state(removed.now) is CertificateState.REMOVED
    assert removed.users == ()
    renewed = add(world, "production", material(name="renewed"))
    assert renewed.id != added.id
    again = add(world, "again", material(name="production"))
    assert again.id == added.id
    with pytest.raises(AdministrationError, match="no certificate"):
        certificates.remove_certificate(world.database, "99")


def test_the_database_keeps_no_certificate_that_could_neither_sign_nor_go(
    world: ServerHarness,
) -> None:
    add(world)
    for change in ("label = NULL", "sealed_key = NULL", "thumbprint = 'short'"):
        with pytest.raises(IntegrityError), world.database.write() as connection:
            connection.exec_driver_sql(f"UPDATE certificates SET {change}")  # noqa: S608


_OLD_ROWS = """
INSERT INTO users VALUES (1, 'ci', false, true, '2026-01-01 00:00:00.000000');
INSERT INTO keys(id, public_id, sha256, owner_id, name, enabled, created_at_utc)
VALUES (1, 'abcdefghijklmno', '{sha256}', 1, 'build', true, '2026-01-01 00:00:00.000000');
INSERT INTO events(at_utc, level, type, message, user_id, key_id, data)
VALUES ('2026-01-01 00:00:00.000000', 'Security', 'key-added', 'Key 1 was added.', 1, 1, '{{}}')
""".format(sha256="a" * 64)


def test_a_database_of_the_first_version_is_brought_up_with_what_it_holds(
    tmp_path: Path, empty_database: str
) -> None:
    database = Database(empty_database)
    database.prepare()
    config = _config()
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    assert current_revision(database) == "0001"
    with database.write() as connection:
        for statement in _OLD_ROWS.split(";"):
            connection.exec_driver_sql(statement)
    before = _rows(database)
    migrate(database)
    assert current_revision(database) == newest_revision()
    assert _rows(database) == before
    made = material()
    sealer = Sealer.in_folder(tmp_path)
    added = certificates.add_certificate(database, sealer, "first", lambda _now: made, ["ci"])
    assert sealer.file.exists()
    assert added.certificate.added_at_utc <= datetime.now(UTC)
    database.close()


def _rows(database: Database) -> list[object]:
    selects = (
        "id, name, admin, enabled, created_at_utc FROM users",
        "id, sha256, name FROM keys",
        "id, at_utc, level, type, message, user_id, key_id, data FROM events",
    )
    with database.read() as connection:
        return [connection.exec_driver_sql(f"SELECT {select}").all() for select in selects]
