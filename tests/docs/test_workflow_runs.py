"""Every workflow that is given away, run: what the secret holds, what is signed, what is armed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.pages import ROOT, block
from docs.repository import APP_TOKEN, NAME, JobResult, Repository
from support.client import run_client
from support.keyserver import KeyServer
from support.providers.exchange import fail
from support.providers.github import GitHub

ROTATING = ["rotate", "rotate-called", "rotate-deferred", "rotate-when-due"]


def example(name: str) -> str:
    return (ROOT / "examples" / "github" / f"{name}.yml").read_text()


@pytest.fixture
def repository(tmp_path: Path, shared_server: KeyServer, fresh_name: str) -> Iterator[Repository]:
    with GitHub() as github:
        yield Repository(tmp_path, shared_server, github, fresh_name)


@pytest.fixture
def lasting(tmp_path: Path, own_server: KeyServer) -> Iterator[Repository]:
    """A repository whose server can look past days."""
    with GitHub() as github:
        yield Repository(tmp_path, own_server, github, "ci")


def succeeded(done: dict[str, JobResult]) -> bool:
    """Whether no job failed, with its log where one did."""
    failed = {name: each.log for name, each in done.items() if each.result == "failure"}
    assert not failed, failed
    return True


def results(done: dict[str, JobResult]) -> list[str]:
    return [each.result for each in done.values()]


def revocations(repository: Repository) -> list[Any]:
    """When each key is revoked, oldest key first; None where that is not armed."""
    return [each["revokesAt"] for each in repository.keys]


# Those that rotate


@pytest.mark.parametrize("name", [*ROTATING, "rotate-image"])
def test_a_key_that_is_not_due_stays(repository: Repository, name: str) -> None:
    key = repository.add_key("90d")
    assert succeeded(repository.run(example(name)))
    assert repository.secret == key
    assert len(repository.keys) == 1
    assert not repository.github.calls("PUT")


@pytest.mark.parametrize(
    "text",
    [*map(example, [*ROTATING, "rotate-image"]), block("name: Rotate the signing key\n")],
    ids=[*ROTATING, "rotate-image", "readme"],
)
def test_a_key_that_is_due_is_replaced_where_the_next_run_finds_it(
    lasting: Repository, text: str
) -> None:
    old = lasting.add_key("20d")
    assert succeeded(lasting.run(text))
    new = lasting.secret
    assert new != old
    assert lasting.server.accepts(new)
    assert lasting.server.accepts(old)  # the overlap

    lasting.server.look_past("14d")
    assert not lasting.server.accepts(old)
    assert succeeded(lasting.run(text))  # starts from the secret: due again, 6 days before
    assert lasting.secret not in (old, new)
    assert lasting.server.accepts(lasting.secret)


@pytest.mark.parametrize("name", ROTATING)
def test_a_github_app_needs_no_personal_token(repository: Repository, name: str) -> None:
    repository.has_app = True
    old = repository.add_key("20d")
    assert succeeded(repository.run(example(name)))
    assert repository.secret != old
    assert repository.server.accepts(repository.secret)
    puts = repository.github.calls("PUT", "/secrets/")
    assert {each.headers["authorization"] for each in puts} == {f"Bearer {APP_TOKEN}"}


@pytest.mark.parametrize("name", ROTATING)
def test_by_hand_a_dry_run_changes_nothing_and_force_waits_for_nothing(
    repository: Repository, name: str
) -> None:
    key = repository.add_key("20d")
    by_hand = {"event": "workflow_dispatch", "again": "false"}
    assert succeeded(repository.run(example(name), dry_run="true", force="true", **by_hand))
    assert repository.secret == key
    assert len(repository.keys) == 1
    assert not repository.github.calls("PUT")

    key = repository.add_key("90d")
    assert succeeded(repository.run(example(name), dry_run="false", force="true", **by_hand))
    assert repository.secret != key
    assert repository.server.accepts(repository.secret)


@pytest.mark.parametrize("name", ROTATING)
def test_a_lost_successor_is_reported_every_night_and_replaced_by_hand(
    repository: Repository, name: str
) -> None:
    old = repository.add_key("20d")
    assert succeeded(repository.run(example(name)))
    successor, repository.secret = repository.secret, old  # as if somebody had put it back
    assert repository.run(example(name))["rotate"].code == 15
    if name == "rotate-when-due":  # its other job used the successor: that one is not lost
        done = repository.run(example(name), "workflow_dispatch", again="true")
        assert done["rotate"].code == 15
        lost = repository.server.ask_self(successor).json()["id"]
        repository.server.command("key", "revoke", str(lost))
    assert succeeded(repository.run(example(name), "workflow_dispatch", again="true"))
    assert repository.secret != old
    assert repository.server.accepts(repository.secret)


@pytest.mark.parametrize("name", ["rotate", "rotate-called", "rotate-when-due"])
def test_a_store_that_fails_arms_nothing_and_the_next_night_rotates(
    lasting: Repository, name: str
) -> None:
    old = lasting.add_key("20d")
    lasting.github.faults.append(fail("PUT", "/secrets/", 403, times=10))
    assert lasting.run(example(name))["rotate"].code == 12
    assert lasting.secret == old
    assert revocations(lasting) == [None, None]
    lasting.github.faults.clear()

    lasting.server.look_past("1d")
    assert succeeded(lasting.run(example(name)))
    assert lasting.secret != old
    assert lasting.server.accepts(lasting.secret)


# The deferred one


def test_the_deferred_rotation_confirms_after_its_own_step(repository: Repository) -> None:
    repository.add_key("20d")
    done = repository.run(example("rotate-deferred"))
    assert results(done) == ["success", "success"]
    [rotated, confirmed] = revocations(repository)
    assert rotated is not None
    assert confirmed is None


def test_where_the_own_step_fails_nothing_is_armed(lasting: Repository) -> None:
    old = lasting.add_key("20d")
    lasting.github.faults.append(fail("PUT", "/secrets/", 403))
    done = lasting.run(example("rotate-deferred"))
    assert results(done) == ["failure", "skipped"]
    assert revocations(lasting) == [None, None]
    assert lasting.secret == old

    lasting.server.look_past("1d")  # the next night makes another candidate
    done = lasting.run(example("rotate-deferred"))
    assert results(done) == ["success", "success"]
    assert lasting.server.accepts(lasting.secret)
    lasting.server.look_past("9d")
    assert not lasting.server.accepts(old)
    assert lasting.server.accepts(lasting.secret)


def test_the_next_night_finishes_an_interrupted_confirmation(
    lasting: Repository,
) -> None:
    old = lasting.add_key("20d")
    text = example("rotate-deferred")
    assert succeeded(lasting.run(text.partition("  confirm:\n")[0]))
    assert lasting.secret != old
    assert revocations(lasting) == [None, None]

    lasting.server.look_past("1d")
    assert succeeded(lasting.run(text))
    lasting.server.look_past("9d")
    assert not lasting.server.accepts(old)
    assert lasting.server.accepts(lasting.secret)


# Those that build


def test_the_guard_opens_an_issue_and_closes_it_after_the_rotation(lasting: Repository) -> None:
    old = lasting.add_key("60d")
    lasting.server.look_past("54d")
    done = lasting.run(example("build"), "push")
    assert results(done) == ["failure", "skipped"]
    assert done["guard"].code == 13
    assert lasting.signed_with == ""
    [issue] = lasting.github.open_issues(NAME)
    assert issue.title.startswith("Signing key ci ends on ")

    assert succeeded(lasting.run(example("rotate")))
    assert succeeded(lasting.run(example("build"), "push"))
    assert lasting.signed_with == lasting.secret != old
    assert lasting.github.open_issues(NAME) == []
    assert [each.number for each in lasting.github.all_issues(NAME)] == [issue.number]


def test_a_build_warns_while_there_is_time(repository: Repository) -> None:
    repository.add_key("15d")
    done = repository.run(example("build"), "push")
    assert succeeded(done)
    assert "::warning" in done["guard"].log
    assert repository.signed_with == repository.secret
    assert len(repository.github.open_issues(NAME)) == 1


def test_other_branches_leave_the_issue_alone(repository: Repository) -> None:
    repository.add_key("6d")
    done = repository.run(example("build"), "workflow_dispatch", branch="topic")
    assert done["guard"].code == 13
    assert not repository.github.requests


def test_a_build_that_rotates_signs_with_the_new_key(repository: Repository) -> None:
    old = repository.add_key("20d")
    assert succeeded(repository.run(example("rotate-when-due"), "push"))
    assert repository.signed_with == repository.secret != old


def test_a_failed_rotation_stops_no_build_whose_key_is_good(repository: Repository) -> None:
    old = repository.add_key("20d")
    repository.github.faults.append(fail("PUT", "/secrets/", 403, times=10))
    done = repository.run(example("rotate-when-due"), "push")
    assert results(done) == ["failure", "success"]
    assert repository.signed_with == old


def test_only_the_default_branch_rotates(repository: Repository) -> None:
    old = repository.add_key("20d")
    done = repository.run(example("rotate-when-due"), "workflow_dispatch", branch="topic")
    assert results(done) == ["skipped", "success"]
    assert repository.signed_with == repository.secret == old


def test_what_init_writes_runs(repository: Repository, tmp_path: Path) -> None:
    done = run_client(
        "init", "-s", repository.server.url, "--environment", "signing",
        "--if-expiring-within", "40d", "--fail-if-expiring-within", "30d", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    rotate, build = (
        (tmp_path / ".github" / "workflows" / name).read_text()
        for name in ("rotate-signing-key.yml", "build-signed.yml")
    )
    old = repository.add_key("38d")
    assert succeeded(repository.run(rotate))
    assert succeeded(repository.run(build, "push"))
    assert repository.signed_with == repository.secret != old


# On a runner that holds the key in a file


def test_a_self_hosted_runner_rotates_its_file_when_due(repository: Repository) -> None:
    key_file = repository.folder / "keys" / "api_key.txt"
    key_file.parent.mkdir()
    rotate, build = (
        example(name).replace("/var/lib/signing/api_key.txt", str(key_file))
        for name in ("rotate-self-hosted", "build-self-hosted")
    )
    repository.sign = 'cp "$SIGNOTAUR_API_KEY_FILE" "$SIGNED"\n'

    def store(expires_in: str) -> str:
        key_file.touch(mode=0o600)
        key_file.write_text(repository.new_key(expires_in) + "\n")
        return key_file.read_text()

    kept = store("90d")
    assert succeeded(repository.run(rotate))
    assert key_file.read_text() == kept

    old = store("6d")
    assert repository.run(build, "push")["guard"].code == 13
    assert len(repository.github.open_issues(NAME)) == 1
    assert succeeded(repository.run(rotate, "workflow_dispatch", dry_run="true"))
    assert key_file.read_text() == old
    assert succeeded(repository.run(rotate))
    assert key_file.read_text() != old
    assert list(key_file.parent.iterdir()) == [key_file]

    kept = store("90d")
    assert succeeded(repository.run(rotate, "workflow_dispatch", force="true", dry_run="false"))
    assert key_file.read_text() != kept
    assert repository.server.accepts(key_file.read_text().strip())
    assert succeeded(repository.run(build, "push"))
    assert repository.signed_with == key_file.read_text()
    assert repository.github.open_issues(NAME) == []
