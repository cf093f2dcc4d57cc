"""The server: how many reads and rotations a second, beside what a bare one reaches."""

import re
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from key_server import KeyServer, description_of
from processes import PYTHON, BenchmarkError, environment, serving
from rotation_load import BareCommits, Holders
from samples import Samples, rounds

from signotaur_wire import keyformat, paths

CONNECTIONS = 16
HOLDERS = 4
_WRK_SECONDS = 3
_PAIRS_EACH = 50
_UNAUTHORIZED = 401
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Load:
    """What wrk saw of one server in all rounds."""

    per_second: Samples
    p99_ms: Samples


@dataclass(frozen=True)
class ReadTimes:
    """``GET /keys/self`` beside an answer that never changes."""

    bare: Load
    http: Load
    tls: Load


@dataclass(frozen=True)
class RotationRates:
    """Rotations with confirmation a second, beside pairs of bare commits."""

    bare: Samples
    server: Samples


def measure_reads(http: KeyServer, tls: KeyServer, home: Path) -> ReadTimes:
    """Alternate the bare server, the key server, and the key server over TLS."""
    http_key, tls_key = http.add_key(), tls.add_key()
    answer = home / "answer.json"
    answer.write_bytes(description_of(http, http_key))
    command = (*PYTHON, str(Path(__file__).with_name("bare_app.py")), str(answer))
    with serving(command, home) as bare:
        targets = [
            (bare.url, _wrk_script(home / "bare.lua", http_key)),
            (http.server.url, _wrk_script(home / "http.lua", http_key)),
            (tls.server.url, _wrk_script(home / "tls.lua", tls_key)),
        ]
        for url, script in targets:
            _wrk(url, script, home, seconds=1)
        results: list[list[tuple[float, float]]] = [[] for _ in targets]
        for _ in rounds(5, 50):
            for (url, script), own in zip(targets, results, strict=True):
                own.append(_wrk(url, script, home, _WRK_SECONDS))
    _require_digest_check(http, http_key)
    return ReadTimes(*(_load(each) for each in results))


def measure_rotations(keyserver: KeyServer, home: Path) -> RotationRates:
    """Alternate pairs of bare commits and rotations by several holders at once."""
    keys = [keyserver.add_key() for _ in range(HOLDERS)]
    with ExitStack() as stack:
        holders = Holders(keyserver, keys, stack)
        commits = BareCommits(home, stack)
        holders.pairs_per_second(5)
        pairs = [
            (commits.pairs_per_second(HOLDERS * _PAIRS_EACH), holders.pairs_per_second(_PAIRS_EACH))
            for _ in rounds(7, 40)
        ]
    return RotationRates(*(Samples.of(each) for each in zip(*pairs, strict=True)))


def _wrk_script(path: Path, key: str) -> Path:
    # A file, because arguments show in process lists.
    path.touch(mode=0o600)
    path.write_text(f'wrk.headers["Authorization"] = "Bearer {key}"\n')
    return path


def _wrk(url: str, script: Path, home: Path, seconds: int) -> tuple[float, float]:
    """Load a server; return requests a second and the 99th percentile in milliseconds."""
    command = [
        *("wrk", "--threads=1", f"--connections={CONNECTIONS}", f"--duration={seconds}s"),
        *("--latency", "--timeout=5s", f"--script={script}", url + paths.KEYS_SELF),
    ]
    told = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds + 15,
        check=True,
        env=environment(home),
    ).stdout
    rate = re.search(r"Requests/sec: +([0-9.]+)", told)
    latency = re.search(r"99% +([0-9.]+)(us|ms|s)\b", told)
    if rate is None or latency is None or "Non-2xx" in told or "Socket errors" in told:
        raise BenchmarkError(f"wrk met errors:\n{told}")
    return float(rate[1]), float(latency[1]) * _MILLISECONDS[latency[2]]


def _load(rounds_of_one: list[tuple[float, float]]) -> Load:
    rates, latencies = zip(*rounds_of_one, strict=True)
    return Load(Samples.of(rates), Samples.of(latencies))


def _require_digest_check(keyserver: KeyServer, key: str) -> None:
    """Raise BenchmarkError when a key passes that only looks like one the server just served."""
    body = key[: -keyformat.CHECKSUM_LENGTH]
    other = body[:-1] + ("A" if body[-1] != "A" else "B")
    status, _ = keyserver.ask_self(other + keyformat.checksum(other))
    if status != _UNAUTHORIZED:
        raise BenchmarkError(f"a wrong key was answered {status}")
