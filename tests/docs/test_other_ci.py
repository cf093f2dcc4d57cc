"""The examples for other systems than GitHub, run as they stand against the real key server.

Those that start containers are in ``container/test_examples.py``.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.file_sites import CrontabSite, SystemdSite
from docs.other_ci import EXAMPLES, Ran, crontab, read, read_yaml, run, unit_command, unit_settings
from docs.sites import AwsSite, AzureSite, BuildkiteSite, GitlabSite, Site, TeamcitySite, VaultSite
from e2e.client_harness import Ledger
from support.key_encodings import leaks
from support.keyserver import KeyServer

SITES = (
    GitlabSite,
    AzureSite,
    BuildkiteSite,
    TeamcitySite,
    VaultSite,
    AwsSite,
    SystemdSite,
    CrontabSite,
)
# The examples of a key server have tests beside what they configure.
_NOT_OF_ROTATIONS = {"github", "compose", "leaks", "systemd", "webhooks", "fleet"}
OTHERS = sorted(
    path
    for path in EXAMPLES.rglob("*")
    if path.is_file() and path.parent.name not in _NOT_OF_ROTATIONS
)


@pytest.fixture
def ledger(shared_server: KeyServer) -> Ledger:
    return Ledger(shared_server)


@pytest.fixture(params=SITES, ids=lambda kind: kind.__name__)
def site(
    request: pytest.FixtureRequest, shared_server: KeyServer, tmp_path: Path
) -> Iterator[Site]:
    with request.param(tmp_path, shared_server) as site:
        yield site


def assert_silent(site: Site, done: Ran, *keys: str) -> None:
    printed = {"log": site.without_message(done).encode()}
    assert [leak for key in keys for leak in leaks(key, printed)] == []


def test_a_key_that_is_not_due_stays(site: Site, ledger: Ledger, fresh_name: str) -> None:
    key = ledger.add(fresh_name, days=90)
    site.put(key)
    before = ledger.state()

    done = site.rotate()

    assert done.code == 0, done.said
    assert site.held() == key
    assert ledger.state() == before
    assert_silent(site, done, key)


def test_a_key_that_is_due_is_replaced_and_the_next_run_starts_from_the_new_one(
    site: Site, ledger: Ledger, fresh_name: str
) -> None:
    old = ledger.add(fresh_name, days=10)
    site.put(old)

    first = site.rotate()
    assert first.code == 0, first.said
    new = site.held()
    assert ledger.of(new)["rotated_from_key_id"] == ledger.id_of(old)
    assert ledger.of(old)["revoke_due_utc"] is not None
    assert site.server.accepts(old)

    second = site.rotate()  # due at once: a new key lives as long as the old one did
    assert second.code == 0, second.said
    newest = site.held()
    assert ledger.of(newest)["rotated_from_key_id"] == ledger.id_of(new)
    assert site.server.accepts(newest)
    assert_silent(site, first, old, new)
    assert_silent(site, second, new, newest)


def test_while_the_store_refuses_both_keys_work_and_the_same_run_finishes_it(
    site: Site, ledger: Ledger, fresh_name: str
) -> None:
    old = ledger.add(fresh_name, days=10)
    site.put(old)
    site.refuse()

    done = site.rotate()

    assert done.code == site.refusal, done.said
    assert site.held() == old
    assert site.server.accepts(old)
    assert ledger.of(old)["revoke_due_utc"] is None
    candidates = ledger.successors(old)
    assert len(candidates) == (1 if site.refusal == 12 else 0)
    assert all(each["revoked_at_utc"] is None for each in candidates)

    site.repair()
    again = site.rotate()
    assert again.code == 0, again.said
    new = site.held()
    [successor] = ledger.successors(old)
    assert successor["id"] == ledger.id_of(new)
    assert site.server.accepts(new)
    for each in (done, again):
        assert_silent(site, each, old, new)


@pytest.mark.parametrize("kind", [GitlabSite, BuildkiteSite], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("days", "code"), [(90, 0), (6, 13)])
def test_other_pipelines_ask_whether_the_key_is_good(
    kind: type[GitlabSite | BuildkiteSite],
    days: float,
    code: int,
    shared_server: KeyServer,
    ledger: Ledger,
    fresh_name: str,
    tmp_path: Path,
) -> None:
    with kind(tmp_path, shared_server) as site:
        site.put(ledger.add(fresh_name, days=days))
        before = ledger.state()
        assert site.run("push").code == code
        assert ledger.state() == before


def test_azures_later_steps_get_the_new_key(
    shared_server: KeyServer, ledger: Ledger, fresh_name: str, tmp_path: Path
) -> None:
    site = AzureSite(tmp_path, shared_server)
    site.put(ledger.add(fresh_name, days=10))

    done = site.rotate()

    assert done.code == 0, done.said
    assert site.job.secrets["SignotaurApiKey"] == site.held()
    guard = site.steps[-1]
    assert guard["env"] == {"SIGNOTAUR_API_KEY": "$(SignotaurApiKey)"}
    assert f"\n  Key: {ledger.id_of(site.held())} " in done.err


def test_gitlabs_token_reaches_the_rotation_alone() -> None:
    """By the environment scope of the variable: a job without the environment never has it."""
    pipeline = read_yaml("gitlab/.gitlab-ci.yml")
    jobs = {name: job for name, job in pipeline.items() if "script" in job}
    assert {name for name, job in jobs.items() if "environment" in job} == {"rotate-signing-key"}
    rotation = jobs["rotate-signing-key"]
    assert rotation["resource_group"]
    assert rotation["interruptible"] is False
    assert all("timeout" in job for job in jobs.values())


def test_one_rotation_at_a_time_and_none_without_an_end() -> None:
    azure = read_yaml("azure-pipelines/rotate.yml")
    assert (azure["trigger"], azure["pr"]) == ("none", "none")
    assert azure["stages"][0]["lockBehavior"] == "sequential"
    assert azure["stages"][0]["jobs"][0]["timeoutInMinutes"] == "10"
    [rotation, guard, _] = read_yaml("buildkite/pipeline.yml")["steps"]
    assert (rotation["concurrency"], rotation["concurrency_group"]) == (1, "rotate-signing-key")
    assert rotation["timeout_in_minutes"] == guard["timeout_in_minutes"] == 10
    jenkins = read("jenkins/Jenkinsfile")
    assert "disableConcurrentBuilds()" in jenkins
    assert "timeout(time: 10, unit: 'MINUTES')" in jenkins


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_an_example_says_what_it_does_and_keeps_the_rules(path: Path) -> None:
    text = path.read_text()
    comment = re.sub(r"(?m)^(//|#)!? ?", "", re.split(r"(?m)^(?!#|//)", text, maxsplit=1)[0])
    if path.name not in {"signotaur-rotate.timer", "signotaur-failed@.service"}:
        for part in ("otates the signing key", "Needs", "fails"):
            assert part in comment, part
    assert not re.search(r"set -[a-z]*x|--api-key |--debug|--allow-untrusted|--github-token", text)
    for minute in re.findall(r"(?m)(?:cron: \"|^)(\d+) \d+ \* \* \*", text):
        assert minute != "0", "at the full hour everybody runs"
    assert all(len(line) <= 200 for line in text.splitlines())


# systemd and cron


def test_the_units_are_sound(shared_server: KeyServer, tmp_path: Path) -> None:
    site = SystemdSite(tmp_path, shared_server)
    units = {path.name: site.example(path.name) for path in EXAMPLES.glob("cron/signotaur-*.*")}
    service = unit_settings(units["signotaur-rotate.service"])
    assert service["OnFailure"] == "signotaur-failed@%n.service"
    assert (service["Type"], service["User"], service["UMask"]) == ("oneshot", "signing", "0077")
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ReadWritePaths"] == str(site.keys)
    timer = unit_settings(units["signotaur-rotate.timer"])
    assert {"RandomizedDelaySec", "Persistent", "OnCalendar"} <= timer.keys()

    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return  # a container without systemd: what is above is all that can be said there
    folder = tmp_path / "units"
    folder.mkdir()
    for name, text in units.items():
        (folder / name).write_text(text)
    checks = (
        ["verify", "--man=no", *sorted(units)],
        ["security", "--offline=true", "--threshold=20", "signotaur-rotate.service"],
    )
    for check in checks:
        words = [word if "." not in word or "=" in word else f"./{word}" for word in check]
        done = run([analyze, *words], site.env, folder)
        assert done.code == 0, done.said
        assert check[0] == "security" or done.said == ""


def test_the_service_does_nothing_that_its_unit_forbids(
    shared_server: KeyServer, ledger: Ledger, fresh_name: str, tmp_path: Path
) -> None:
    """No systemd runs here, so what the command asks of the kernel is compared with the unit."""
    site = SystemdSite(tmp_path, shared_server)
    site.put(ledger.add(fresh_name, days=10))
    trace = tmp_path / "trace"

    done = site.run("strace", "-f", "-y", "-qq", "-o", str(trace))

    assert done.code == 0, done.said
    text = trace.read_text(errors="replace")
    assert "PROT_WRITE|PROT_EXEC" not in text
    families = set(re.findall(r" socket\((AF_\w+)", text))
    assert families <= {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"}  # the last may fail
    opened = r' openat\(\w+<([^>]*)>, "([^"]*)", O_(?:WRONLY|RDWR).*\) = \d'
    written = {Path(folder, name) for folder, name in re.findall(opened, text)}
    assert written
    assert {path.parent for path in written} == {site.keys}, written
    if shutil.which("systemd-analyze"):
        called = set(re.findall(r"(?m)^\d+ +(\w+)\(", text))
        filters = unit_settings(read("cron/signotaur-rotate.service"))["SystemCallFilter"]
        assert filters == "@system-service\n~@resources"
        assert called <= calls_of("@system-service") - calls_of("@resources")


def calls_of(group: str) -> set[str]:
    """The system calls of one of systemd's groups, and of those in it."""
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True
    ).stdout
    members = re.findall(r"(?m)^    ([@\w-]+)", listed)
    inner = [calls_of(each) for each in members if each.startswith("@")]
    return {each for each in members if each[0] != "@"}.union(*inner)


def test_a_failed_service_notifies_somebody(shared_server: KeyServer, tmp_path: Path) -> None:
    site = SystemdSite(tmp_path, shared_server)
    for name, script in (("journalctl", 'echo "journal of $2"'), ("mail", 'echo "$@"; cat')):
        tool = site.tools / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
    unit = unit_settings(site.example("signotaur-failed@.service"))

    done = run(unit_command(unit, "signotaur-rotate.service"), site.env, tmp_path)

    assert done.out.splitlines() == [
        "-s signotaur-rotate.service failed root",
        "journal of signotaur-rotate.service",
    ]


def test_cron_gets_no_output_unless_it_fails(
    shared_server: KeyServer, ledger: Ledger, fresh_name: str, tmp_path: Path
) -> None:
    site = CrontabSite(tmp_path, shared_server)
    site.put(ledger.add(fresh_name, days=90))
    done = site.rotate()
    assert done == Ran(0, "", "")
    site.put("sig_no-key-of-the-server")
    done = site.rotate()
    assert done.code != 0
    assert "Next: " in done.out
    variables, _ = crontab(read("cron/crontab"))
    assert variables["MAILTO"]
