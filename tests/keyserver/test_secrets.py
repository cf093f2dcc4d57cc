"""No key, old or new, is anywhere but with its holder: not in a file, a log or an answer."""

import base64
import hashlib
import stat
from pathlib import Path

from keyserver.harness import Client, NewKey
from keyserver.processes import Process, command
from signotaur_wire import keyformat


def _encodings(key: str) -> list[bytes]:
    secret = key[20:]
    raw = secret.encode()
    # Base64 at its three alignments, without the ends that depend on the neighbours.
    aligned = [base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)]
    return [raw[:20], raw[-20:], raw[::-1], raw.hex().encode(), *aligned]


def _hits(folder: Path, key: str) -> list[str]:
    return [
        file.name
        for file in folder.rglob("*")
        if file.is_file() and any(form in file.read_bytes() for form in _encodings(key))
    ]


def test_the_search_of_this_test_finds_a_key(tmp_path: Path) -> None:
    key = keyformat.generate()
    (tmp_path / "plain").write_text(f"key={key}\n")
    (tmp_path / "base64").write_bytes(base64.b64encode(b"ab" + key.encode()))
    assert sorted(_hits(tmp_path, key)) == ["base64", "plain"]


def test_files_and_logs_hold_no_key(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    place = f"--data-dir={data_dir}"
    assert command("user", "add", "ci", "--role=ApiKeyRotator", place).returncode == 0
    added = command("key", "add", "--user=ci", "--name=build", place)
    old, new, stranger = added.stdout.strip(), NewKey(), keyformat.generate()
    with Process(data_dir, "--insecure-http") as server:
        client = Client(server.url, [old, new.text, stranger])
        opened = client.open(old)
        client.self(opened.new.text)
        client.confirm(opened.new.text, opened.id)
        client.self(stranger)
        client.call("GET", f"/api/v1/rotations/{stranger}?key={stranger}", old)
        client.put(old, opened.id, new, publicId=stranger, holder=stranger)
        client.close()
    searched = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {"keyserver.db", "data.log"} <= {file.name for file in searched}
    for key in (old, opened.new.text, new.text, stranger):
        assert _hits(tmp_path, key) == []
    digest = hashlib.sha256(old.encode()).hexdigest()
    assert digest.encode() in (data_dir / "keyserver.db").read_bytes()


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"
    assert command("user", "add", "ci", f"--data-dir={data_dir}").returncode == 0
    with Process(data_dir, "--self-signed"):
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in data_dir.iterdir()}
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert modes["keyserver.db"] == 0o600
    assert modes["server-key.pem"] == 0o600
    assert modes["ca.pem"] == 0o644
    assert modes["keyserver.db-wal"] == modes["keyserver.db-shm"] == 0o600
