"""rotate-key against the real server: every documented option does what its page says."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest

from e2e.client_harness import ClientHarness, assert_explained, days_from_now, near
from signotaur_action.options.commands import OPTIONS
from signotaur_wire.version import VERSION
from support.clock import VirtualClock
from support.front import Front, answering, lost_answer, times
from support.in_process import run_here
from support.keyserver import KeyServer
from support.options import options_of

KEY = re.compile(r"sig_[0-9A-Za-z]{15}_[0-9A-Za-z]{49}")

# The command lines of the documentation's section "Examples", as they stand there.
EXAMPLES = {
    "basic": 'SignotaurTool.exe rotate-key --api-key "current-key" '
    "-s https://signotaur.example.com",
    "update key file": r"SignotaurTool.exe rotate-key "
    r"--api-key-file %USERPROFILE%\.signotaur\api_key.txt -s https://signotaur.example.com "
    r"--write-key-file %USERPROFILE%\.signotaur\api_key.txt",
    "custom overlap": r"SignotaurTool.exe rotate-key "
    r"--api-key-file %USERPROFILE%\.signotaur\api_key.txt -s https://signotaur.example.com "
    r"--overlap-days 14 --write-key-file %USERPROFILE%\.signotaur\api_key.txt",
    "no auto-revocation": r"SignotaurTool.exe rotate-key "
    r"--api-key-file %USERPROFILE%\.signotaur\api_key.txt -s https://signotaur.example.com "
    r"--no-auto-revoke --write-key-file %USERPROFILE%\.signotaur\api_key.txt",
    "continua": r"SignotaurTool.exe rotate-key "
    r"--api-key-file %USERPROFILE%\.signotaur\api_key.txt -s https://signotaur.example.com "
    r'--emit-secret "continua:serverVar=SignotaurApiKey"',
    "dotenv": r"SignotaurTool.exe rotate-key "
    r"--api-key-file %USERPROFILE%\.signotaur\api_key.txt -s https://signotaur.example.com "
    r"--write-env-file .env",
    "template": r"SignotaurTool.exe rotate-key "
    r"--api-key-file %USERPROFILE%\.signotaur\api_key.txt -s https://signotaur.example.com "
    r'--emit-secret "template:SIGNOTAUR_API_KEY={{secret}}"',
}
DOCUMENTED = {
    "api-key": "-a",
    "api-key-file": "--af",
    "api-key-name": "--akn",
    "sign-server": "-s",
    "overlap-days": "-o",
    "no-auto-revoke": "--nar",
    "write-key-file": "--wk",
    "write-env-file": "--we",
    "write-env-var-name": "--wn",
    "emit-secret": "-e",
    "allow-untrusted": "--au",
}


# The documentation's examples


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_documented_example(example: str, client: ClientHarness, key: str) -> None:
    stored = client.home / ".signotaur" / "api_key.txt"
    stored.parent.mkdir()
    stored.write_text(key)
    line = (
        EXAMPLES[example]
        .replace(r"%USERPROFILE%\.signotaur\api_key.txt", str(stored))
        .replace("https://signotaur.example.com", client.server.url)
        .replace("current-key", key)
    )
    done = client.run(*shlex.split(line)[1:], env={"SIGNOTAUR_CA_FILE": str(client.server.ca_file)})

    assert done.code == 0, done.said
    [new] = KEY.findall(
        (stored.read_text() if "write-key-file" in line else done.out)
        if "write-env-file" not in line
        else (client.cwd / ".env").read_text()
    )
    expected = {
        "basic": f"{new}\n",
        "continua": f"@@continua[setServerVariable name='SignotaurApiKey' value='{new}']\n",
        "template": f"SIGNOTAUR_API_KEY={new}\n",
    }
    assert done.out == expected.get(example, "")
    if example == "dotenv":
        assert (client.cwd / ".env").read_text() == f"SIGNOTAUR_API_KEY={new}\n"
    if "write-key-file" in line:
        assert stored.read_text() == f"{new}\n"
    else:
        assert stored.read_text() == key
    assert client.server.accepts(key)
    assert client.server.accepts(new)
    revoked = client.ledger.of(key)["revoke_due_utc"]
    days = {"custom overlap": 14, "no auto-revocation": None}.get(example, 7)
    assert revoked is None if days is None else near(revoked, days_from_now(days))


# Options, long and short


def test_short_forms_are_the_documented_ones() -> None:
    assert {name: OPTIONS[name].short for name in DOCUMENTED} == {
        name: (short,) for name, short in DOCUMENTED.items()
    }


def test_help_lists_every_option(client: ClientHarness) -> None:
    done = client.run("rotate-key", "--help")
    assert done.code == 0
    declared = options_of("rotate-key")
    assert len(declared) > len(DOCUMENTED)
    for option in declared:
        assert f"{', '.join((*option.short, f'--{option.name}'))} " in done.out
    assert "rotate-key" in client.run("--help").out


def test_version(client: ClientHarness) -> None:
    done = client.run("--version")
    assert (done.code, done.out, done.err) == (0, f"signotaur-action {VERSION}\n", "")


@pytest.mark.parametrize(("flag", "server_flag"), [("-a", "--sign-server"), ("--api-key", "-s")])
def test_key_and_server_by_option(
    flag: str, server_flag: str, client: ClientHarness, key: str
) -> None:
    ca = str(client.server.ca_file)
    done = client.run("rotate-key", flag, key, server_flag, client.server.url, "--ca-file", ca)
    assert done.code == 0, done.said
    assert client.server.accepts(done.out.strip())
    assert "process lists" in done.err


@pytest.mark.parametrize("flag", ["--af", "--api-key-file"])
def test_key_by_file(flag: str, client: ClientHarness, key: str) -> None:
    done = client.rotate(flag, client.store(key))
    assert done.code == 0, done.said
    assert client.server.accepts(done.out.strip())
    assert client.key_file.read_text() == f"{key}\n"


@pytest.mark.parametrize("flag", [None, "--akn", "--api-key-name"])
def test_key_by_dotenv_file(flag: str | None, client: ClientHarness, key: str) -> None:
    name = "SIGNING_KEY" if flag else "SIGNOTAUR_API_KEY"
    file = client.folder / "keys.env"
    file.write_text(f"# keys\nOTHER=x\nexport {name}='{key}'\n")
    done = client.rotate("--af", file, *([flag, name] if flag else []))
    assert done.code == 0, done.said
    assert client.server.accepts(done.out.strip())


@pytest.mark.parametrize("flag", [None, "--akn", "--api-key-name"])
def test_key_by_variable(flag: str | None, client: ClientHarness, key: str) -> None:
    name = "SIGNING_KEY" if flag else "SIGNOTAUR_API_KEY"
    decoy = {"SIGNOTAUR_API_KEY": "x" * 30} if flag else {}
    done = client.rotate(*([flag, name] if flag else []), env=decoy | {name: key})
    assert done.code == 0, done.said
    assert client.server.accepts(done.out.strip())


def test_option_wins_over_variable(client: ClientHarness, key: str) -> None:
    done = client.rotate("--af", client.store(key), env={"SIGNOTAUR_API_KEY": "not-the-key-in-use"})
    assert done.code == 0, done.said


def test_server_by_variable(client: ClientHarness, key: str) -> None:
    env = {
        "SIGNOTAUR_SERVER": client.server.url,
        "SIGNOTAUR_CA_FILE": str(client.server.ca_file),
        "SIGNOTAUR_API_KEY": key,
    }
    assert client.run("rotate-key", env=env).code == 0


def test_server_by_configuration_file(client: ClientHarness, key: str) -> None:
    folder = client.home / ".signotaur"
    folder.mkdir()
    config = {"signServer": client.server.url, "allowUntrusted": True, "label": "production"}
    (folder / "config.json").write_text(json.dumps(config))
    done = client.run("rotate-key", env={"SIGNOTAUR_API_KEY": key})
    assert done.code == 0, done.said
    assert "certificate is not checked" in done.err


def test_server_precedence(client: ClientHarness, key: str) -> None:
    """Command line over variable over configuration file."""
    folder = client.home / ".signotaur"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"signServer": "https://192.0.2.1"}))
    env = {
        "SIGNOTAUR_API_KEY": key,
        "SIGNOTAUR_CA_FILE": str(client.server.ca_file),
        "SIGNOTAUR_SERVER": client.server.url,
    }
    dry = client.run("rotate-key", "--dry-run", env=env)
    assert dry.code == 0, dry.said
    wrong = env | {"SIGNOTAUR_SERVER": "https://192.0.2.2"}
    done = client.run("rotate-key", "-s", client.server.url, env=wrong)
    assert done.code == 0, done.said


def test_key_is_never_taken_from_configuration_file(client: ClientHarness, key: str) -> None:
    folder = client.home / ".signotaur"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"apiKey": key, "SIGNOTAUR_API_KEY": key}))
    assert_explained(client.rotate(), 10, "no API key")
    assert client.ledger.successors(key) == []


# Overlap and revocation


@pytest.mark.parametrize(
    ("arguments", "days"),
    [([], 7), (["-o", "0"], 0), (["--overlap-days", "30"], 30), (["-o", "1"], 1)],
)
def test_overlap(arguments: list[str], days: int, client: ClientHarness, key: str) -> None:
    done = client.rotate("--af", client.store(key), *arguments)
    assert done.code == 0, done.said
    new = done.out.strip()
    old_row, new_row = client.ledger.of(key), client.ledger.of(new)
    assert near(old_row["revoke_due_utc"], days_from_now(days))
    assert new_row["auto_revoke_old_key_utc"] == old_row["revoke_due_utc"]
    assert client.server.accepts(new)
    assert client.server.accepts(key) == (days > 0)


def test_key_list_says_when_the_old_key_ends(own_server: KeyServer, tmp_path: Path) -> None:
    """Before, a key in its overlap read "revoked", and one that was revoked at once "revoked -"."""
    client = ClientHarness(own_server, tmp_path)
    assert client.rotate("--af", client.store(client.ledger.add())).code == 0
    in_overlap, successor = own_server.command("key", "list").splitlines()
    assert re.search(r" active +expires \S+ +ends +20\S+ +from -", in_overlap)
    assert re.search(r" active +expires \S+ +ends +- +from 1", successor)
    own_server.command("key", "revoke", "2")
    *_, revoked = own_server.command("key", "list").splitlines()
    assert re.search(r" revoked +expires \S+ +revoked +20\S+ +from 1", revoked)


def test_no_auto_revoke(own_server: KeyServer, tmp_path: Path) -> None:
    client = ClientHarness(own_server, tmp_path)
    key = client.ledger.add()
    done = client.rotate("--af", client.store(key), "--nar", "-o", "1")
    assert done.code == 0, done.said
    assert "Old key: 1, valid until somebody revokes it" in done.err
    row = client.ledger.of(done.out.strip())
    assert row["rotated_from_key_id"] == client.ledger.id_of(key)
    assert row["auto_revoke_old_key_utc"] is None
    own_server.look_past("40d")
    assert own_server.accepts(key)
    own_server.command("key", "revoke", str(client.ledger.id_of(key)))
    assert not own_server.accepts(key)


def test_lineage_name_and_lifetime(client: ClientHarness, fresh_name: str) -> None:
    key = client.ledger.add(fresh_name, days=41)
    done = client.rotate("--af", client.store(key))
    old, new = client.ledger.of(key), client.ledger.of(done.out.strip())
    assert new["rotated_from_key_id"] == old["id"]
    assert near(new["rotation_timestamp_utc"], days_from_now(0))
    assert near(new["auto_revoke_old_key_utc"], days_from_now(7))
    assert new["name"] == old["name"] == fresh_name
    assert new["owner_id"] == old["owner_id"]
    assert near(new["expires_at_utc"], days_from_now(41))
    assert old["rotated_from_key_id"] is None


def test_key_without_end_stays_without_end(client: ClientHarness, fresh_name: str) -> None:
    key = client.ledger.add(fresh_name, days=None)
    done = client.rotate("--af", client.store(key), "-e", "template:{{expiry}}|{{secret}}")
    assert done.code == 0, done.said
    assert done.out.startswith("|sig_")
    assert client.ledger.of(done.out.strip()[1:])["expires_at_utc"] is None
    assert "New key expires: never" in done.err


def test_new_key_can_be_rotated_in_turn(client: ClientHarness, key: str) -> None:
    client.store(key)
    for _ in range(2):
        done = client.rotate("--af", client.key_file, "--wk", client.key_file)
        assert done.code == 0, done.said
    [second] = client.ledger.successors(key)
    third = client.key_file.read_text().strip()
    assert client.ledger.of(third)["rotated_from_key_id"] == second["id"]
    assert client.server.accepts(third)


def test_old_key_after_the_overlap(own_server: KeyServer, tmp_path: Path) -> None:
    client = ClientHarness(own_server, tmp_path)
    key = client.ledger.add()
    client.store(key)
    assert client.rotate("--af", client.key_file, "--wk", client.key_file).code == 0
    new = client.key_file.read_text().strip()

    own_server.look_past("6d")
    assert own_server.accepts(key)
    assert own_server.accepts(new)

    own_server.look_past("8d")
    assert not own_server.accepts(key)
    assert own_server.ask_self(key).json()["type"] == "key-revoked"
    assert own_server.accepts(new)
    assert client.ledger.of(key)["revoked_at_utc"] is not None
    assert client.ledger.events(key)[-1]["type"] in {"key-revoked", "request-refused"}
    assert [e["type"] for e in client.ledger.events(key)].count("key-revoked") == 1


def test_deadline_counts_before_the_sweep(own_server: KeyServer, tmp_path: Path) -> None:
    """The sweep runs hourly; it only makes permanent what the deadline already enforces."""
    client = ClientHarness(own_server, tmp_path)
    key = client.ledger.add()
    assert client.rotate("--af", client.store(key)).code == 0
    past = "update keys set revoke_due_utc = datetime('now', '-1 second') where id = ?"
    client.ledger.write(past, client.ledger.id_of(key))

    assert not own_server.accepts(key)
    assert client.ledger.of(key)["revoked_at_utc"] is None
    assert "key-revoked" not in [event["type"] for event in client.ledger.events(key)]

    swept = json.loads(own_server.command("sweep", "--json"))
    assert swept["revokedKeyIds"] == [client.ledger.id_of(key)]
    assert client.ledger.of(key)["revoked_at_utc"] is not None
    assert "key-revoked" in [event["type"] for event in client.ledger.events(key)]
    assert not own_server.accepts(key)


def test_role_by_its_other_name(client: ClientHarness, fresh_name: str) -> None:
    """The documentation calls the role ApiKeyRotation as well."""
    client.ledger.add_user(fresh_name, "ApiKeyRotation")
    key = client.ledger.add(fresh_name, user=fresh_name)
    assert client.rotate("--af", client.store(key)).code == 0


# Destinations


@pytest.mark.parametrize("flag", ["--wk", "--write-key-file"])
def test_write_key_file(flag: str, client: ClientHarness, key: str) -> None:
    file = client.folder / "new.txt"
    done = client.rotate("--af", client.store(key), flag, file)
    assert (done.code, done.out) == (0, ""), done.said
    assert re.fullmatch(KEY.pattern + "\n", file.read_text())
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in client.folder.iterdir()) == [
        "cwd",
        "home",
        "key.txt",
        "new.txt",
    ]


@pytest.mark.parametrize(
    ("flag", "name_flag"),
    [("--we", None), ("--write-env-file", "--wn"), ("--we", "--write-env-var-name")],
)
def test_write_env_file(flag: str, name_flag: str | None, client: ClientHarness, key: str) -> None:
    name = "SIGNING_KEY" if name_flag else "SIGNOTAUR_API_KEY"
    file = client.folder / "build.env"
    before, after = "# ours\r\nA='1 # no'\n", "export B=${A}\n"
    file.write_bytes(f"{before}{name}=old # note\n{after}".encode())
    done = client.rotate(
        "--af", client.store(key), flag, file, *([name_flag, name] if name_flag else [])
    )
    assert (done.code, done.out) == (0, ""), done.said
    text = file.read_bytes().decode()
    [new] = KEY.findall(text)
    assert text == f"{before}{name}={new} # note\n{after}"
    assert client.server.accepts(new)


@pytest.mark.undisturbed
@pytest.mark.parametrize(
    ("flag", "sink", "text"),
    [
        ("-e", "continua:serverVar=A.b", "@@continua[setServerVariable name='A.b' value='KEY']"),
        (
            "--emit-secret",
            "continua:buildVar=B",
            "@@continua[setBuildVariable name='B' value='KEY']",
        ),
        (
            "--emit-secret",
            "template:export SIGNOTAUR_API_KEY={{secret}}",
            "export SIGNOTAUR_API_KEY=KEY",
        ),
    ],
)
def test_emit_secret(flag: str, sink: str, text: str, client: ClientHarness, key: str) -> None:
    done = client.rotate("--af", client.store(key), flag, sink)
    assert done.code == 0, done.said
    [new] = KEY.findall(done.out)
    assert done.out.replace(new, "KEY") == f"{text}\n"
    assert client.server.accepts(new)


def test_template_variables(client: ClientHarness, fresh_name: str) -> None:
    key = client.ledger.add(fresh_name)
    variables = {
        "id": "keyId",
        "expires": "expiry",
        "end": "overlapEnd",
        "of": "name",
        "k": "secret",
    }
    template = json.dumps({member: f"{{{{{name}}}}}" for member, name in variables.items()})
    done = client.rotate("--af", client.store(key), "-e", f"template:{template}")
    assert done.code == 0, done.said
    told = done.json
    row = client.ledger.of(told["k"])
    assert told["id"] == str(row["id"])
    assert told["of"] == fresh_name
    iso = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    assert iso.fullmatch(told["expires"])
    assert iso.fullmatch(told["end"])
    assert near(told["expires"], days_from_now(90))
    assert near(told["end"], days_from_now(7))


def test_template_expands_once(client: ClientHarness, fresh_name: str) -> None:
    """A key's name that looks like a variable stays what it is."""
    key = client.ledger.add(fresh_name + "{{secret}}")
    done = client.rotate("--af", client.store(key), "-e", "template:{{name}}={{secret}}")
    assert done.out.startswith(fresh_name + "{{secret}}=sig_")


