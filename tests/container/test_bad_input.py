"""What is wrong is told before anything is sent, with the exit code that stands for it."""

import os
from collections.abc import Iterator

import pytest

from e2e.client_harness import Ledger
from e2e.github_step import StepResult
from support.container import ContainerJob
from support.key_encodings import leaks

NOTHING_SENT = "Keys: Nothing was sent to the server; the key in use is unchanged."


def assert_refused(done: StepResult, code: int, *parts: str) -> None:
    assert done.code == code, done.log
    [error] = done.commands_named("error")
    assert NOTHING_SENT in error.data
    for part in parts:
        assert part in error.data


@pytest.fixture(autouse=True)
def nothing_is_sent(ledger: Ledger, key: str) -> Iterator[None]:
    """The server never sees the key in any of these tests."""
    yield
    assert ledger.of(key)["first_used_at_utc"] is None
    assert ledger.successors(key) == []


@pytest.mark.parametrize("name", ["OUTPUT", "STEP_SUMMARY"])
def test_file_of_the_runner_is_missing(name: str, job: ContainerJob) -> None:
    job.files[name].unlink()
    assert_refused(job.run(), 11, f"GITHUB_{name}", "no such file")
    assert not job.files[name].exists()


def test_file_of_variables_is_missing(job: ContainerJob) -> None:
    job.files["ENV"].unlink()
    job.give(write_key_file="", emit_secret="github-env:SIGNING_KEY")
    assert_refused(job.run(), 11, "GITHUB_ENV")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may arrange owners")
@pytest.mark.parametrize("user", ["1000", "1000:1000"])
def test_image_run_as_another_user(user: str, job: ContainerJob) -> None:
    """A runner's files belong to its own user; only root writes them, too."""
    job.work.chmod(0o755)
    assert_refused(job.run(user=user), 11, "permission denied", "root")


def test_unknown_command(job: ContainerJob) -> None:
    job.give(command="rotate")
    assert_refused(job.run(), 10, "rotate")


@pytest.mark.parametrize("value", ["yes", "1", "on", "tRue", "0"])
def test_invalid_boolean(value: str, job: ContainerJob) -> None:
    job.give(no_auto_revoke=value)
    assert_refused(job.run(), 10, "INPUT_NO-AUTO-REVOKE", "true or false")


def test_every_fault_at_once(job: ContainerJob) -> None:
    job.give(
        overlap_days="31", timeout="soon", dry_run="perhaps", write_key_file="", emit_secret="ftp:x"
    )
    assert_refused(job.run(), 10, "overlap", "--timeout", "INPUT_DRY-RUN", "--emit-secret")


def test_key_in_the_args_of_the_step(job: ContainerJob, key: str) -> None:
    """The runner prints them in its log before the container starts."""
    job.give(api_key="")
    done = job.run("rotate-key", "--api-key", key)
    assert_refused(done, 10, "--api-key", "args")
    assert leaks(key, {"log": done.log.encode()}) == []


def test_no_key_at_all(job: ContainerJob) -> None:
    job.give(api_key="")
    assert_refused(job.run(), 10, "no API key")


def test_mistyped_key(job: ContainerJob, key: str) -> None:
    """The checksum tells it; the secret that is almost right is not shown either."""
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    job.give(api_key=wrong)
    done = job.run()
    assert_refused(done, 10)
    assert leaks(key, {"log": done.log.encode()}) == []


def test_a_name_server_that_does_not_answer(job: ContainerJob) -> None:
    """The look-up ends with --timeout. The resolver alone would wait for minutes."""
    job.give(sign_server="https://keys.example:8443", timeout="2s")
    options = ["timeout:30", "attempts:5"]
    done = job.run(dns=["192.0.2.1"], dns_opt=options)  # RFC 5737: no such host
    assert done.code == 1, done.log
    [error] = done.commands_named("error")
    assert "the name look-up did not end in time" in error.data
    assert "The old key is untouched" in error.data
