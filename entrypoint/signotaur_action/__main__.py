"""The process's entry: answers --version at once, keeps the run out of PID 1, exits."""

import os
import sys

from signotaur_wire.version import VERSION


def main() -> None:
    """Run the command line of this process and exit with its code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:  # before anything is loaded: images are probed with it
        print(f"signotaur-action {VERSION}")  # noqa: T201
        return
    from signotaur_action import cli, process  # noqa: PLC0415 - see above

    code = process.run_below_init(lambda: cli.main(arguments))
    sys.stderr.flush()
    # A reader that closed stdout must not change the code that tells how the keys stand.
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


if __name__ == "__main__":
    main()