@pytest.mark.undisturbed
def test_several_emitted_secrets(client: ClientHarness, key: str) -> None:
    sinks = ["continua:serverVar=A", "continua:buildVar=B", "template:C={{secret}}"]
    done = client.rotate(
        "--af", client.store(key), *[part for sink in sinks for part in ("-e", sink)]
    )
    assert done.code == 0, done.said
    assert len(done.out.splitlines()) == 3
    assert len(set(KEY.findall(done.out))) == 1


# Machine-readable


def test_json_with_a_destination_has_no_key(client: ClientHarness, key: str) -> None:
    file = client.folder / "new.txt"
    done = client.rotate("--af", client.store(key), "--wk", file, "--json")
    assert done.code == 0, done.said
    new = client.ledger.of(file.read_text().strip())
    told = done.json
    assert "apiKey" not in told
    assert not KEY.search(done.said)
    assert told["rotated"] is True
    assert told["keyId"] == new["id"]
    assert told["oldKeyId"] == new["rotated_from_key_id"]
    assert told["name"] == new["name"]
    assert told["autoRevoke"] is True
    assert told["destinations"] == [f"key file {file}"]
    assert near(told["expiresAt"], days_from_now(90))
    assert near(told["overlapEnd"], days_from_now(7))


def test_json_without_a_destination_has_the_key(client: ClientHarness, key: str) -> None:
    done = client.rotate("--af", client.store(key), "--json")
    assert done.code == 0, done.said
    assert client.ledger.of(done.json["apiKey"])["id"] == done.json["keyId"]
    assert len(done.out.splitlines()) == 1


