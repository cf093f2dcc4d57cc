"""The watchdog of Python alone, in processes of its own."""

import os
import subprocess
import sys
import time

import pytest

START = (
    "from signotaur_action.machine.watchdog import Watchdog; w = Watchdog(); w.start({}, 'late')\n"
)
WAITS = {
    "sleeping": "import time; time.sleep(30)",
    "reading": "import sys; sys.stdin.read()",
    "computing": "while True: pass",
    "deaf": "\nwhile True:\n  try:\n    import time; time.sleep(30)\n  except BaseException: pass",
}


def started(code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.parametrize("wait", WAITS)
def test_a_late_process_ends_whatever_it_does(wait: str) -> None:
    code = f"{START.format(0.5)}try:\n  {WAITS[wait].strip()}\nfinally: print('unwound')"
    if wait == "deaf":
        code = START.format(0.5) + WAITS[wait]
    process = started(code)
    try:
        assert process.wait(60) == 142
        assert process.stdout is not None
        assert process.stderr is not None
        assert (process.stdout.read(), process.stderr.read()) == ("", "late")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("after", ["", "w.stop(); import time; time.sleep(2.5)"])
def test_a_process_that_is_done_in_time_is_left_alone(after: str) -> None:
    began = time.monotonic()
    process = started(START.format(2 if after else 60) + after)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, "")
    assert time.monotonic() - began < 50


def test_a_count_that_is_begun_again_forgets_the_one_before() -> None:
    process = started(START.format(2) + "w.start(60, ''); import time; time.sleep(2.5)")
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, "")
