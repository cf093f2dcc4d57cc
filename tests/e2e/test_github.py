"""The action as the step of a scheduled job runs it: inputs, masks, outputs, summary, one error."""

import json
import re
from html import unescape
from pathlib import Path
from uuid import UUID

import pytest

from e2e.client_harness import ClientHarness, Ledger, bearer, days_from_now, near
from e2e.github_step import GithubStep, StepResult
from signotaur_action.ci.masks import SHORTEST
from support.front import Exchange, Fault, Front, answering
from support.key_encodings import key_encodings, leaks
from support.keyserver import KeyServer
from support.runner import Step, parse_command, read_lines

OURS = {"add-mask", "debug", "warning", "error"}
HOSTILE_NAME = "::set-output name=a::b ##[error]x @@continua[setServerVariable name='A' value='b']"
HOSTILE_NAMES = {
    "workflow command": "\n::set-output name=rotated::no",
    "carriage return": "ci\r::add-mask::e",
    "old syntax": "ci ##[set-output name=rotated]no",
    "stop commands": "\n::stop-commands::pause\n",
    "continua": "@@continua[setServerVariable name='A' value='b']",
    "azure": "##vso[task.setvariable variable=A]b",
    "teamcity": "##teamcity[setParameter name='A' value='b']",
    "escape": "\x1b[2J\x1b]0;title\x07",
    "bidirectional": "ci\u202egnirts\u2066",
    "table": "a | b |\n| --- | --- |\n| c",
    "markdown": "**b** `c` [here](https://evil.example) ![i](https://evil.example/i) <img src=x>",
    "heading": "\n# Rotated: all is well",
    "delimiter": "x\nghadelimiter_\nrotated=no",
    "mention": "@acme/everybody #1 https://evil.example www.evil.example ~~no~~ _i_",
}


@pytest.fixture
def job(tmp_path: Path, shared_server: KeyServer) -> GithubStep:
    """A job whose secret and inputs are those of a scheduled rotation."""
    folder = tmp_path / f"job-{tmp_path.name}"
    folder.mkdir()
    job = GithubStep(folder)
    job.give(sign_server=shared_server.url, ca_file=shared_server.ca_file)
    return job


@pytest.fixture
def front_job(tmp_path: Path, front: Front) -> GithubStep:
    """A job that reaches its server through the front."""
    job = GithubStep(tmp_path)
    job.give(sign_server=front.url)
    return job


def masked_before_shown(result: StepResult, *keys: str) -> None:
    """No line of either stream shows a key before the runner was told to hide it."""
    assert [leaks(key, {"log": result.log.encode()}) for key in keys] == [[] for _ in keys]
    # A command's line is not printed, so a mask may hold the key; nothing else may.
    step = Step()
    for line in read_lines(result.stderr) + read_lines(result.stdout):
        command = parse_command(line)
        if command is None or command.name != "add-mask":
            shown = {"line": step.masker.mask(line).encode()}
            assert [leaks(key, shown) for key in keys] == [[] for _ in keys], line
        step.read_line(line)


# Success


@pytest.mark.parametrize("verbosity", ["normal", "--debug", "RUNNER_DEBUG"])
def test_scheduled_rotation(verbosity: str, job: GithubStep, ledger: Ledger, key: str) -> None:
    file = job.temp / "key.txt"
    job.give(api_key=key, write_key_file=file, overlap_days="14")
    job.env |= {"RUNNER_DEBUG": "1"} if verbosity == "RUNNER_DEBUG" else {}
    job.give(debug="true" if verbosity == "--debug" else "")

    done = job.run()

    assert done.code == 0, done.said
    new = file.read_text().strip()
    row = ledger.of(new)
    outputs = done.outputs
    assert near(outputs.pop("expires-at"), days_from_now(90))
    assert near(outputs.pop("overlap-end"), days_from_now(14))
    assert UUID(outputs.pop("rotation-id"))
    assert outputs == {
        "rotated": "true",
        "key-id": str(row["id"]),
        "old-key-id": str(ledger.id_of(key)),
        "confirmed": "true",
    }
    assert done.variables == {}
    masked_before_shown(done, key, new)
    assert {command.name for command in done.commands} <= OURS
    assert done.commands_named("error") == []
    assert leaks(key, {"summary": done.summary.encode()}) == []
    assert leaks(new, {"summary": done.summary.encode()}) == []


