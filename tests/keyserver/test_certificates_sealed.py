"""Private keys at rest: how they are sealed, what opens them, and who is told when nothing does."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from keyserver.certs import YEAR, add, lasting, material, refused, sign
from keyserver.harness import ServerHarness, wait_until
from signotaur_keyserver.pki.master_key import MasterKeyError, Sealer
from signotaur_keyserver.pki.material import (
    load_key,
)
from signotaur_keyserver.pki.private_keys import PrivateKeys
from signotaur_keyserver.pki.selfsigned import KeyType
from signotaur_keyserver.service import certificates


@pytest.fixture
def sealer(tmp_path: Path) -> Sealer:
    return Sealer.in_folder(tmp_path)


def test_the_master_key_is_its_owners_alone(sealer: Sealer) -> None:
    before = os.umask(0)
    try:
        assert sealer.create()
    finally:
        os.umask(before)
    assert stat.S_IMODE(sealer.file.stat().st_mode) == 0o600
    content = sealer.file.read_bytes()
    assert len(set(content)) > 8
    assert len(content) == 32
    assert not sealer.create()
    assert sealer.file.read_bytes() == content


def test_a_sealed_key_opens_for_its_certificate_alone(sealer: Sealer) -> None:
    sealer.create()
    sealed = sealer.seal(b"private", "A" * 40)
    assert sealed != sealer.seal(b"private", "A" * 40)
    assert b"private" not in sealed
    assert sealer.unseal(sealed, "A" * 40) == b"private"
    for wrong, thumbprint in (
        (sealed, "B" * 40),
        (sealed[:-1], "A" * 40),
        (bytes([sealed[0] ^ 1]) + sealed[1:], "A" * 40),
        (b"", "A" * 40),
    ):
        with pytest.raises(MasterKeyError, match="not the master key"):
            sealer.unseal(wrong, thumbprint)


def test_a_master_key_that_cannot_be_used_is_told(sealer: Sealer, tmp_path: Path) -> None:
    sealer.create()
    sealed = sealer.seal(b"private", "A" * 40)
    for mode in (0o604, 0o640, 0o620, 0o601):
        sealer.file.chmod(mode)
        with pytest.raises(MasterKeyError, match="users other than its owner can use"):
            sealer.unseal(sealed, "A" * 40)
    sealer.file.chmod(0o600)
    sealer.file.write_bytes(b"x" * 33)
    with pytest.raises(MasterKeyError, match="is damaged"):
        sealer.unseal(sealed, "A" * 40)
    sealer.file.unlink()
    with pytest.raises(MasterKeyError, match="is missing"):
        sealer.unseal(sealed, "A" * 40)
    sealer.file.mkdir()
    with pytest.raises(MasterKeyError, match="cannot read"):
        sealer.unseal(sealed, "A" * 40)
    with pytest.raises(MasterKeyError, match="cannot create"):
        Sealer.in_folder(tmp_path / "nowhere").create()


def test_private_keys_are_not_in_clear_at_rest(world: ServerHarness) -> None:
    made = lasting(YEAR, key_type=KeyType.RSA_2048)
    thumbprint, key = add(world, made=made).thumbprint, world.key()
    sign(world.now, key, thumbprint)
    assert isinstance(made.key, rsa.RSAPrivateKey)
    numbers = made.key.private_numbers()
    clear = [
        made.key_der,
        *(n.to_bytes(n.bit_length() // 8 + 1)[2:] for n in (numbers.d, numbers.p)),
    ]
    master = world.sealer.file.read_bytes()
    files = [file for file in world.file.parent.iterdir() if file.is_file()]
    assert {"keyserver.db", "keyserver.db-wal", "master.key"} <= {file.name for file in files}
    for file in files:
        content = file.read_bytes()
        assert [part for part in clear if part in content] == []
        assert file == world.sealer.file or master not in content
    certificates_found = [file for file in files if made.certificate_der in file.read_bytes()]
    assert certificates_found, "the search finds nothing"


def test_private_keys_are_opened_once_and_few_are_remembered(world: ServerHarness) -> None:
    one, two, three = (add(world, label) for label in ("one", "two", "three"))
    opened = PrivateKeys(world.sealer, capacity=2)
    first = opened.open(one)
    assert load_key(material(name="one").key_der).public_key() == first.public_key()
    opened.open(two)
    world.sealer.file.rename(world.sealer.file.with_suffix(".away"))
    assert opened.open(one) is first
    world.sealer.file.with_suffix(".away").rename(world.sealer.file)
    opened.open(three)
    assert len(opened) == 2
    world.sealer.file.unlink()
    assert opened.open(one) is first
    with pytest.raises(MasterKeyError):
        opened.open(two)


@pytest.mark.both_databases
def test_a_missing_master_key_is_an_error_and_is_not_replaced(world: ServerHarness) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    away = world.sealer.file.rename(world.sealer.file.with_suffix(".away"))
    with pytest.raises(MasterKeyError, match="is missing"):
        add(world, "second")
    with pytest.raises(MasterKeyError, match="is missing"):
        certificates.require_master_key(world.database, world.sealer)
    message = refused(sign(world.now, key, thumbprint))
    assert message == (
        "The server cannot open this certificate's private key. Ask the server's administrator."
    )
    wait_until(lambda: bool(world.events("signature-refused")))
    event = world.events("signature-refused")[0]
    assert event["level"] == "Error"
    assert "master.key is missing" in event["message"]
    assert not world.sealer.file.exists()
    away.rename(world.sealer.file)
    assert sign(world.now, key, thumbprint)["result"] == 0
    assert [o.certificate.label for o in certificates.list_certificates(world.database)] == [
        "production"
    ]


@pytest.mark.both_databases
def test_another_servers_master_key_is_an_error(world: ServerHarness) -> None:
    add(world)
    world.sealer.file.unlink()
    world.sealer.create()
    for attempt in (
        lambda: add(world, "second"),
        lambda: certificates.require_master_key(world.database, world.sealer),
    ):
        with pytest.raises(MasterKeyError, match="is not the master key"):
            attempt()
