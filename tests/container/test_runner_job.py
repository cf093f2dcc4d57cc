"""The image as a GitHub runner starts it: what the step prints, writes and leaves behind."""

import os
import stat
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from e2e.client_harness import Ledger, days_from_now, near
from e2e.github_step import StepResult
from support.container import RUNNER_UID, ContainerJob, ended, environment_of
from support.key_encodings import files_below, leaks
from support.keyserver import KeyServer
from support.runner import Step, parse_command, read_lines

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may arrange owners")


def masked_before_shown(result: StepResult, *keys: str) -> None:
    """No line of the log, in the worst order of the two streams, shows a key."""
    assert not result.stderr.startswith(b"::")  # commands stand on stdout, whose order is kept
    step = Step()
    for line in read_lines(result.stdout) + read_lines(result.stderr):
        command = parse_command(line)
        if command is None or command.name != "add-mask":
            shown = {line: step.masker.mask(line).encode()}
            assert [leaks(key, shown) for key in keys] == [[] for _ in keys]
        step.read_line(line)
    assert [leaks(key, {"log": result.log.encode()}) for key in keys] == [[] for _ in keys]


@pytest.mark.parametrize("verbosity", ["normal", "debug input", "RUNNER_DEBUG"])
def test_scheduled_rotation(verbosity: str, job: ContainerJob, ledger: Ledger, key: str) -> None:
    job.give(overlap_days="14", debug="true" if verbosity == "debug input" else "")
    job.job_env |= {"RUNNER_DEBUG": "1"} if verbosity == "RUNNER_DEBUG" else {}

    done = job.run()

    assert done.code == 0, done.log
    new = (job.temp / "key.txt").read_text().strip()
    outputs = done.outputs
    assert near(outputs.pop("expires-at"), days_from_now(90))
    assert near(outputs.pop("overlap-end"), days_from_now(14))
    assert UUID(outputs.pop("rotation-id"))
    assert outputs == {
        "rotated": "true",
        "key-id": str(ledger.id_of(new)),
        "old-key-id": str(ledger.id_of(key)),
        "confirmed": "true",
    }
    assert done.variables == {}
    assert done.summary.startswith("### Rotated key")
    assert leaks(key, {"summary": done.summary.encode()}) == []
    assert done.commands_named("error") == []
    masked_before_shown(done, key, new)
    assert ledger.of(new)["rotated_from_key_id"] == ledger.id_of(key)


def test_masks_come_first(job: ContainerJob, key: str) -> None:
    job.give(write_key_file="", emit_secret="github-output\ngithub-env:SIGNING_KEY", debug="true")
    done = job.run()
    assert done.code == 0, done.log
    assert read_lines(done.stdout)[0] == f"::add-mask::{key}"
    new = done.outputs["api-key"]
    assert new in [command.data for command in done.commands_named("add-mask")]
    assert done.variables == {"SIGNING_KEY": new}
    masked_before_shown(done, key, new)


def test_step_that_follows_signs_in_with_the_file(
    job: ContainerJob, bridge_server: KeyServer
) -> None:
    """The key file of one step is the key of the next one: two rotations in one job."""
    assert job.run().code == 0
    job.next_attempt()
    job.give(
        api_key="",
        api_key_file="/github/runner_temp/key.txt",
        if_expiring_within="30d",
    )
    done = job.run()
    assert done.code == 0, done.log
    assert done.outputs["rotated"] == "false"
    job.next_attempt()
    job.give(if_expiring_within="")
    done = job.run()
    assert done.outputs["rotated"] == "true", done.log
    assert bridge_server.accepts((job.temp / "key.txt").read_text().strip())


def test_error_is_one_annotation(job: ContainerJob, ledger: Ledger, key: str) -> None:
    ledger.revoke(key)
    job.job_env["RUNNER_DEBUG"] = "1"
    done = job.run()
    assert done.code == 2
    assert done.commands_named("debug")  # the places where it happened
    [error] = done.commands_named("error")
    assert error.properties == {"title": "signotaur-action"}
    assert "it was revoked" in error.data
    assert done.outputs == {"rotated": "false"}
    masked_before_shown(done, key)


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"sign_server": "https://127.0.0.1:9", "timeout": "2s"}, 1),
        ({"overlap_days": "31"}, 3),
        ({"overlap_days": "many"}, 10),
        ({"write_key_file": "/github/workspace/no/such/folder/key.txt"}, 11),
        ({"write_key_file": "", "emit_secret": ""}, 11),
    ],
)
def test_failure_has_its_code(
    inputs: dict[str, str], code: int, job: ContainerJob, ledger: Ledger, key: str
) -> None:
    job.give(**inputs)
    before = ledger.state()
    done = job.run()
    assert done.code == code, done.log
    assert len(done.commands_named("error")) == 1
    assert ledger.state() == before
    masked_before_shown(done, key)


@as_root
def test_files_belong_to_the_owner_of_their_folder(job: ContainerJob, key: str) -> None:
    """The container is root, the step that follows is not."""
    env_file = job.workspace / "deploy" / ".env"
    env_file.parent.mkdir()
    env_file.write_text("A=1\nSIGNING_KEY=old\n")
    job.hand_over(env_file.parent, env_file)
    job.give(
        write_key_file="",
        write_env_file="/github/workspace/deploy/.env",
        write_env_var_name="SIGNING_KEY",
    )
    assert job.run().code == 0
    new = env_file.read_text().removeprefix("A=1\nSIGNING_KEY=").strip(" '\"\n")
    assert new.startswith("sig_")
    assert _strangers(job) == []
    job.next_attempt()
    job.give(api_key=new, write_env_file="", write_env_var_name="")
    job.give(write_key_file="/github/workspace/key.txt")
    assert job.run().code == 0
    assert stat.S_IMODE((job.workspace / "key.txt").stat().st_mode) == 0o600
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert _strangers(job) == []
    assert key


def _strangers(job: ContainerJob) -> list[Path]:
    return [path for path in job.work.rglob("*") if path.lstat().st_uid != RUNNER_UID]


def test_the_key_is_only_where_it_was_requested(job: ContainerJob, key: str) -> None:
    """Not in the container's own layer, in no field of it, in no file of the job."""
    with job.running() as container:
        ran = ended(container)
        assert ran.code == 0, ran.said
        changed: list[dict[str, Any]] = container.diff() or []
        exported: Any = container.export()
        layer = b"".join(exported)
    new = (job.temp / "key.txt").read_text().strip()
    # The engine makes the mounts' folders; the run itself writes nothing into the container.
    mounted = ("/github", "/var", "/dev", "/run")
    assert [each for each in changed if not each["Path"].startswith(mounted)] == []
    for each in (key, new):
        assert leaks(each, {"container": layer}) == []
        files = files_below(job.work)
        del files[str(job.temp / "key.txt")]
        assert leaks(each, files) == []
    given = [variable for variable in environment_of(ran.inspected) if key in variable]
    assert given == [f"INPUT_API-KEY={key}"]
    rest = str(ran.inspected).replace(given[0], "")
    assert leaks(key, {"inspect": rest.encode()}) == []
    assert leaks(new, {"inspect": str(ran.inspected).encode()}) == []
    masked_before_shown(job.result(ran), key, new)
