"""No store, no program and no failure of one brings a byte of a key to where none belongs.

Every kind of destination that talks to somebody stands in one run. The stores repeat what they
were sent in their refusals, and the program shows its input in many forms.
"""

import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from e2e.client_harness import ClientHarness
from e2e.github_step import GithubStep
from rotation.stores import Command, File, Store
from support.front import Exchange, Front
from support.key_encodings import files_below, leaks
from support.keyserver import KeyServer
from support.providers.amazon_place import AwsParameterHarness, AwsSecretHarness
from support.providers.azure_devops import AzureDevopsHarness
from support.providers.azure_place import AzureKeyVaultHarness
from support.providers.bitbucket import BitbucketHarness
from support.providers.circleci import CircleciHarness
from support.providers.exchange import Call, Reply
from support.providers.gitea import GiteaHarness
from support.providers.github_place import REPOSITORY, GithubHarness
from support.providers.google_place import GcpSecretHarness
from support.providers.jenkins import JenkinsHarness
from support.providers.kubernetes_place import KubernetesHarness
from support.providers.stores import BuildkiteHarness, GitlabHarness, StoreHarness, VaultHarness
from support.providers.teamcity import TeamcityHarness

PRINTED = ("azure:KEY", "azure:KEY,output=true", "teamcity:env.KEY")
SHOWN = (
    "import base64, sys; key = sys.stdin.read(); raw = key.encode();"
    "print(key, key[::-1], raw.hex(), raw.hex(':'), base64.b64encode(b'x' + raw).decode(),"
    "key.upper(), key[30:], raw.decode('utf-16-le', 'replace'), sep='\\n'); sys.exit(1)"
)
"""A program that fails and shows what it was given."""


@dataclass
class Told:
    """How a run ended and what it said, where anybody could read it."""

    code: int
    places: dict[str, bytes]
    printed: str
    """What was asked for on stdout, among the rest of it."""


@dataclass
class LeakHarness:
    """All destinations at once, with canaries."""

    client: ClientHarness
    front: Front
    old: str
    stores: list[Store]
    program: Command
    file: File
    allowed: set[Path] = field(default_factory=set)

    @property
    def everything(self) -> list[Any]:
        return [*self.stores, self.program, self.file]

    @property
    def environ(self) -> dict[str, str]:
        return {name: value for each in self.stores for name, value in each.environ.items()}

    @property
    def emits(self) -> list[str]:
        dotenv = self.client.folder / "new.env"
        self.allowed.add(dotenv)
        return [*(each.text for each in self.everything), f"env-file:{dotenv}#KEY"]

    @property
    def keys(self) -> list[str]:
        """Every key that was seen in use, the old one first."""
        sent = [each.headers["Authorization"] for each in self.front.requests]
        return list(dict.fromkeys([self.old, *(line.removeprefix("Bearer ") for line in sent)]))

    def leaks(self, told: Told) -> list[str]:
        """Tell where a key or a token stands that has no business there."""
        places = files_below(self.client.folder)
        for path in [*self.allowed, *(self.client.folder / "state").glob("*.rotation")]:
            places.pop(str(path), None)
        places |= told.places
        found = [leak for key in self.keys for leak in leaks(key, places)]
        # The job's own variables, which the program may need: not what only this command got.
        places.pop(str(self.client.folder / "environ"), None)
        tokens = [
            text.encode()
            for each in self.stores
            for text in (each.place.token, each.place.header_token)
        ]
        return found + [name for name, text in places.items() if any(map(text.count, tokens))]

    def sent_astray(self) -> list[str]:
        """Tell which requests to stores hold a key where none belongs."""
        found = []
        for store in self.stores:
            for each in store.place.server.requests:
                places = {f"{each.method} {each.path}": f"{each.path} {each.headers}".encode()}
                written = each.method in ("PUT", "POST", "PATCH") and not isinstance(
                    store.place, GithubHarness
                )
                if not written:
                    places["body"] = each.body
                found += [leak for key in self.keys for leak in leaks(key, places)]
                found += leaks(self.old, {"body": each.body})
        return found


@pytest.fixture
def harness(front: Front, plain_server: KeyServer, tmp_path: Path) -> Iterator[LeakHarness]:
    client = ClientHarness(plain_server, tmp_path)
    places: list[StoreHarness[Any]] = [
        *(
            make(new=True)
            for make in (GithubHarness, GitlabHarness, VaultHarness, BuildkiteHarness)
        ),
        AwsSecretHarness(new=True, field="KEY"),
        AwsParameterHarness(new=True),
        AzureKeyVaultHarness(new=True),
        KubernetesHarness(new=True),
        GcpSecretHarness(new=True),
        GiteaHarness(new=True),
        AzureDevopsHarness(new=True),
        BitbucketHarness(new=True),
        CircleciHarness(new=True),
        TeamcityHarness(new=True),
        JenkinsHarness(new=True),
    ]
    before = "what-stood-there-before"
    with ExitStack() as stack:
        stores = [stack.enter_context(Store(each, before)) for each in places]
        program, file = Command(tmp_path, before), File(tmp_path, before)
        dump = shlex.quote(str(tmp_path / "environ"))
        program.become("true", first=f"tr '\\0' '\\n' </proc/self/environ >{dump}")
        yield LeakHarness(
            client, front, client.ledger.add(), stores, program, file, {file.file, program.kept}
        )


# How it is run, and what there is to be seen


