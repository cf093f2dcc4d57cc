"""A backup is one consistent encrypted file; what was changed or cut in it is found."""

import io
import os
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyserver.certs import add
from keyserver.harness import ServerHarness
from keyserver.processes import Process, command
from signotaur_keyserver.database.database import Database, sqlite_url
from signotaur_keyserver.pki.encrypted_file import (
    MAGIC,
    Cost,
    EncryptedFileError,
    EncryptedReader,
    EncryptedWriter,
)
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.service import administration, backup, certificates
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.service.event_verification import verify_events
from signotaur_keyserver.service.master_key import rotate_master_key
from signotaur_keyserver.store.event_chain import ChainKey
from support.postgresql import Cluster

CHEAP = Cost(n=2)
PASSPHRASE = "correct horse battery"


def encrypted(content: bytes, passphrase: str = PASSPHRASE) -> bytes:
    file = io.BytesIO()
    writer = EncryptedWriter(file, passphrase, CHEAP)
    writer.write(content)
    writer.close()
    return file.getvalue()


def decrypted(content: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return EncryptedReader(io.BytesIO(content), passphrase).read()


# The file


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 300_000])
def test_every_size_survives(size: int) -> None:
    content = os.urandom(size)
    assert decrypted(encrypted(content)) == content


@given(st.lists(st.binary(max_size=70_000), max_size=6), st.integers(1, 200_000))
def test_parts_of_any_size_survive(parts: list[bytes], step: int) -> None:
    file = io.BytesIO()
    writer = EncryptedWriter(file, PASSPHRASE, CHEAP)
    for part in parts:
        writer.write(part)
    writer.close()
    file.seek(0)
    reader = EncryptedReader(file, PASSPHRASE)
    assert b"".join(iter(lambda: reader.read(step), b"")) == b"".join(parts)


def _damages(whole: bytes) -> Iterator[bytes]:
    start = len(MAGIC) + 4
    header = int.from_bytes(whole[len(MAGIC) : start], "big")
    chunks = start + header
    size = 65_536 + 16
    for place in (0, len(MAGIC), start + 3, chunks, chunks + 70_000, len(whole) - 1):
        yield whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    for length in (0, 5, start, chunks, chunks + size, len(whole) - 1):
        yield whole[:length]
    yield whole + b"x"
    first, second = whole[chunks : chunks + size], whole[chunks + size : chunks + 2 * size]
    yield whole[:chunks] + second + first + whole[chunks + 2 * size :]
    yield whole[:chunks] + first + whole[chunks + 2 * size :]
    yield whole[:chunks] + encrypted(os.urandom(200_000))[chunks:]


def test_every_change_is_found() -> None:
    whole = encrypted(os.urandom(200_000))
    assert len(decrypted(whole)) == 200_000
    for damaged in _damages(whole):
        with pytest.raises(EncryptedFileError):
            decrypted(damaged)


def test_a_wrong_passphrase_is_named() -> None:
    with pytest.raises(EncryptedFileError, match="the passphrase is wrong"):
        decrypted(encrypted(b"content"), "another passphrase")


@pytest.mark.parametrize(
    "changed", ['"n": 1073741824', '"n": 3', '"n": -2', '"r": 4000000', '"p": 0', '"p": 1000']
)
def test_a_hostile_header_costs_nothing(changed: str) -> None:
    """Before any key is derived: no memory is taken."""
    name = changed.split(":", maxsplit=1)[0]
    whole = encrypted(b"content")
    header = f'{{"kdf": "scrypt", "n": 2, "r": 8, "p": 1, "salt": "{"0" * 32}", "chunk": 65536, '
    header += f'"nonce": "{"0" * 14}"}}'
    parts = [changed if part.startswith(name) else part for part in header[1:-1].split(", ")]
    text = ("{" + ", ".join(parts) + "}").encode()
    hostile = MAGIC + len(text).to_bytes(4, "big") + text + whole[-23:]
    with pytest.raises(EncryptedFileError, match="header cannot be read"):
        decrypted(hostile)


# The backup


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "nightly.backup"


def _opened(folder: Path) -> Database:
    return Database(
        sqlite_url(folder / "keyserver.db"), chain_key=ChainKey(Sealer.in_folder(folder))
    )


