"""The master key is replaced without a moment in which something cannot be opened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from keyserver.certs import add, sign
from keyserver.harness import ServerHarness
from keyserver.processes import Process, command
from signotaur_keyserver.pki.master_key import MasterKeyError, Sealer
from signotaur_keyserver.service.event_verification import verify_events
from signotaur_keyserver.service.master_key import rotate_master_key

KILLS = Path(__file__).with_name("master_key_kills.py")


@pytest.mark.both_databases
def test_a_new_master_key_seals_everything(world: ServerHarness) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    assert sign(world.now, key, thumbprint)["result"] == 0
    before = world.sealer.file.read_bytes()
    assert rotate_master_key(world.database, world.sealer) == 2
    assert world.sealer.file.read_bytes() != before
    assert sorted(path.name for path in world.file.parent.glob("master*")) == ["master.key"]
    assert sign(world.now, key, thumbprint)["result"] == 0
    assert sign(world.serving(), key, thumbprint)["result"] == 0
    assert verify_events(world.database).without_mac == 0
    assert world.events("master-key-rotated")[0]["level"] == "Security"
    world.sealer.file.write_bytes(before)
    with pytest.raises(MasterKeyError):
        rotate_master_key(world.database, Sealer(world.sealer.file))


def test_killed_at_any_line_everything_can_still_be_opened(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    done = subprocess.run(
        [sys.executable, str(KILLS), str(folder)],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40


def test_the_command_while_a_server_runs(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    folder = f"--data-dir={data_dir}"
    command("user", "add", "ci", folder)
    before = (data_dir / "master.key").read_bytes()
    with Process(data_dir, "--insecure-http"):
        done = command("master-key", "rotate", folder)
        assert (done.returncode, done.stdout) == (0, "")
        assert "seals 1 secrets: back it up" in done.stderr
        command("user", "add", "other", folder)
    assert (data_dir / "master.key").read_bytes() != before
    assert command("events", "verify", folder).returncode == 0