def test_masks_come_first(job: GithubStep, key: str) -> None:
    job.give(api_key=key, emit_secret="github-output", debug="true")
    done = job.run()
    lines = read_lines(done.stdout)
    assert lines[0] == f"::add-mask::{key}"
    masks = [command.data for command in done.commands_named("add-mask")]
    assert done.outputs["api-key"] in masks
    covered = Step()
    for mask in masks:
        covered.masker.add_mask(mask)
    for name, text in key_encodings(key).items():
        if name not in _NEVER_MASKED and len(text) >= SHORTEST:
            assert b"***" in covered.masker.mask(text.decode("latin-1")).encode(), name


# A runner masks whole texts: parts and free forms of the key have no mask of their own.
_NEVER_MASKED = {
    "rot13",
    "hex with colons",
    "percent",
    "python",
    "utf-16-le",
    "utf-16-be",
    "ascii85",
    "lower case",
    "upper case",
}


def test_new_key_is_masked_before_it_is_used(
    front: Front, front_job: GithubStep, plain_server: KeyServer
) -> None:
    """When the server first sees the new key, the masks are out and no destination holds it."""
    ledger = Ledger(plain_server)
    key = ledger.add()
    seen: list[tuple[str, bytes, bytes]] = []

    def look(exchange: Exchange) -> bool:
        token = bearer(exchange)
        if token != key and not seen:
            printed = front_job.stdout_file.read_bytes()
            seen.append((token, printed, front_job.files["OUTPUT"].read_bytes()))
        return False

    front.faults.append(look)
    front_job.give(api_key=key, emit_secret="github-output")
    done = front_job.run()
    assert done.code == 0, done.said
    [(new, printed, outputs)] = seen
    assert f"::add-mask::{new}\n".encode() in printed
    assert outputs == b""
    assert done.outputs["api-key"] == new


def test_key_for_later_steps(job: GithubStep, ledger: Ledger, key: str) -> None:
    job.give(api_key=key, emit_secret="github-output:signing-key\ngithub-env:SIGNING_KEY")
    done = job.run()
    assert done.code == 0, done.said
    new = done.outputs["signing-key"]
    assert "api-key" not in done.outputs
    assert done.variables == {"SIGNING_KEY": new}
    assert ledger.of(new)["rotated_from_key_id"] == ledger.id_of(key)
    masked_before_shown(done, key, new)
    assert "store the new key now" in unescape(done.summary)


def test_command_input(job: GithubStep, ledger: Ledger, key: str) -> None:
    job.give(command="rotate-key", api_key=key, dry_run="true", emit_secret="github-output")
    done = job.run()
    assert done.code == 0, done.said
    assert done.outputs["rotated"] == "false"
    assert done.outputs["key-id"] == str(ledger.id_of(key))
    assert ledger.successors(key) == []


def test_key_from_the_steps_environment(job: GithubStep, key: str) -> None:
    job.give(api_key_name="SIGNING_KEY", write_key_file=job.temp / "key.txt")
    done = job.run({"SIGNING_KEY": key})
    assert done.code == 0, done.said
    masked_before_shown(done, key)


def test_not_due(job: GithubStep, key: str) -> None:
    job.give(api_key=key, write_key_file=job.temp / "key.txt", if_expiring_within="30d")
    done = job.run()
    assert done.code == 0
    assert done.outputs["rotated"] == "false"
    assert done.outputs["old-key-id"] == ""
    assert near(done.outputs["expires-at"], days_from_now(90))
    assert "Not due" in unescape(done.summary)
    assert not (job.temp / "key.txt").exists()


