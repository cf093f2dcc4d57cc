"""The client: how long it takes to start, and to rotate a key from file to file."""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from key_server import KeyServer, description_of
from processes import PYTHON, Run, timed
from samples import Samples, rounds

from signotaur_wire import keyformat
from signotaur_wire.messages import RotationRequest

BARE_PYTHON = (*PYTHON, "-c", "pass")
CLIENT = (*PYTHON, "-m", "signotaur_action")
CONSOLE_SCRIPT = str(Path(PYTHON[0]).with_name("signotaur-action"))
_CURL_SCRIPT = str(Path(__file__).with_name("rotate_by_curl.sh"))


@dataclass(frozen=True)
class StartTimes:
    """Seconds per start."""

    bare_python: Samples
    script: Samples
    module: Samples


@dataclass(frozen=True)
class RotationTimes:
    """Seconds per rotation, and the client's peak memory."""

    bare_python: Samples
    client: Samples
    client_peak_mib: Samples
    curl: Samples
    guard: Samples
    guard_peak_mib: Samples


@dataclass(frozen=True)
class Package:
    """Milliseconds that a package's imports take: its own code, and with all that it loads."""

    name: str
    own_ms: float
    whole_ms: float


def measure_start(home: Path) -> StartTimes:
    """Alternate an empty Python with ``--version``, as a script and as the image starts it."""
    runs = _alternate(
        [
            lambda: timed(BARE_PYTHON, home),
            lambda: timed((CONSOLE_SCRIPT, "--version"), home),
            lambda: timed((*CLIENT, "--version"), home),
        ],
        count=40,
        seconds=15,
    )
    bare, script, module = ([run.seconds for run in each] for each in runs)
    return StartTimes(Samples.of(bare), Samples.of(script), Samples.of(module))


def measure_rotation(keyserver: KeyServer, home: Path) -> RotationTimes:
    """Alternate an empty Python, ``rotate-key``, the curl script and ``guard``."""
    client_key = _key_file(keyserver, home / "client.key")
    curl_key = _key_file(keyserver, home / "curl.key")
    guard_key = _key_file(keyserver, home / "guard.key")
    runs = _alternate(
        [
            lambda: timed(BARE_PYTHON, home),
            lambda: timed(_rotate_key(keyserver, client_key), home),
            lambda: _rotate_by_curl(keyserver, curl_key, home),
            lambda: timed(_guard(keyserver, guard_key), home),
        ],
        count=20,
        seconds=45,
    )
    for key_file in (client_key, curl_key):
        description_of(keyserver, key_file.read_text().strip())
    bare, client, curl, guard = (Samples.of(run.seconds for run in each) for each in runs)
    peak, guard_peak = (Samples.of(run.peak_mib for run in runs[index]) for index in (1, 3))
    return RotationTimes(bare, client, peak, curl, guard, guard_peak)


def measure_imports(keyserver: KeyServer, home: Path) -> list[Package]:
    """Return what the packages cost that a ``rotate-key`` imports, the costliest first."""
    key_file = _key_file(keyserver, home / "imports.key")
    command = _rotate_key(keyserver, key_file)
    command = (*PYTHON, "-X", "importtime", *command[len(PYTHON) :])
    runs = [_import_times(timed(command, home).stderr) for _ in rounds(7, 15)]
    packages = [
        Package(
            name,
            own_ms=Samples.of(run[name].own_ms for run in runs).median,
            whole_ms=Samples.of(run[name].whole_ms for run in runs).median,
        )
        for name in runs[0]
    ]
    return sorted(packages, key=lambda package: -package.whole_ms)


def _alternate(commands: list[Callable[[], Run]], count: int, seconds: float) -> list[list[Run]]:
    for command in commands:
        command()  # fills the file cache and writes the byte code
    runs: list[list[Run]] = [[] for _ in commands]
    for _ in rounds(count, seconds):
        for command, own in zip(commands, runs, strict=True):
            own.append(command())
    return runs


def _key_file(keyserver: KeyServer, path: Path) -> Path:
    path.touch(mode=0o600)
    path.write_text(keyserver.add_key())
    return path


def _rotate_key(keyserver: KeyServer, key_file: Path) -> tuple[str, ...]:
    return (
        *CLIENT,
        "rotate-key",
        f"--api-key-file={key_file}",
        f"--write-key-file={key_file}",
        f"--sign-server={keyserver.server.url}",
        f"--ca-file={keyserver.ca_file}",
    )


def _guard(keyserver: KeyServer, key_file: Path) -> tuple[str, ...]:
    return (
        *CLIENT,
        "guard",
        f"--api-key-file={key_file}",
        f"--sign-server={keyserver.server.url}",
        f"--ca-file={keyserver.ca_file}",
        "--fail-if-expiring-within=1d",
    )


def _rotate_by_curl(keyserver: KeyServer, key_file: Path, home: Path) -> Run:
    new_key = keyformat.generate()
    new_key_file, body_file = home / "curl.new", home / "curl.json"
    new_key_file.touch(mode=0o600)
    new_key_file.write_text(new_key)
    body_file.write_text(json.dumps(rotation_to(new_key).to_json()))
    files = map(str, (keyserver.ca_file, key_file, new_key_file, body_file))
    return timed((_CURL_SCRIPT, keyserver.server.url, *files, str(uuid4())), home)


def rotation_to(new_key: str) -> RotationRequest:
    """Return the request that makes a key the candidate."""
    parsed = keyformat.parse(new_key)
    return RotationRequest(
        public_id=parsed.public_id,
        key_sha256=parsed.sha256,
        overlap_days=7,
        auto_revoke=True,
        holder="benchmark",
    )


def _import_times(report: str) -> dict[str, Package]:
    """Add up by package what ``-X importtime`` reports.

    It tells a module after those that it imports, which are indented deeper. Read backwards,
    ``importers`` are the packages that a module was imported by.
    """
    own: defaultdict[str, float] = defaultdict(float)
    whole: defaultdict[str, float] = defaultdict(float)
    importers: list[str] = []
    lines = [line for line in report.splitlines() if line.startswith("import time:")]
    for line in reversed(lines[1:]):
        own_us, whole_us, module = line.removeprefix("import time:").split("|")
        depth = (len(module) - len(module.lstrip()) - 1) // 2
        package = module.strip().partition(".")[0]
        own[package] += int(own_us) / 1000
        del importers[depth:]
        if package not in importers:
            whole[package] += int(whole_us) / 1000
        importers.append(package)
    return {name: Package(name, own[name], whole[name]) for name in own}
