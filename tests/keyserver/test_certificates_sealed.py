"""Private keys at rest: how they are sealed, what opens them, and who is told when nothing does."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from keyserver.certs import YEAR, add, lasting, material, refused, sign
from keyserver.harness import World, wait_until
from signotaur_keyserver.pki.master_key import MasterKeyError, Vault
from signotaur_keyserver.pki.material import (
    load_key,
)
from signotaur_keyserver.pki.private_keys import PrivateKeys
from signotaur_keyserver.pki.selfsigned import KeyType
from signotaur_keyserver.service import certificates


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.in_folder(tmp_path)


def test_the_master_key_is_its_owners_alone(vault: Vault) -> None:
    before = os.umask(0)
    try:
        assert vault.create()
    finally:
        os.umask(before)
    assert stat.S_IMODE(vault.file.stat().st_mode) == 0o600
    content = vault.file.read_bytes()
    assert len(set(content)) > 8
    assert len(content) == 32
    assert not vault.create()
    assert vault.file.read_bytes() == content


def test_a_sealed_key_opens_for_its_certificate_alone(vault: Vault) -> None:
    vault.create()
    sealed = vault.seal(b"private", "A" * 40)
    assert sealed != vault.seal(b"private", "A" * 40)
    assert b"private" not in sealed
    assert vault.unseal(sealed, "A" * 40) == b"private"
    for wrong, thumbprint in (
        (sealed, "B" * 40),
        (sealed[:-1], "A" * 40),
        (bytes([sealed[0] ^ 1]) + sealed[1:], "A" * 40),
        (b"", "A" * 40),
    ):
        with pytest.raises(MasterKeyError, match="not the master key"):
            vault.unseal(wrong, thumbprint)


def test_a_master_key_that_cannot_be_used_is_told(vault: Vault, tmp_path: Path) -> None:
    vault.create()
    sealed = vault.seal(b"private", "A" * 40)
    for mode in (0o604, 0o640, 0o620, 0o601):
        vault.file.chmod(mode)
        with pytest.raises(MasterKeyError, match="users other than its owner can use"):
            vault.unseal(sealed, "A" * 40)
    vault.file.chmod(0o600)
    vault.file.write_bytes(b"x" * 33)
    with pytest.raises(MasterKeyError, match="is damaged"):
        vault.unseal(sealed, "A" * 40)
    vault.file.unlink()
    with pytest.raises(MasterKeyError, match="is missing"):
        vault.unseal(sealed, "A" * 40)
    vault.file.mkdir()
    with pytest.raises(MasterKeyError, match="cannot read"):
        vault.unseal(sealed, "A" * 40)
    with pytest.raises(MasterKeyError, match="cannot create"):
        Vault.in_folder(tmp_path / "nowhere").create()


def test_private_keys_are_not_in_clear_at_rest(world: World) -> None:
    made = lasting(YEAR, key_type=KeyType.RSA_2048)
    thumbprint, key = add(world, made=made).thumbprint, world.key()
    sign(world.now, key, thumbprint)
    assert isinstance(made.key, rsa.RSAPrivateKey)
    numbers = made.key.private_numbers()
    clear = [
        made.key_der,
        *(n.to_bytes(n.bit_length() // 8 + 1)[2:] for n in (numbers.d, numbers.p)),
    ]
    master = world.vault.file.read_bytes()
    files = [file for file in world.file.parent.iterdir() if file.is_file()]
    assert {"keyserver.db", "keyserver.db-wal", "master.key"} <= {file.name for file in files}
    for file in files:
        content = file.read_bytes()
        assert [part for part in clear if part in content] == []
        assert file == world.vault.file or master not in content
    certificates_found = [file for file in files if made.certificate_der in file.read_bytes()]
    assert certificates_found, "the search finds nothing"


def test_private_keys_are_opened_once_and_few_are_remembered(world: World) -> None:
    one, two, three = (add(world, label) for label in ("one", "two", "three"))
    opened = PrivateKeys(world.vault, capacity=2)
    first = opened.open(one)
    assert load_key(material(name="one").key_der).public_key() == first.public_key()
    opened.open(two)
    world.vault.file.rename(world.vault.file.with_suffix(".away"))
    assert opened.open(one) is first
    world.vault.file.with_suffix(".away").rename(world.vault.file)
    opened.open(three)
    assert len(opened) == 2
    world.vault.file.unlink()
    assert opened.open(one) is first
    with pytest.raises(MasterKeyError):
        opened.open(two)


@pytest.mark.both_databases
def test_a_missing_master_key_is_an_error_and_is_not_made_anew(world: World) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    away = world.vault.file.rename(world.vault.file.with_suffix(".away"))
    with pytest.raises(MasterKeyError, match="is missing"):
        add(world, "second")
    with pytest.raises(MasterKeyError, match="is missing"):
        certificates.require_master_key(world.database, world.vault)
    message = refused(sign(world.now, key, thumbprint))
    assert message == (
        "The server cannot open this certificate's private key. Ask the server's administrator."
    )
    wait_until(lambda: bool(world.events("signature-refused")))
    event = world.events("signature-refused")[0]
    assert event["level"] == "Error"
    assert "master.key is missing" in event["message"]
    assert not world.vault.file.exists()
    away.rename(world.vault.file)
    assert sign(world.now, key, thumbprint)["result"] == 0
    assert [o.certificate.label for o in certificates.list_certificates(world.database)] == [
        "production"
    ]


@pytest.mark.both_databases
def test_another_servers_master_key_is_an_error(world: World) -> None:
    add(world)
    world.vault.file.unlink()
    world.vault.create()
    for attempt in (
        lambda: add(world, "second"),
        lambda: certificates.require_master_key(world.database, world.vault),
    ):
        with pytest.raises(MasterKeyError, match="is not the master key"):
            attempt()