def test_json_failure(client: ClientHarness, key: str) -> None:
    done = client.rotate("--af", client.store(key), "--json", "-o", "31")
    assert done.code == 3
    assert done.json["rotated"] is False
    assert done.json["exitCode"] == 3
    assert done.json["error"] == "invalid-overlap"
    assert all(done.json[part] for part in ("what", "keys", "next"))


# Whether, and again


def test_dry_run_changes_nothing(client: ClientHarness, key: str) -> None:
    client.store(key)
    before, files = client.ledger.state(), _tree(client.folder)
    done = client.rotate("--af", client.key_file, "--wk", client.key_file, "--dry-run", "--json")
    assert done.code == 0, done.said
    assert done.json["wouldRotate"] is True
    assert done.json["rotated"] is False
    assert "Nothing was changed" in done.err
    assert client.ledger.state() == before
    assert _tree(client.folder) == files


@pytest.mark.parametrize(
    ("days", "window", "due"),
    [(30, "31d", True), (30, "29d", False), (1, "48h", True), (None, "30d", False)],
)
def test_if_expiring_within(
    days: float | None,
    window: str,
    due: bool,  # noqa: FBT001 - the expected outcome
    client: ClientHarness,
    fresh_name: str,
) -> None:
    key = client.ledger.add(fresh_name, days=days)
    done = client.rotate("--af", client.store(key), "--if-expiring-within", window, "--json")
    assert done.code == 0, done.said
    assert done.json["rotated"] is due
    assert len(client.ledger.successors(key)) == due
    assert ("Not due" in done.err) is not due


