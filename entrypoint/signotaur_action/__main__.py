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

    process.hold_streams()
    code = process.run_below_init(lambda: cli.main(arguments))
    # A stream that nobody reads must not change the code that tells how the keys stand.
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


if __name__ == "__main__":
    main()