def _by_hand(*flags: str) -> Callable[[LeakHarness], Told]:
    def run(harness: LeakHarness) -> Told:
        emits = [*harness.emits, *(PRINTED if "--json" not in flags else ())]
        done = harness.client.run(
            *("rotate-key", *harness.front.options, *flags),
            *("--state-dir", harness.client.folder / "state"),
            *(part for each in emits for part in ("-e", each)),
            env={**harness.environ, "SIGNOTAUR_API_KEY": harness.old},
        )
        asked = [line for line in done.out.splitlines() if line.startswith("##")]
        rest = [line for line in done.out.splitlines() if line not in asked]
        places = {"stderr": done.err.encode(), "stdout": "\n".join(rest).encode()}
        return Told(done.code, places, "\n".join(asked))

    return run


def _in_a_job(harness: LeakHarness) -> Told:
    folder = harness.client.folder / "4711"
    folder.mkdir()
    job = GithubStep(folder)
    harness.allowed |= {job.stdout_file, job.temp / "step.err"}  # the runner masks these
    tokens = {name: value for name, value in harness.environ.items() if name != "GH_TOKEN"}
    job.env |= {
        **tokens,
        "GITHUB_REPOSITORY": REPOSITORY,
        "RUNNER_DEBUG": "1",
        "ACTIONS_STEP_DEBUG": "1",
    }
    job.give(
        command="rotate-key",
        api_key=harness.old,
        sign_server=harness.front.url,
        emit_secret="\n".join(harness.emits),
        github_token=harness.environ["GH_TOKEN"],
        state_dir=harness.client.folder / "state",
    )
    done = job.run()
    if (folder.parent / "environ").exists():
        given = (folder.parent / "environ").read_text()
        assert "INPUT_SIGN-SERVER=" in given
        assert harness.environ["GH_TOKEN"] not in given  # an input, not a variable of the job
    log = done.log + done.summary
    return Told(done.code, {"log": log.encode(), "outputs": done.output_file}, "")


WAYS = {
    "plain": _by_hand(),
    "debug": _by_hand("--debug"),
    "json": _by_hand("--json"),
    "job": _in_a_job,
}


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def run(request: pytest.FixtureRequest) -> Callable[[LeakHarness], Told]:
    way: Callable[[LeakHarness], Told] = request.param
    return way


# What goes wrong


def _echo(call: Call) -> Reply:
    text = f"denied: {call.headers} {call.body.decode()}"
    return Reply(403, {"message": text, "errors": [text], "error": text}, {"X-Said": text[:99]})


def _repeat_what_is_sent(harness: LeakHarness, *, from_write: bool) -> None:
    for store in harness.stores:
        store.place.server.faults.append(_echoing(from_write=from_write))


def _action(call: Call) -> str:
    """Return the action that a call to Amazon names: all are POST to /."""
    return call.headers.get("x-amz-target", "")


def _echoing(*, from_write: bool) -> Callable[[Call], Reply | None]:
    """Repeat what is sent, from the first write on or behind it."""
    written = False

    def fault(call: Call) -> Reply | None:
        nonlocal written
        is_read = re.search(
            "capabilities|accessreviews|testIam|oauth2|[.](Describe|Get)",
            f"{call.path} {_action(call)}",
        )
        is_write = call.method in ("PUT", "POST", "PATCH") and not is_read
        echoes = (from_write and is_write) or written
        written = written or is_write
        return _echo(call) if echoes else None

    return fault


def _when_open(harness: LeakHarness, act: Callable[[], object]) -> None:
    left = [act]

    def fault(exchange: Exchange) -> bool:
        if exchange.method == "PUT" and left:
            left.pop()()
        return False

    harness.front.faults.append(fault)


def _nothing(_: LeakHarness) -> None:
    pass


def _refused(harness: LeakHarness) -> None:
    for each in harness.everything:
        each.refuse()


def _not_taken(harness: LeakHarness) -> None:
    _repeat_what_is_sent(harness, from_write=True)
    program = f"{shlex.quote(sys.executable)} -ISc {shlex.quote(SHOWN)}"
    harness.program.become("true", first=program)
    _when_open(harness, harness.file.fail)


def _not_proved(harness: LeakHarness) -> None:
    _repeat_what_is_sent(harness, from_write=False)


OUTCOMES: dict[str, tuple[Callable[[LeakHarness], None], int]] = {
    "success": (_nothing, 0),
    "refused": (_refused, 11),
    "not taken": (_not_taken, 12),
    "not proved": (_not_proved, 12),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_no_key_is_where_none_belongs(
    harness: LeakHarness, run: Callable[[LeakHarness], Told], outcome: str
) -> None:
    prepare, code = OUTCOMES[outcome]
    prepare(harness)
    told = run(harness)
    assert told.code == code, told.places
    assert len(harness.keys) == (1 if outcome == "refused" else 2)
    assert harness.leaks(told) == []
    assert harness.sent_astray() == []
    if outcome == "success":
        assert {each.held() for each in harness.everything} == {harness.keys[1]}
        assert told.printed.count(harness.keys[1]) == len(told.printed.splitlines())
    if outcome == "not taken":
        said = "".join(text.decode() for text in told.places.values())
        assert "its output is not shown, because it contains parts of the key" in said


def test_the_search_sees_a_key_that_is_sent_in_clear(harness: LeakHarness) -> None:
    """The counterpart: what is searched holds the key, where it belongs."""
    told = WAYS["plain"](harness)
    assert told.code == 0, told.places
    new = harness.keys[1]
    for store in harness.stores[1:]:
        bodies = b"".join(each.body for each in store.place.server.requests)
        assert leaks(new, {"": bodies})
    assert leaks(new, files_below(harness.client.folder))
    assert (harness.client.folder / "environ").read_bytes()
