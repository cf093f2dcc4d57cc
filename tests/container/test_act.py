"""The workflows that are given away and both actions, run by act: an engine not written here."""

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from container.act import HERE, JOB_IMAGE, OWN, Act, name_the_image
from docs.pages import ROOT, block
from support.key_encodings import leaks
from support.keyserver import KeyServer
from support.tls import Authority

SECRET = "SIGNOTAUR_API_KEY"
PLACE = "repos/acme/app/environments/signing"
TOKEN = "github_pat_rotation"
JOB_TOKEN = "ghs_of_the_job"
ROTATING = ["rotate", "rotate-called", "rotate-image", "rotate-when-due"]


def example(name: str) -> str:
    return (ROOT / "examples" / "github" / f"{name}.yml").read_text()


@pytest.fixture
def act(engine: docker.DockerClient, tmp_path: Path, shared_server: KeyServer) -> Iterator[Act]:
    name_the_image(engine)
    act = Act(tmp_path, shared_server, Authority(tmp_path / "authority"))
    with act.github as github:
        github.add_repository("acme/app", environments=["signing"])
        github.add_token(TOKEN, permissions={"environments": "write"}, repositories=["acme/app"])
        github.add_token(
            JOB_TOKEN, kind="job", permissions={"issues": "write"}, repositories=["acme/app"]
        )
        act.secrets |= {"ROTATION_TOKEN": TOKEN, "GITHUB_TOKEN": JOB_TOKEN}
        yield act


def add_key(act: Act, name: str, expires_in: str) -> str:
    """Make a key and store it as the secret of the environment, and of act."""
    key = act.server.add_key(name=name, expires_in=expires_in)
    act.github.put_secret("actions", PLACE, SECRET, key)
    act.secrets[SECRET] = key
    return key


def stored(act: Act) -> str:
    return act.github.secret("actions", PLACE, SECRET) or ""


@pytest.mark.parametrize(
    "text",
    [*map(example, ROTATING), block("name: Rotate the signing key\n")],
    ids=[*ROTATING, "readme"],
)
def test_a_key_that_is_due_is_rotated_and_stored(act: Act, fresh_name: str, text: str) -> None:
    old = add_key(act, fresh_name, "20d")
    builds = "sign.sh" in text
    code, log = act.run(text, "push" if builds else "schedule")
    # act read the secrets when the run started: the guard of the build refuses the old key.
    assert (code, "This key was rotated" in log) == ((1, True) if builds else (0, False)), log
    assert act.signed_with == ""
    new = stored(act)
    assert new != old
    assert act.server.accepts(new)
    assert [leaks(key, {"log": log.encode()}) for key in (old, new)] == [[], []]


def test_a_key_that_is_not_due_stays(act: Act, fresh_name: str) -> None:
    key = add_key(act, fresh_name, "90d")
    code, log = act.run(example("rotate"), "schedule")
    assert code == 0, log
    assert stored(act) == key
    assert not act.github.calls("PUT")


def test_a_store_that_refuses_fails_the_run(act: Act, fresh_name: str) -> None:
    old = add_key(act, fresh_name, "20d")
    act.github.remove_token(TOKEN)
    code, log = act.run(example("rotate"), "schedule")
    assert code == 1
    assert "exit with `FAILURE`: 11" in log
    assert stored(act) == old
    assert leaks(old, {"log": log.encode()}) == []


def test_a_build_signs_with_a_key_that_is_good(act: Act, fresh_name: str) -> None:
    key = add_key(act, fresh_name, "90d")
    code, log = act.run(example("build"))
    assert code == 0, log
    assert act.signed_with == key
    assert act.github.open_issues("acme/app") == []
    assert leaks(key, {"log": log.encode()}) == []


def test_a_build_stops_before_it_signs_with_a_key_that_ends(act: Act, fresh_name: str) -> None:
    key = add_key(act, fresh_name, "6d")
    code, log = act.run(example("build"))
    assert code == 1, log
    assert act.signed_with == ""
    assert len(act.github.open_issues("acme/app")) == 1
    assert leaks(key, {"log": log.encode()}) == []


# On a runner that has the key in a file


def on_this_machine(act: Act, name: str) -> tuple[int, str]:
    """Run an example for such a runner, with the key file in a folder of the test's own."""
    text = example(name).replace("/var/lib/signing", str(act.folder / "keys"))
    return act.run(text, "push" if name == "build-self-hosted" else "schedule", machine=HERE)


def test_a_self_hosted_runner_rotates_its_file_and_builds_with_it(
    act: Act, fresh_name: str
) -> None:
    old = act.server.add_key(name=fresh_name, expires_in="20d")
    file = act.folder / "keys" / "api_key.txt"
    file.parent.mkdir(mode=0o700)
    file.touch(mode=0o600)
    file.write_text(f"{old}\n")
    code, log = on_this_machine(act, "rotate-self-hosted")
    assert code == 0, log
    new = file.read_text().strip()
    assert new != old
    assert act.server.accepts(new)
    code, build_log = on_this_machine(act, "build-self-hosted")
    assert code == 0, build_log
    assert leaks(old, {"log": (log + build_log).encode()}) == []
    assert leaks(new, {"log": (log + build_log).encode()}) == []


# The actions themselves: what their outputs and masks are to the steps that follow

USES = """
on: push
jobs:
  job:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1
      - id: rotate
        uses: ACTION
        with:
          sign-server: ${{ vars.SIGNOTAUR_SERVER }}
          api-key: ${{ secrets.SIGNOTAUR_API_KEY }}
          emit-secret: |
            github-output
            github-env:NEW_KEY
      - env:
          KEY: ${{ steps.rotate.outputs.api-key }}
          ROTATED: ${{ steps.rotate.outputs.rotated }}, ${{ steps.rotate.outputs.confirmed }}
        run: |
          test "$KEY" = "$NEW_KEY"
          printf %s "$KEY" >"$SIGNED"
          echo "outputs: $ROTATED, $KEY"
"""


@pytest.mark.parametrize(
    ("action", "machine"),
    [(OWN, JOB_IMAGE), (OWN.replace("@", "/cli@"), HERE)],
    ids=["container", "cli"],
)
def test_the_steps_after_a_rotation_have_the_key_and_the_log_has_not(
    act: Act, fresh_name: str, action: str, machine: str
) -> None:
    old = add_key(act, fresh_name, "90d")
    code, log = act.run(USES.replace("ACTION", action), machine=machine)
    assert code == 0, log
    new = act.signed_with
    assert new != old
    assert act.server.accepts(new)
    assert "outputs: true, true, ***" in log
    assert [leaks(key, {"log": log.encode()}) for key in (old, new)] == [[], []]
