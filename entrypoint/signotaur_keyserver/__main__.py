"""Entry point of ``python -m signotaur_keyserver`` and of the command signotaur-keyserver."""

import os
import sys

from signotaur_keyserver.cli import run


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # Databases and private keys are their owner's alone from the first byte on.
    os.umask(0o077)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