def test_rotated_key_that_retires_soon_is_due_but_not_rotated_twice(
    client: ClientHarness, key: str
) -> None:
    assert client.rotate("--af", client.store(key)).code == 0
    done = client.rotate("--af", client.key_file, "--if-expiring-within", "14d")
    assert_explained(done, 15, "already rotated")


def test_again(client: ClientHarness, key: str) -> None:
    client.store(key)
    lost = client.rotate("--af", client.key_file).out.strip()
    refused = client.rotate("--af", client.key_file)
    assert_explained(refused, 15, f"Its successor is key {client.ledger.id_of(lost)}", "--again")
    assert len(client.ledger.successors(key)) == 1

    assert client.ledger.of(lost)["in_use_since_utc"] is None, "the client used it after confirming"
    done = client.rotate("--af", client.key_file, "--again")
    assert done.code == 0, done.said
    assert client.server.accepts(done.out.strip())
    assert near(client.ledger.of(lost)["revoke_due_utc"], days_from_now(7))
    told = client.ledger.events(lost)[-1]
    assert (told["level"], told["type"]) == ("Security", "key-retiring")
    assert client.server.accepts(lost)


def test_again_after_a_lost_answer_to_the_confirmation(
    front: Front, tmp_path: Path, plain_server: KeyServer
) -> None:
    """The repeated confirmation is no use of the new key, so a lost key stays replaceable."""
    client = ClientHarness(plain_server, tmp_path)
    command: tuple[str | Path, ...] = ("rotate-key", *front.options)
    command += ("--af", client.store(client.ledger.add()))
    front.faults.append(times(1, lost_answer("PUT", "confirmation")))
    assert client.run(*command).code == 0
    assert len(front.calls("PUT", "confirmation")) == 2
    assert client.run(*command, "--again").code == 0


