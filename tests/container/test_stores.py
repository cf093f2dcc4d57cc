"""The image delivers to a store: libsodium is in it, and programs are not."""

from collections.abc import Iterator

import pytest

from e2e.client_harness import Ledger
from support.container import ContainerJob
from support.key_encodings import leaks
from support.providers.github import GitHub

TOKEN = "github_pat_of-the-rotation-0123456789"
SCOPE = "repos/acme/app/environments/signing"


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as github:
        github.add_repository("acme/app", environments=["signing"])
        github.add_token(TOKEN, permissions={"environments": "write"})
        github.put_secret("actions", SCOPE, "SIGNOTAUR_API_KEY", "the key before")
        yield github


@pytest.fixture
def store_job(job: ContainerJob, github: GitHub) -> ContainerJob:
    """The job of the README's first workflow; it asks the stand-in in GitHub's place."""
    job._runner_env["GITHUB_API_URL"] = github.url
    job.give(
        write_key_file="",
        emit_secret="github-secret:SIGNOTAUR_API_KEY,env=signing",
        github_token=TOKEN,
    )
    return job


def test_the_next_build_reads_the_new_key(
    store_job: ContainerJob, github: GitHub, ledger: Ledger, key: str
) -> None:
    done = store_job.run(network_mode="host")
    assert done.code == 0, done.log
    new = github.secret("actions", SCOPE, "SIGNOTAUR_API_KEY")
    assert new is not None
    assert done.outputs["key-id"] == str(ledger.id_of(new))
    assert done.outputs["confirmed"] == "true"
    assert "delivered" in done.summary
    masks = {command.data for command in done.commands_named("add-mask")}
    assert {key, new} <= masks
    assert TOKEN not in done.log + done.summary
    for each in (key, new):
        assert leaks(each, {"log": done.log.encode(), "summary": done.summary.encode()}) == []

    store_job.next_attempt()
    store_job.give(api_key=new, again="true")
    assert store_job.run(network_mode="host").code == 0
    assert github.secret("actions", SCOPE, "SIGNOTAUR_API_KEY") != new


def test_an_image_without_programs_runs_none(store_job: ContainerJob, ledger: Ledger) -> None:
    before = ledger.state()
    store_job.give(emit_secret="command:sh -c true")
    done = store_job.run(network_mode="host")
    assert done.code == 11
    assert "the action in the folder cli" in done.log
    assert ledger.state() == before
