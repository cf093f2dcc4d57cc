"""How many small changes of the code the tests see: ``make mutants`` runs mutmut and prints it.

mutmut changes a copy of the source in ``.cache/mutants``, in which client and tests are whole, and
runs the tests that reach a change in a forked process. Each part has a folder of its own, where
what was tried stays, until its tests are others.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from proof.mutant_parts import PARTS, Part

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".cache" / "mutants"
SETTINGS = """\
[mutmut]
source_paths=
    src
also_copy=
    docs
    README.md
only_mutate=
{changed}
pytest_add_cli_args_test_selection=
{tests}
pytest_add_cli_args=
    -p
    no:randomly
    -p
    no:cacheprovider
    -p
    no:xdist
    -k
    {selected}
timeout_multiplier=4
timeout_constant=10
track_dependencies=false
use_git_change_detection=false
[tool:pytest]
pythonpath = tests src
addopts = --import-mode=importlib
markers =
    both_databases: the test runs on SQLite and on PostgreSQL
"""
KILLED, SURVIVED, UNREACHED, UNTRIED = "killed", "survived", "not reached", "not tried"
_OUTCOMES = {0: SURVIVED, 5: UNREACHED, 33: UNREACHED, None: UNTRIED}
"""By the exit code of the tests; each other one means that a test failed or took too long."""


def folder_of(name: str) -> Path:
    """Return the folder in which mutmut works on a part."""
    return FOLDER / name.replace(" ", "-")


def prepare(name: str, part: Part) -> Path:
    """Make and return the folder in which mutmut works; what it has tried already stays."""
    folder = folder_of(name)
    leave = shutil.ignore_patterns("__pycache__")
    # Some tests read the manual: a policy on a page is the one that they try.
    for origin, copy in (("entrypoint", "src"), ("tests", "tests"), ("docs", "docs")):
        shutil.rmtree(folder / copy, ignore_errors=True)
        shutil.copytree(ROOT / origin, folder / copy, ignore=leave)
    shutil.copy(ROOT / "README.md", folder)
    changed = "\n".join(f"    src/signotaur_action/{each}" for each in part.changed)
    tests = "\n".join(f"    tests/{each}" for each in part.tests)
    settings = SETTINGS.format(changed=changed, tests=tests, selected=part.selected)
    (folder / "setup.cfg").write_text(settings)
    # Processes that tests start with -I find the changed client here, and all libraries.
    packages = next((FOLDER / "venv").glob("lib/python*/site-packages"))
    (packages / "mutants.pth").write_text(
        f"{folder / 'mutants' / 'src'}\n{sysconfig.get_path('purelib')}\n"
    )
    return folder


def tried(name: str) -> Iterator[str]:
    """Yield the outcome of each change of a part."""
    for pattern in PARTS[name].changed:
        for file in (folder_of(name) / "mutants/src/signotaur_action").glob(f"{pattern}.meta"):
            for code in json.loads(file.read_text())["exit_code_by_key"].values():
                yield _OUTCOMES.get(code, KILLED)


def forget_survivors(name: str) -> None:
    """Let what no test saw be tried again."""
    for file in folder_of(name).glob("mutants/src/**/*.meta"):
        found = json.loads(file.read_text())
        codes = found["exit_code_by_key"].items()
        seen = {each: code if code not in _OUTCOMES else None for each, code in codes}
        found["exit_code_by_key"] = seen
        file.write_text(json.dumps(found))


def table() -> str:
    """Return the score of each part that was changed: killed ones, of those that were tried."""
    rows = ["| Part | Killed | Survived | Not reached | Not tried | Score |"]
    rows.append("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in PARTS:
        if outcomes := Counter(tried(name)):
            counts = [outcomes[each] for each in (KILLED, SURVIVED, UNREACHED, UNTRIED)]
            score = 100 * counts[0] / max(1, sum(counts[:3]))
            rows.append(f"| {name} | {' | '.join(map(str, counts))} | {score:.0f} % |")
    return "\n".join(rows) + "\n"


def run(names: list[str], seconds: float | None, workers: int, *, again: bool) -> None:
    """Run mutmut on parts for so long in all, and print the table."""
    end = None if seconds is None else monotonic() + seconds
    command = (FOLDER / "venv/bin/mutmut", "run", "--max-children", str(workers))
    try:
        for name in names:
            folder = prepare(name, PARTS[name])
            if again:
                forget_survivors(name)
            left = None if end is None else max(0, end - monotonic())
            subprocess.run(command, cwd=folder, check=True, timeout=left)
    except subprocess.TimeoutExpired:
        sys.stdout.write("The time is over: the next run goes on.\n")
    sys.stdout.write(table())


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "part", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"(all) {', '.join(PARTS)}"
    )
    parser.add_argument("--seconds", type=float, help="stop after so long")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--again", action="store_true", help="try what survived again")
    given = parser.parse_args()
    run(given.part or list(PARTS), given.seconds, given.workers, again=given.again)


if __name__ == "__main__":
    main()