def test_again_is_refused_once_the_new_key_is_in_use(client: ClientHarness, key: str) -> None:
    """A job in which SIGNOTAUR_AGAIN was forgotten, and a thief of the old key, change nothing.

    Before: exit 0, a third key, and the one that builds use was to die.
    """
    file = client.folder / "new.txt"
    client.store(key)
    assert client.rotate("--af", client.key_file, "--wk", file).code == 0
    new = file.read_text()
    build = client.run(
        "guard", *client.server.options, "--af", file, "--fail-if-expiring-within", "7d"
    )
    assert build.code == 0, build.said
    before = client.ledger.state()

    for overlap in ("7", "0"):
        done = client.rotate(
            "--af", client.key_file, "--wk", file, "-o", overlap, env={"SIGNOTAUR_AGAIN": "true"}
        )
        assert_explained(
            done,
            15,
            "in use since",
            "--again cannot replace it",
            "the key that you gave works until its overlap ends",
            f"signotaur-keyserver key revoke {client.ledger.id_of(new.strip())}",
        )
    assert file.read_text() == new
    assert client.ledger.state() == before
    assert [path.name for path in client.folder.glob(".*.rotation")] == []


def test_an_administrator_revokes_the_new_key_and_again_works(
    client: ClientHarness, key: str
) -> None:
    file = client.folder / "new.txt"
    client.store(key)
    assert client.rotate("--af", client.key_file, "--wk", file).code == 0
    lost = file.read_text().strip()
    assert client.server.accepts(lost)
    client.ledger.revoke(lost)
    done = client.rotate("--af", client.key_file, "--wk", file, "--again")
    assert done.code == 0, done.said
    assert client.server.accepts(file.read_text().strip())


