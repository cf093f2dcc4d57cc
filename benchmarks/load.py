"""Load of the reading kind: ``wrk`` over kept connections, each request with the next key."""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from processes import BenchmarkError, environment
from samples import Samples, rounds

CONNECTIONS = 16
SECONDS = 3
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
_SCRIPT = """
local keys, requests, turn = {%s}, {}, 0
init = function()
  for number, key in ipairs(keys) do
    wrk.headers[%s] = %s .. key
    requests[number] = wrk.format("GET", %s)
  end
end
request = function()
  turn = turn %% #requests + 1
  return requests[turn]
end
"""


@dataclass(frozen=True)
class Target:
    """What is asked, and the keys to ask with."""

    url: str
    path: str
    header: str
    scheme: str
    keys: tuple[str, ...]

    def script(self, file: Path) -> Path:
        """Write what wrk asks. In a file, because arguments show in process lists."""
        file.touch(mode=0o600)
        names = map(json.dumps, (self.header, self.scheme, self.path))
        file.write_text(_SCRIPT % (",".join(map(json.dumps, self.keys)), *names))
        return file


@dataclass(frozen=True)
class Load:
    """What wrk saw of one target in all rounds."""

    per_second: Samples
    p99_ms: Samples


def alternate(targets: Sequence[Target], home: Path, count: int, seconds: float) -> list[Load]:
    """Load one target after the other, again and again."""
    scripts = [target.script(home / f"wrk-{number}.lua") for number, target in enumerate(targets)]
    for target, script in zip(targets, scripts, strict=True):
        wrk(target.url, script, home, seconds=1)
    seen: list[list[tuple[float, float]]] = [[] for _ in targets]
    for _ in rounds(count, seconds):
        for target, script, own in zip(targets, scripts, seen, strict=True):
            own.append(wrk(target.url, script, home, SECONDS))
    return [Load(*(Samples.of(each) for each in zip(*own, strict=True))) for own in seen]


def wrk(
    url: str, script: Path, home: Path, seconds: int, connections: int = CONNECTIONS
) -> tuple[float, float]:
    """Load a server; return requests a second and the 99th percentile in milliseconds."""
    command = [
        *("wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s"),
        *("--latency", "--timeout=5s", f"--script={script}", url),
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
