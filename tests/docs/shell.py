"""Examples of the manual, run by a shell."""

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
PLACEHOLDER = "https://signotaur.example.com"


def shell(script: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run an example as a reader would, in a folder of its own."""
    return subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script],
        cwd=home,
        env={"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(home), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