def test_again_where_nothing_was_rotated_is_an_ordinary_rotation(
    client: ClientHarness, key: str
) -> None:
    done = client.rotate("--af", client.store(key), "--again")
    assert done.code == 0, done.said
    new = client.ledger.of(done.out.strip())
    assert near(new["expires_at_utc"], days_from_now(90))
    levels = {event["level"] for event in client.ledger.events(done.out.strip())}
    assert levels == {"Information"}


# The rest


@pytest.mark.parametrize("flag", ["--au", "--allow-untrusted"])
def test_allow_untrusted_warns_every_time(flag: str, client: ClientHarness, key: str) -> None:
    client.store(key)
    for _ in range(2):
        done = client.run(
            "rotate-key",
            "-s",
            client.server.url,
            flag,
            "--af",
            client.key_file,
            "--wk",
            client.key_file,
        )
        assert done.code == 0, done.said
        assert "Warning: --allow-untrusted" in done.err


def test_timeout(front: Front, tmp_path: Path, plain_server: KeyServer) -> None:
    client = ClientHarness(plain_server, tmp_path)
    key = client.ledger.add()
    front.faults.append(answering(503))
    clock, env = VirtualClock(frozen=True), {"HOME": str(client.home)}
    key_file = client.store(key)
    command = ("rotate-key", *front.options, "--timeout", "5s", "--af")
    done = run_here(*command, key_file, env=env, clock=clock)
    assert 1 < sum(clock.slept) <= 5
    assert_explained(done, 1, "answered 503", "--timeout", "still works")