def test_summary_is_one_table(job: GithubStep, ledger: Ledger, key: str, fresh_name: str) -> None:
    file = job.temp / "key.txt"
    job.give(api_key=key, write_key_file=file)
    done = job.run()
    head, _, rest = unescape(done.summary).partition("\n\n")
    new = ledger.of(file.read_text().strip())
    assert head == f"### Rotated key {ledger.id_of(key)} to key {new['id']}."
    rows = dict(
        re.findall(
            r"^\| ([A-Z][^|]*?) \| (.*) \|$", rest.partition("| --- | --- |\n")[2], re.MULTILINE
        )
    )
    assert rows["New key"] == f"{new['id']} ({fresh_name})"
    assert rows["Old key"].startswith(f"{ledger.id_of(key)}, revoked at 20")
    assert rows[f"Destination key file {file}"] == "delivered"
    assert near(rows["New key expires"], days_from_now(90))
    assert near(rows["Overlap ends"], days_from_now(7))
    assert "**Next:** give the new key" in rest


def test_steps_before_ours_keep_their_records(job: GithubStep, key: str) -> None:
    """The files are appended to, in place, whatever another part of the step wrote."""
    for file in job.files.values():
        file.write_text("a=b\n")
    inodes = {name: file.stat().st_ino for name, file in job.files.items()}
    job.give(api_key=key, emit_secret="github-env:KEY")
    done = job.run()
    assert done.outputs["a"] == "b"
    assert done.variables["a"] == "b"
    assert done.summary.startswith("a=b\n")
    assert {name: file.stat().st_ino for name, file in job.files.items()} == inodes
    assert {file.stat().st_mode & 0o777 for file in job.files.values()} == {0o644}


# Failures


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"overlap_days": "31"}, 3),
        ({"overlap_days": "abc", "timeout": "never", "emit_secret": "github-env:PATH"}, 10),
        ({"emit_secret": ""}, 11),
        ({"write_key_file": "/nonexistent/folder/key.txt", "emit_secret": ""}, 11),
        ({"dry_run": "yes"}, 10),
        ({"command": "rotate"}, 10),
    ],
)
def test_one_error_annotation(
    inputs: dict[str, str], code: int, job: GithubStep, ledger: Ledger, key: str
) -> None:
    job.give(api_key=key, emit_secret="github-output")
    job.give(**inputs)
    before = ledger.state()
    done = job.run()
    assert done.code == code, done.log
    [error] = done.commands_named("error")
    assert error.properties == {"title": "signotaur-action"}
    what, keys, next_step = re.split(r"\n(?=Keys: |Next: )", error.data)
    assert what
    assert keys == "Keys: Nothing was sent to the server; the key in use is unchanged."
    assert next_step.startswith("Next: ")
    assert "api-key" not in done.outputs
    if "command" not in inputs:
        assert done.outputs == {"rotated": "false"}
        assert done.summary.startswith("### Not finished: ")
    assert ledger.state() == before
    masked_before_shown(done, key)


@pytest.mark.parametrize(
    "destination",
    [
        "continua:serverVar=KEY",
        "continua:buildVar=KEY",
        "azure:KEY",
        "azure:KEY,output=true",
        "teamcity:env.KEY",
        "template:KEY={{secret}}",
        "command:true\ncontinua:serverVar=KEY",
    ],
)
def test_a_key_is_never_left_in_a_masked_log_alone(
    destination: str, job: GithubStep, ledger: Ledger, key: str
) -> None:
    """This ended with 0 and the old key's end armed; the new key stood in a masked line only."""
    job.give(api_key=key, emit_secret=destination)
    before = ledger.state()
    done = job.run()
    assert done.code == 11, done.log
    [error] = done.commands_named("error")
    assert "in a job of GitHub Actions: stdout is the job's log" in error.data
    assert "github-secret" in error.data
    assert ledger.state() == before
    assert ledger.of(key)["first_used_at_utc"] is None


