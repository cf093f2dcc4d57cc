"""How many functions of ours a reader passes from the process's entry to the network."""

import sys
from pathlib import Path

from e2e.client_harness import ClientHarness
from support.client import BARE, run_program
from support.keyserver import KeyServer

LIMIT = 16
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


def test_a_rotation_reaches_the_network_in_few_steps(
    plain_server: KeyServer, tmp_path: Path
) -> None:
    """Of one run: where a disturbed server refuses it, there would be a second one to count."""
    client = ClientHarness(plain_server, tmp_path)
    key = client.ledger.add()
    done = run_program(
        [sys.executable, "-I", "-c", COUNTING, "rotate-key", "-a", key, *plain_server.options],
        env=BARE | {"HOME": str(client.folder)},
        cwd=client.folder,
    )
    assert done.code == 0, done.err
    depths = [int(line.split()[1]) for line in done.err.splitlines() if line.startswith("depth ")]
    assert len(depths) >= len(["describe", "open", "its body", "verify", "confirm"])
    assert max(depths) <= LIMIT