def test_state_dir_and_finishing(front: Front, tmp_path: Path, plain_server: KeyServer) -> None:
    """A run that could not confirm leaves its journal there; the same command finishes."""
    client = ClientHarness(plain_server, tmp_path)
    key = client.ledger.add()
    state, file = tmp_path / "state", tmp_path / "new.txt"
    command: tuple[str | Path, ...] = (
        "rotate-key",
        *front.options,
        "--af",
        client.store(key),
        "--wk",
        file,
    )
    command += ("--state-dir", state)
    front.faults.append(answering(400, part="confirmation"))
    done = client.run(*command)
    assert done.code == 12, done.said
    assert "in the journal until this rotation is finished" in done.err
    assert "Next: Run the same command again" in done.err
    [journal] = state.iterdir()
    assert journal.stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700
    first = file.read_text()
    assert client.ledger.of(key)["revoke_due_utc"] is None

    front.faults.clear()
    finished = client.run(*command)
    assert finished.code == 0, finished.said
    assert file.read_text() == first
    assert len(client.ledger.successors(key)) == 1
    assert near(client.ledger.of(key)["revoke_due_utc"], days_from_now(7))
    assert list(state.iterdir()) == []


def test_follow_symlinks(client: ClientHarness, key: str) -> None:
    real, link = client.folder / "real.txt", client.folder / "link.txt"
    link.symlink_to(real)
    done = client.rotate("--af", client.store(key), "--wk", link, "--follow-symlinks")
    assert done.code == 0, done.said
    assert link.is_symlink()
    assert client.server.accepts(real.read_text().strip())


def test_debug_says_more_and_no_key(client: ClientHarness, key: str) -> None:
    file = client.folder / "new.txt"
    quiet = client.rotate("--af", client.folder / "missing", "--wk", file)
    loud = client.rotate("--af", client.folder / "missing", "--wk", file, "--debug")
    assert "debug:" not in quiet.err
    assert "debug:" in loud.err
    assert key not in loud.said


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
        if "keyserver" not in os.fspath(path)
    }