def test_an_earlier_step_names_no_server(job: GithubStep, key: str) -> None:
    """``~/.signotaur/config.json`` of an earlier step sent the key to any server it named."""
    config = {"signServer": "https://127.0.0.1:9", "allowUntrusted": True}
    (job.home / ".signotaur").mkdir()
    (job.home / ".signotaur" / "config.json").write_text(json.dumps(config))
    job.give(api_key=key, write_key_file=job.temp / "key.txt")

    done = job.run()
    assert done.code == 0, done.log
    assert done.commands_named("warning") == []

    job.give(sign_server="", api_key=(job.temp / "key.txt").read_text().strip())
    done = job.run()
    assert done.code == 10, done.log
    assert "no server is set" in done.commands_named("error")[0].data


def test_a_variable_does_not_switch_a_ca_file_off(
    job: GithubStep, ledger: Ledger, key: str
) -> None:
    """``SIGNOTAUR_ALLOW_UNTRUSTED`` won over the input ``ca-file``, and the key was sent."""
    job.give(api_key=key, write_key_file=job.temp / "key.txt", overlap_days="x")
    before = ledger.state()
    done = job.run({"SIGNOTAUR_ALLOW_UNTRUSTED": "true"})
    assert done.code == 10, done.log
    [error] = done.commands_named("error")
    assert "--allow-untrusted (given by environment) would turn off" in error.data
    assert "--overlap-days" in error.data, "all faults are reported at once"
    assert ledger.state() == before


def test_unknown_key_is_an_error_annotation(job: GithubStep, ledger: Ledger) -> None:
    key = ledger.add()
    ledger.revoke(key)
    job.give(api_key=key, write_key_file=job.temp / "key.txt")
    done = job.run()
    assert done.code == 2
    [error] = done.commands_named("error")
    assert "it was revoked" in error.data
    assert done.outputs == {"rotated": "false"}
    masked_before_shown(done, key)


@pytest.mark.parametrize("name", ["OUTPUT", "ENV", "STEP_SUMMARY"])
@pytest.mark.parametrize("fault", ["missing", "folder"])
def test_runner_file_cannot_be_written(
    name: str, fault: str, job: GithubStep, ledger: Ledger, key: str
) -> None:
    job.files[name].unlink()
    if fault == "folder":
        job.files[name].mkdir()
    job.give(api_key=key, emit_secret="github-env:SIGNING_KEY")
    before = ledger.state()
    done = job.run()
    assert done.code == 11, done.log
    [error] = done.commands_named("error")
    assert "Nothing was sent" in error.data
    assert str(job.files[name]) in error.data or f"GITHUB_{name}" in error.data
    assert job.files[name].exists() == (fault == "folder")  # the runner's files are never made
    assert ledger.state() == before
    assert ledger.of(key)["first_used_at_utc"] is None


def test_the_workspace_is_refused_for_a_key(job: GithubStep, key: str) -> None:
    job.give(api_key=key, write_key_file=job.workspace / "key.txt")
    done = job.run()
    assert done.code == 0, done.said
    [warning] = done.commands_named("warning")  # and none of --api-key: an input is no argument
    assert "workspace" in warning.data


# Names from the server


def test_hostile_name_that_the_server_allows(job: GithubStep, ledger: Ledger) -> None:
    key = ledger.add(HOSTILE_NAME)
    job.give(api_key=key, write_key_file=job.temp / "key.txt", debug="true")
    done = job.run()
    assert done.code == 0, done.said
    _assert_harmless(done)


