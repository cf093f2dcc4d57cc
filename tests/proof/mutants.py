"""How many small changes of the code the tests see: ``make mutants`` runs mutmut and prints it.

mutmut changes a copy of the source in ``.cache/mutants``, in which client and tests are whole, and
runs the tests that reach a change in a forked process. ``mutants.py SECONDS`` sets a limit of time.
"""

import json
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".cache" / "mutants"
PARTS = {
    "protocol": "rotation/*.py",
    "journal": "files/journal/*.py",
    "writer": "files/atomic.py",
    "masks": "ci/masks.py",
    "redaction": "ci/redaction.py",
    "sinks": "sinks/*.py",
}
"""What is changed, below the client's package."""
TESTS = (
    "rotation/test_run.py",
    "rotation/test_decision.py",
    "rotation/test_confirmation.py",
    "unit/test_journal.py",
    "unit/test_journal_place.py",
    "unit/test_atomic.py",
    "unit/test_masks.py",
    "unit/test_redaction.py",
    "contract/test_sinks.py",
    "contract/test_sinks_in_ci_jobs.py",
    "contract/test_sinks_refusals.py",
)
"""Tests that run in one process, so that mutmut knows what they reach.

Those of ``vault`` need an OpenBao for each change, and are left out.
"""
SETTINGS = """\
[mutmut]
source_paths=
    src
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
    not vault
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


def prepare() -> None:
    """Make the folder in which mutmut works; what it has tried already stays."""
    shutil.rmtree(FOLDER / "src", ignore_errors=True)
    shutil.rmtree(FOLDER / "tests", ignore_errors=True)
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "entrypoint", FOLDER / "src", ignore=leave)
    shutil.copytree(ROOT / "tests", FOLDER / "tests", ignore=leave)
    changed = "".join(f"    src/signotaur_action/{each}\n" for each in PARTS.values())
    tests = "".join(f"    tests/{each}\n" for each in TESTS)
    settings = SETTINGS.format(changed=changed.rstrip("\n"), tests=tests.rstrip("\n"))
    (FOLDER / "setup.cfg").write_text(settings)
    # Processes that tests start with -I find the changed client here, and all libraries.
    packages = next((FOLDER / "venv").glob("lib/python*/site-packages"))
    (packages / "mutants.pth").write_text(
        f"{FOLDER / 'mutants' / 'src'}\n{sysconfig.get_path('purelib')}\n"
    )


def tried() -> Iterator[tuple[str, str]]:
    """Yield part and outcome of each change."""
    for part, pattern in PARTS.items():
        for file in (FOLDER / "mutants/src/signotaur_action").glob(f"{pattern}.meta"):
            for code in json.loads(file.read_text())["exit_code_by_key"].values():
                yield part, _OUTCOMES.get(code, KILLED)


def table(outcomes: Counter[tuple[str, str]]) -> str:
    """Return the score of each part: killed ones, of those that were tried."""
    rows = ["| Part | Killed | Survived | Not reached | Not tried | Score |"]
    rows.append("| --- | ---: | ---: | ---: | ---: | ---: |")
    for part in PARTS:
        counts = [outcomes[part, each] for each in (KILLED, SURVIVED, UNREACHED, UNTRIED)]
        score = 100 * counts[0] / max(1, sum(counts[:3]))
        rows.append(f"| {part} | {' | '.join(map(str, counts))} | {score:.0f} % |")
    return "\n".join(rows) + "\n"


def run(seconds: float | None) -> None:
    """Run mutmut for so long, and print the table."""
    prepare()
    with suppress(subprocess.TimeoutExpired):
        subprocess.run([FOLDER / "venv/bin/mutmut", "run"], cwd=FOLDER, check=True, timeout=seconds)
    sys.stdout.write(table(Counter(tried())))


if __name__ == "__main__":
    run(float(sys.argv[1]) if len(sys.argv) > 1 else None)
