"""The entry of the process: answers --version, drops dangerous variables, exits."""

import os
import site
import sys

from signotaur_wire.version import VERSION

_OPENSSL = ("OPENSSL_", "SSL_CERT_")


def main() -> None:
    """Run the command line of this process and exit with its code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:  # before anything is loaded: images are probed with it
        print(f"signotaur-action {VERSION}")  # noqa: T201
        return
    _drop_variables()
    _drop_python_path()
    from signotaur_action import cli, process  # noqa: PLC0415 - see above

    process.reserve_standard_streams()
    code = process.code_of_child_of_pid_1()
    if code is None:
        code = cli.main(arguments)
    # A stream that nobody reads must not change the code that says what happened to the keys.
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _drop_variables() -> None:
    """Let no variable of the job load code through OpenSSL, choose authorities or log secrets.

    OpenSSL reads the process's own environment. ``os.environ`` keeps these variables: a program
    of the destination ``command:`` gets all that the job set.
    """
    for name in os.environ:
        if name.startswith(_OPENSSL):
            os.unsetenv(name)
    os.environ.pop("SSLKEYLOGFILE", None)  # urllib3 would write the secrets of TLS sessions there


def _drop_python_path() -> None:
    """Load no module from a job's PYTHONPATH, unless this package itself was loaded from there.

    ``python -I`` ignores the variable, the installed script does not. What Python imported before
    this line, as ``sitecustomize``, only ``-I`` can keep out.
    """
    python_path = os.environ.get("PYTHONPATH")
    if not python_path or sys.flags.ignore_environment:
        return
    # By os.path: pathlib would be imported from the very folders that are dropped here.
    of_job = {os.path.abspath(entry) for entry in python_path.split(os.pathsep)}  # noqa: PTH100
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    installed = {home, os.path.dirname(os.__file__), *site.getsitepackages()}  # noqa: PTH120
    if home not in of_job:
        sys.path[:] = [path for path in sys.path if path in installed or path not in of_job]


if __name__ == "__main__":
    main()