@pytest.mark.both_databases
def test_a_backup_is_restored_elsewhere(world: ServerHarness, out: Path, tmp_path: Path) -> None:
    add(world)
    key = world.key()
    names = backup.back_up(world.database, world.file.parent, out, PASSPHRASE, CHEAP)
    assert names == ("keyserver.db", "master.key")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    content = out.read_bytes()
    assert key.encode() not in content
    assert b"SQLite format" not in content
    assert backup.verify_backup(out, PASSPHRASE).keys == 1
    folder = tmp_path / "restored" / "here"
    backup.restore(out, PASSPHRASE, folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    other = ServerHarness(folder / "keyserver.db")
    try:
        assert other.now.self(key).status_code == 200
        assert verify_events(other.database).head == verify_events(world.database).head
    finally:
        other.close()


@pytest.mark.both_databases
def test_a_backup_while_keys_rotate_is_of_one_moment(
    world: ServerHarness, out: Path, tmp_path: Path
) -> None:
    stop = threading.Event()
    key = world.key()
    client = world.now

    def rotate() -> None:
        current = key
        while not stop.is_set():
            current = client.rotate(current).new.text
            rotate_master_key(world.database, world.sealer)

    thread = threading.Thread(target=rotate)
    thread.start()
    try:
        for number in range(3):
            backup.back_up(world.database, world.file.parent, out, PASSPHRASE, CHEAP)
            folder = tmp_path / f"restored-{number}"
            backup.restore(out, PASSPHRASE, folder)
            database = _opened(folder)
            assert verify_events(database).events > 0
            database.close()
    finally:
        stop.set()
        thread.join()


@pytest.mark.both_databases
def test_a_backup_is_restored_into_an_empty_postgresql(
    world: ServerHarness, out: Path, tmp_path: Path, cluster: Cluster
) -> None:
    add(world)
    opened = world.now.open(world.key())
    backup.back_up(world.database, world.file.parent, out, PASSPHRASE, CHEAP)
    name = cluster.create()
    folder = tmp_path / "restored"
    target = Database(cluster.url(name))
    contents = backup.restore(out, PASSPHRASE, folder, target)
    assert (contents.files, contents.keys) == (("master.key",), 2)
    assert [path.name for path in folder.iterdir()] == ["master.key"]
    other = ServerHarness(folder / "keyserver.db", cluster.url(name))
    assert verify_events(other.database).head == verify_events(world.database).head
    assert administration.list_keys(other.database)[1].key.is_unconfirmed
    assert other.now.confirm(opened.new.text, opened.id).status_code == 200
    assert other.now.open(opened.new.text).answer["newKeyId"] == 3
    assert [each.certificate.id for each in certificates.list_certificates(other.database)] == [1]
    other.close()
    with pytest.raises(AdministrationError, match="not empty"):
        backup.restore(out, PASSPHRASE, tmp_path / "again", target)
    assert not (tmp_path / "again").exists()
    target.close()
    cluster.drop(name)


def test_the_commands_on_postgresql(
    tmp_path: Path, out: Path, run: Callable[..., tuple[int, str, str]], cluster: Cluster
) -> None:
    names = [cluster.create() for _ in range(2)]
    urls = [cluster.url(name) for name in names]
    folder, new = f"--data-dir={tmp_path / 'data'}", f"--data-dir={tmp_path / 'new'}"
    command("user", "add", "ci", folder, f"--database={urls[0]}")
    command("key", "add", "--user=ci", "--name=build", folder, f"--database={urls[0]}")
    saved = run("backup", f"--out={out}", folder, f"--database={urls[0]}")
    assert saved == (0, "", f"wrote {out}: keyserver.db, master.key\n")
    assert run("restore", str(out), new, f"--database={urls[0]}")[::2] == (
        1,
        "signotaur-keyserver: the database is not empty: it contains users\n",
    )
    assert run("restore", str(out), new, "--database=mysql://x/y")[0] == 10
    assert run("restore", str(out), new, f"--database={urls[1]}")[0] == 0
    listed = command("key", "list", new, f"--database={urls[1]}")
    assert listed.stdout == command("key", "list", folder, f"--database={urls[0]}").stdout
    for name in names:
        cluster.drop(name)


def test_a_restore_writes_nothing_into_a_folder_in_use(
    world: ServerHarness, out: Path, tmp_path: Path
) -> None:
    backup.back_up(world.database, world.file.parent, out, PASSPHRASE, CHEAP)
    used = tmp_path / "used"
    used.mkdir()
    (used / "file").touch()
    with pytest.raises(AdministrationError, match="not an empty folder"):
        backup.restore(out, PASSPHRASE, used)
    with pytest.raises(AdministrationError, match="the passphrase is wrong"):
        backup.restore(out, "another passphrase", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_only_a_servers_own_files_are_unpacked(out: Path, tmp_path: Path) -> None:
    for name, kind in (("../evil", tarfile.REGTYPE), ("master.key", tarfile.SYMTYPE)):
        with out.open("wb") as file:
            writer = EncryptedWriter(file, PASSPHRASE, CHEAP)
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w") as archive:
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, "/etc/passwd"
                archive.addfile(member)
            writer.write(packed.getvalue())
            writer.close()
        with pytest.raises(AdministrationError, match="not of a key server"):
            backup.restore(out, PASSPHRASE, tmp_path / "new")
        assert not (tmp_path / "new").exists()


def test_what_changed_since_is_listed(world: ServerHarness, out: Path, tmp_path: Path) -> None:
    key = world.key(name="first")
    world.key(name="second")
    world.key(name="third")
    backup.back_up(world.database, world.file.parent, out, PASSPHRASE, CHEAP)
    world.now.rotate(key, overlap_days=0)
    administration.revoke_key(world.database, 2)
    backup.restore(out, PASSPHRASE, tmp_path / "restored")
    restored = _opened(tmp_path / "restored")
    found = backup.differences(restored, world.database)
    restored.close()
    told = [(each.key_id, each.in_backup.split(",")[0], each.now.split(",")[0]) for each in found]
    assert told == [
        (1, "active", "revoked"),
        (2, "active", "revoked"),
        (4, "unknown", "active"),
    ]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")

    def call(*arguments: str) -> tuple[int, str, str]:
        done = command(*arguments, f"--passphrase-file={tmp_path / 'passphrase'}")
        return done.returncode, done.stdout, done.stderr

    return call


def test_the_commands(tmp_path: Path, out: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    data_dir, new = tmp_path / "data", tmp_path / "new"
    folder = f"--data-dir={data_dir}"
    command("user", "add", "ci", folder)
    command("key", "add", "--user=ci", "--name=build", folder)
    with Process(data_dir, "--self-signed"):
        code, told, err = run("backup", f"--out={out}", folder)
    files = "ca.pem, keyserver.db, master.key, server-key.pem, server.pem"
    assert (code, told, err) == (0, "", f"wrote {out}: {files}\n")
    assert run("backup", f"--verify={out}") == (0, "", f"intact: {files}; keys: 1\n")
    command("key", "add", "--user=ci", "--name=later", folder)
    code, told, err = run("restore", str(out), f"--data-dir={new}", f"--compare={data_dir}")
    assert code == 0
    assert told.startswith("key 2 (later): now active, expires ")
    assert told.endswith("; in the backup unknown\n")
    assert "are missing, and keys that were revoked since then are valid again" in err
    assert run("restore", str(out), f"--data-dir={new}")[0] == 1
    with Process(new, "--self-signed") as restored:
        assert restored.ready["caFile"] == f"{new}/ca.pem"
        assert (new / "ca.pem").read_bytes() == (data_dir / "ca.pem").read_bytes()
    out.write_bytes(out.read_bytes()[:-1])
    assert run("backup", f"--verify={out}")[0] == 1
    code, _, err = run("backup", "--files-only", f"--out={out}", folder)
    assert (code, "keyserver.db" in err) == (0, False)
    (tmp_path / "passphrase").write_text("short")
    assert run("backup", f"--out={out}", folder)[0] == 10
    assert run("backup")[0] == 10
    assert run("backup", f"--verify={tmp_path / 'none'}")[0] == 1