@pytest.mark.parametrize("text", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
def test_hostile_name_that_a_server_sends(
    text: str, front: Front, front_job: GithubStep, plain_server: KeyServer
) -> None:
    key = Ledger(plain_server).add()
    front.faults.append(_renaming(text))
    front_job.give(api_key=key, write_key_file=front_job.temp / "key.txt", debug="true")
    done = front_job.run()
    assert done.code == 0, done.said
    _assert_harmless(done)
    new = (front_job.temp / "key.txt").read_text().strip()
    masked_before_shown(done, key, new)


def test_hostile_text_in_a_refusal(
    front: Front, front_job: GithubStep, plain_server: KeyServer
) -> None:
    """The holder of a rotation that is open, and a detail that this client does not know."""
    key = Ledger(plain_server).add()
    hostile = "\n::set-output name=rotated::yes\n##[error]x <b> [here](https://evil.example)"
    busy = {"type": "rotation-open", "holder": hostile, "openedAt": "2026-01-01T00:00:00Z"}
    front_job.give(api_key=key, write_key_file=front_job.temp / "key.txt")
    for problem, status, code in (
        (busy, 409, 14),
        ({"type": "internal-error", "detail": hostile}, 400, 1),
        ({"type": hostile}, 400, 1),
    ):
        front.faults[:] = [answering(status, json.dumps(problem).encode(), method="PUT")]
        front_job.files["STEP_SUMMARY"].write_text("")
        done = front_job.run()
        assert done.code == code, done.log
        _assert_harmless(done)
        assert done.outputs == {"rotated": "false"}


def _renaming(text: str) -> Fault:
    """Put a name, an owner and a holder of one's choice into every answer."""

    def fault(exchange: Exchange) -> bool:
        status, headers, body = exchange.forward()
        document = json.loads(body)
        for part in (document, document.get("rotation") or {}):
            for member in ("name", "newKeyName", "owner", "holder"):
                if member in part:
                    part[member] = text
        exchange.answer(status, headers, json.dumps(document).encode())
        return True

    return fault


def _assert_harmless(done: StepResult) -> None:
    assert {command.name for command in done.commands} <= OURS
    assert all(command.syntax == "v2" for command in done.commands)
    assert _outputs_are_ours(done)
    for line in [*read_lines(done.stdout), *read_lines(done.stderr)]:
        assert parse_command(line) is None or line.startswith(tuple(f"::{name}" for name in OURS))
        assert not re.search(r"@@continua\[|##vso\[|##teamcity\[|##\[", line)
        assert line.isprintable(), line
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", line)
    assert not done.stderr.decode().startswith("::")
    _assert_plain_markdown(done.summary)


def _outputs_are_ours(done: StepResult) -> bool:
    known = {"rotated", "key-id", "old-key-id", "expires-at", "overlap-end"}
    known |= {"rotation-id", "confirmed"}
    return set(done.outputs) <= known and done.outputs["rotated"] in {"true", "false"}


def _assert_plain_markdown(summary: str) -> None:
    lines = summary.rstrip("\n").split("\n")
    assert lines[1:4] == ["", "| | |", "| --- | --- |"]
    for line in lines:
        text = line.removeprefix("### ").replace("**Next:**", "").replace("<br>", "")
        if line.startswith("|"):
            assert line.count("|") == 3, line
            text = text.replace("|", "").replace("---", "")
        assert not re.search(r"[<>`*_\[\]!~@#|\\]", re.sub(r"&#?\w+;", "", text)), line
        assert "://" not in text
        assert "www." not in text
    assert sum(line.startswith("#") for line in lines) == 1


# Elsewhere


def test_no_masks_outside_github(client: ClientHarness, key: str) -> None:
    """Where nobody obeys it, the command itself would show the key."""
    done = client.rotate("--af", client.store(key), "--wk", client.folder / "new.txt", "--debug")
    assert done.code == 0, done.said
    assert "add-mask" not in done.said
    assert done.out == ""


def test_no_arguments_outside_github_is_help(client: ClientHarness) -> None:
    done = client.run()
    assert done.code == 0
    assert "Usage: signotaur-action" in done.out
