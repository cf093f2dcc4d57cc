"""Measure the action's image and write the results to README.md, between markers of its own.

Its starts are compared with a container that holds one static binary and nothing else: what the
engine itself costs. It takes about two minutes, most of it for a build from nothing.
"""

import gzip
import io
import json
import os
import platform
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Self

import key_server
from processes import BenchmarkError, Run, timed
from report import amount, at_most, machine, table
from samples import Samples, rounds

_README = Path(__file__).with_name("README.md")
_ROOT = Path(__file__).parents[1]
_BEGIN, _END = "<!-- container results -->", "<!-- /container results -->"
_IMAGE = "signotaur-action:dev"
_BARE = "signotaur-bench-bare:dev"
_MS = 1000
_MB = 1_000_000
_KIB_PER_MIB = 1024
_LONGEST = 400
# Machine code for exit(0), with the ELF machine number.
_EXIT = {
    "x86_64": (62, bytes.fromhex("b83c00000031ff0f05")),
    "aarch64": (183, bytes.fromhex("a80b8052000080d2010000d4")),
}


def main() -> None:
    """Measure everything; without an engine or an image say so and leave README.md alone."""
    if not _works("docker", "version"):
        _say("no Docker engine answers: the image is not measured")
        return
    if not _works("docker", "image", "inspect", _IMAGE):
        _say(f"there is no image {_IMAGE}: make image")
        return
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, lambda *_: sys.exit("stopped"))
    signal.alarm(_LONGEST)
    with tempfile.TemporaryDirectory(prefix="signotaur-bench-") as folder:
        _publish(_measure(Path(folder)))


def _measure(home: Path) -> str:
    _make_bare_image()
    try:
        _say("what is in the image")
        contents = _contents()
        _say("starts and rotations")
        times = _starts(home)
    finally:
        subprocess.run(["docker", "rmi", _BARE], stdout=subprocess.DEVNULL, check=False)
    _say("builds")
    context = subprocess.check_output(["git", "archive", "HEAD"], cwd=_ROOT)
    cold, warm = _build(context, "--no-cache"), _build(context)
    head = ("", "median (quartiles)", "over the bare container", "goal")
    return "\n\n".join(
        [
            f"On {machine()} and Docker {_engine()}:",
            table(head, [*_start_rows(times), *_build_rows(cold, warm)]),
            _size_table(contents),
        ]
    )


# Starts


@dataclass(frozen=True)
class Starts:
    """Seconds per ``docker run``, and the memory of the process that rotates."""

    bare: Samples
    version: Samples
    rotation: Samples
    peak_mib: Samples | None


def _starts(home: Path) -> Starts:
    """Alternate a bare container, ``--version`` and a whole rotation."""
    with key_server.running(home / "tls", tls=True) as server:
        key_file = home / "key.txt"
        key_file.touch(mode=0o600)
        key_file.write_text(server.add_key())
        rotate = (
            *("rotate-key", "--sign-server", server.server.url),
            *("--ca-file", "/ca.pem", "--api-key-file", "/home/key.txt"),
            *("--write-key-file", "/home/key.txt"),
        )
        # The server listens on loopback; all three use the same network, so that it cancels out.
        run = ("docker", "run", "--rm", "--network=host")
        mounts = (f"--volume={home}:/home", f"--volume={server.ca_file}:/ca.pem:ro")

        def rotation() -> Run:
            return timed((*run, *mounts, _IMAGE, *rotate), home)

        commands: list[Callable[[], Run]] = [
            lambda: timed((*run, _BARE), home),
            lambda: timed((*run, _IMAGE, "--version"), home),
            rotation,
        ]
        runs: list[list[float]] = [[] for _ in commands]
        for number in rounds(16, 60):
            for command, own in zip(commands, runs, strict=True):
                done = command()
                if number:  # the first round fills the caches
                    own.append(done.seconds)
        peaks = []
        for _ in rounds(5, 15):  # on their own: looking takes time
            with _Watch() as watch:
                rotation()
            peaks.append(watch.peak_mib)
        status, _ = server.ask_self(key_file.read_text().strip())
        if status != HTTPStatus.OK:
            raise BenchmarkError(f"the rotated key is refused: {status}")
    seen = [peak for peak in peaks if peak]
    bare, version, whole = map(Samples.of, runs)
    return Starts(bare, version, whole, Samples.of(seen) if seen else None)


class _Watch:
    """Finds the container's Python processes in /proc and remembers their largest resident set.

    The kernel keeps that maximum (VmHWM), so a look from time to time misses next to nothing.
    """

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        found: set[Path] = set()
        known = set(Path("/proc").glob("[0-9]*"))
        while not self._stop.wait(0.003):
            for process in set(Path("/proc").glob("[0-9]*")) - known:
                try:
                    command = (process / "cmdline").read_bytes()
                except OSError:
                    continue
                if command.startswith(b"/usr/bin/python3\0-I\0-m\0signotaur_action\0"):
                    found.add(process)
            for process in found:
                self.peak_mib = max(self.peak_mib, _resident_peak(process))


def _resident_peak(process: Path) -> float:
    try:
        status = (process / "status").read_text("ascii")
    except OSError:
        return 0.0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / _KIB_PER_MIB
    return 0.0


