"""How many functions of ours a reader passes from the process's entry to the network."""

import sys

from e2e.client_harness import ClientHarness
from support.client import BARE, run_program

LIMIT = 21
"""More is a sign of a layer that only passes on. Functions of libraries do not count."""
COUNTING = """
import sys
from signotaur_action.__main__ import main
def note(event, arguments):
    if event != "http.client.send":
        return
    frame, depth = sys._getframe(1), 0
    while frame is not None:
        depth += "/signotaur_action/" in frame.f_code.co_filename
        frame = frame.f_back
    print("depth", depth, file=sys.stderr)
sys.addaudithook(note)
main()
"""


def test_a_rotation_reaches_the_network_in_few_steps(client: ClientHarness, key: str) -> None:
    done = run_program(
        [sys.executable, "-I", "-c", COUNTING, "rotate-key", "-a", key, *client.server.options],
        env=BARE | {"HOME": str(client.folder)},
        cwd=client.folder,
    )
    assert done.code == 0, done.err
    depths = [int(line.split()[1]) for line in done.err.splitlines() if line.startswith("depth ")]
    assert len(depths) >= len(["describe", "open", "its body", "verify", "confirm"])
    assert max(depths) <= LIMIT
