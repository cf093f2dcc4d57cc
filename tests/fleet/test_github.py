"""A fleet as the step of a GitHub job: masks, annotations, outputs, one summary, and no leak."""

import re
from pathlib import Path

import pytest

from e2e.github_step import GithubStep
from fleet.harness import Fleet
from support.key_encodings import files_below, leaks
from support.runner import Step, parse_command, read_lines


@pytest.fixture
def job(tmp_path: Path) -> GithubStep:
    folder = tmp_path / "job"
    folder.mkdir()
    return GithubStep(folder)


@pytest.mark.parametrize("verbosity", ["", "true"])
def test_a_job_rotates_a_fleet(
    verbosity: str, fleet: Fleet, job: GithubStep, fresh_name: str
) -> None:
    good = fleet.add(f"{fresh_name}-good", 3)
    [bad] = fleet.add(f"{fresh_name}-bad")
    fleet.key_file(bad).write_text("a-key-that-no-server-knows\n")
    for name in good:  # so that a mask is all that hides the new key
        fleet.entries[name] |= {"follow-symlinks": True}
    job.give(command="rotate-fleet", fleet_file=fleet.write(), parallel="2", debug=verbosity)
    job.give(starts_per_minute="6000")
    # Inputs of rotate-key are none of the fleet's.
    job.give(overlap_days="31", write_key_file=fleet.folder / "elsewhere")

    done = job.run()

    assert done.code == 2, done.said
    fleet.assert_rotated_once(*good)
    assert not (fleet.folder / "elsewhere").exists()
    assert done.outputs == {"rotated": "true", "failed-keys": bad}
    [error] = done.commands_named("error")
    assert error.properties["title"] == f"signotaur-action {bad}"
    assert done.summary.count("### ") == 1
    for name in (*good, bad):
        assert re.search(rf"(?m)^\| {name} \|", done.summary), done.summary
    keys = [key for name in good for key in (fleet.keys[name], fleet.held(name))]
    masks = {command.data for command in done.commands_named("add-mask")}
    assert set(keys) <= masks
    places = files_below(job.temp, fleet.server.data_dir)
    places["log"] = done.log.encode()
    places["stderr"] = done.stderr
    places.pop(str(job.stdout_file), None)
    assert [leak for key in keys for leak in leaks(key, places)] == []
    step = Step()
    for line in read_lines(done.stdout):
        command = parse_command(line)
        if command is None or command.name != "add-mask":
            shown = {"line": step.masker.mask(line).encode()}
            assert [leaks(key, shown) for key in keys] == [[] for _ in keys], line
        step.read_line(line)