def _start_rows(times: Starts) -> list[tuple[str, ...]]:
    rows = [
        ("`docker run` of a bare static binary", amount(times.bare, "ms", 0, _MS), "", ""),
        (
            "`docker run IMAGE --version`",
            amount(times.version, "ms", 0, _MS),
            _over(times.version, times.bare),
            "",
        ),
        (
            "`docker run IMAGE rotate-key`",
            amount(times.rotation, "ms", 0, _MS),
            _over(times.rotation, times.bare),
            at_most(_difference(times.rotation, times.bare), 0.5, "500 ms over it"),
        ),
    ]
    peak = times.peak_mib
    if peak is not None:
        rows.append(
            ("its resident memory", amount(peak, "MiB", 1), "", at_most(peak, 45, "45 MiB"))
        )
    return rows


def _difference(samples: Samples, base: Samples) -> Samples:
    pairs = zip(samples.values, base.values, strict=True)
    return Samples.of(value - other for value, other in pairs)


def _over(samples: Samples, base: Samples) -> str:
    return (
        f"{samples.over(base).median:.2f} times; {_difference(samples, base).median * _MS:+.0f} ms"
    )


def _make_bare_image() -> None:
    """Import an image of one file: a static binary that ends at once."""
    machine_number, code = _EXIT[platform.machine()]
    base, headers = 0x400000, 64 + 56
    size = headers + len(code)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        *(2, machine_number, 1, base + headers, 64, 0, 0, 64, 56, 1, 0, 0, 0),
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    member = tarfile.TarInfo("exit")
    member.size, member.mode = size, 0o755
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(member, io.BytesIO(header + segment + code))
    command = ["docker", "import", "--change", 'ENTRYPOINT ["/exit"]', "-", _BARE]
    subprocess.run(command, input=content.getvalue(), stdout=subprocess.DEVNULL, check=True)


# Builds


def _build(context: bytes, *options: str) -> Samples:
    """Build the action's image from what is committed: work under way would change between two."""
    begin = time.perf_counter()
    subprocess.run(
        ["docker", "build", "--quiet", "--target=action", *options, "-"],
        input=context,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return Samples.of([time.perf_counter() - begin])


def _build_rows(cold: Samples, warm: Samples) -> list[tuple[str, ...]]:
    return [
        ("build from nothing but the base image", f"{cold.median:.0f} s", "", ""),
        ("build with nothing changed", f"{warm.median:.1f} s", "", ""),
    ]


# Contents


@dataclass(frozen=True)
class Contents:
    """Bytes of the image: as ``docker save`` gives it, packed, and by part."""

    packed: int
    parts: dict[str, tuple[int, int]]
    """Unpacked and packed bytes."""


def _contents() -> Contents:
    saved = subprocess.run(["docker", "save", _IMAGE], stdout=subprocess.PIPE, check=True).stdout
    unpacked: Counter[str] = Counter()
    joined: defaultdict[str, bytes] = defaultdict(bytes)
    with tarfile.open(fileobj=io.BytesIO(saved)) as image:
        manifest = image.extractfile("manifest.json")
        layers = json.load(manifest)[0]["Layers"] if manifest else []
        for name in layers:
            with tarfile.open(fileobj=image.extractfile(name)) as layer:
                for member in layer:
                    file = layer.extractfile(member) if member.isfile() else None
                    if file is not None:
                        part = _part(member.name)
                        unpacked[part] += member.size
                        joined[part] += file.read()
    parts = {name: (unpacked[name], len(gzip.compress(joined[name]))) for name in unpacked}
    return Contents(len(gzip.compress(saved)), parts)


def _part(path: str) -> str:
    site, stdlib = "dist-packages/", "usr/lib/python3"
    if site in path:
        package = path.partition(site)[2].partition("/")[0]
        return "the client" if package.startswith("signotaur_") else "libraries from PyPI"
    if path.startswith(stdlib):
        return "standard library"
    if path.startswith("usr/bin/"):
        return "Python interpreter"
    if "/libcrypto" in path or "/libssl" in path:
        return "OpenSSL"
    if ".so" in path:
        return "libc and other libraries"
    return "licences, records, settings"


def _size_table(contents: Contents) -> str:
    parts = sorted(contents.parts.items(), key=lambda part: -part[1][1])
    rows = [
        (name, f"{unpacked / _MB:.1f} MB", f"{packed / _MB:.1f} MB", "")
        for name, (unpacked, packed) in parts
    ]
    unpacked = sum(part[0] for part in contents.parts.values())
    packed = Samples.of([contents.packed / _MB])
    goal = at_most(packed, 20, "20 MB")
    rows.append(
        (
            "`docker save IMAGE \\| gzip`",
            f"{unpacked / _MB:.1f} MB",
            f"{packed.median:.1f} MB",
            goal,
        )
    )
    return table(("in the image", "unpacked", "packed", "goal"), rows)


def _engine() -> str:
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    return subprocess.check_output(command, text=True).strip()


def _works(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    return done.returncode == 0


def _publish(results: str) -> None:
    print(results)
    text = _README.read_text("utf-8")
    before, found, rest = text.partition(_BEGIN)
    if not found:
        raise BenchmarkError(f"{_README} has no {_BEGIN}")
    after = rest.partition(_END)[2]
    _README.write_text(f"{before}{_BEGIN}\n{results}\n{_END}{after}", "utf-8")


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr)


if __name__ == "__main__":
    os.umask(0o022)
    main()
