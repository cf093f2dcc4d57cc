"""Measure the client, and rotations by the server; print the results and write them to README.md.

It takes about two minutes and never more than four. A missed goal is reported and fails nothing.
"""

import signal
import sys
import tempfile
from pathlib import Path

import key_server
from client_bench import (
    Package,
    RotationTimes,
    StartTimes,
    measure_imports,
    measure_rotation,
    measure_start,
)
from report import amount, at_least, at_most, busyness, machine, publish, ratio, table
from samples import Samples
from server_bench import HOLDERS, RotationRates, measure_rotations
from signing_bench import FILES, PARALLELISM, SigningRates, measure_signing

_MS = 1000
_LONGEST = 240
_SHOWN_PACKAGES = 10
_BARE_PYTHON = "`python -I -c pass`"


def main() -> None:
    _end_in_good_order()
    with tempfile.TemporaryDirectory(prefix="signotaur-bench-") as folder:
        home = Path(folder)
        results = _measure(home)
    publish("\n\n".join(results))


def _measure(home: Path) -> list[str]:
    others = busyness()
    _say("start of the client")
    start = measure_start(home)
    with (
        key_server.running(home / "tls", tls=True) as tls,
        key_server.running(home / "http", tls=False) as http,
    ):
        _say("rotation by the client")
        rotation = measure_rotation(tls, home)
        imports = measure_imports(tls, home)
        fresh = http.server.resident_mib
        _say("signing by the client")
        signing = measure_signing(tls, home)
        _say("rotations by the server")
        rates = measure_rotations(http, home)
        after_rotations = http.server.resident_mib
    client = [*_start_rows(start), *_rotation_rows(rotation), *_signing_rows(signing)]
    server = _rate_rows(rates)
    head = ("", "median (quartiles)", "ratio", "to", "goal")
    return [
        f"On {machine()}. Runnable processes of others in the minute before: {others}.",
        table(head, client),
        table(head, server),
        _memory(fresh, after_rotations),
        _imports(imports, rotation),
    ]


def _start_rows(times: StartTimes) -> list[tuple[str, ...]]:
    bare = times.bare_python
    goal = at_most(times.script.over(bare), 5, "5 times bare Python")
    return [
        (_BARE_PYTHON, amount(bare, "ms", 1, _MS), "1.00", "", ""),
        (
            "`signotaur-action --version`",
            amount(times.script, "ms", 1, _MS),
            ratio(times.script, bare),
            "bare Python",
            goal,
        ),
        (
            "the same as the image starts it",
            amount(times.module, "ms", 1, _MS),
            ratio(times.module, bare),
            "bare Python",
            "",
        ),
    ]


def _rotation_rows(times: RotationTimes) -> list[tuple[str, ...]]:
    client, peak = times.client, times.client_peak_mib
    shown = amount(client, "ms", 0, _MS)
    goal = at_most(client, 0.6, "600 ms")
    return [
        ("`rotate-key`", shown, ratio(client, times.bare_python), "bare Python", goal),
        _beside_curl("`rotate-key`", client.over(times.curl), 3.2),
        ("its peak memory", amount(peak, "MiB", 1), "", "", at_most(peak, 32, "32 MiB")),
        (
            "the curl script",
            amount(times.curl, "ms", 0, _MS),
            ratio(times.curl, times.bare_python),
            "bare Python",
            "",
        ),
        (
            "`guard`",
            amount(times.guard, "ms", 0, _MS),
            ratio(times.guard, times.bare_python),
            "bare Python",
            at_most(times.guard, 0.25, "250 ms"),
        ),
        _beside_curl("`guard`", times.guard.over(times.curl), 2.5),
        (
            "its peak memory",
            amount(times.guard_peak_mib, "MiB", 1),
            "",
            "",
            at_most(times.guard_peak_mib, 32, "32 MiB"),
        ),
    ]


def _beside_curl(what: str, ratios: Samples, most: float) -> tuple[str, ...]:
    goal = at_most(ratios, most, f"{most} times the curl script")
    return (what, "", f"{ratios.median:.2f}", "curl script", goal)


def _signing_rows(rates: SigningRates | None) -> list[tuple[str, ...]]:
    if rates is None:
        return [("`sign`", "osslsigncode 2.8 is missing", "", "", "")]
    what, trips = f"`sign`, {FILES} files, {PARALLELISM} at a time", rates.round_trips
    goal = f"≤ {FILES + 1}: {'met' if trips <= FILES + 1 else 'missed'}"
    own = amount(rates.local_key, "/s")
    faster = at_least(rates.client.over(rates.local_key), 1, "osslsigncode with its own key")
    each = ratio(rates.client, rates.local_key)
    return [
        (what, amount(rates.client, "/s"), each, "own key", faster),
        ("its requests to the server", str(trips), "", "", goal),
        ("`osslsigncode sign` with a key of its own", own, "1.00", "", ""),
    ]


def _rate_rows(rates: RotationRates) -> list[tuple[str, ...]]:
    server = rates.server
    goal = at_least(server, 100, "100/s")
    return [
        ("two bare commits", amount(rates.bare, "/s"), "1.00", "", ""),
        (
            "rotate and confirm",
            amount(server, "/s"),
            ratio(server, rates.bare),
            "two commits",
            goal,
        ),
    ]


def _memory(*moments: float | None) -> str:
    if None in moments:
        return "This system does not tell the server's memory."
    fresh, after_rotations = moments
    return (
        f"Resident memory of the server: {fresh:.0f} MiB when it is ready, "
        f"{after_rotations:.0f} MiB after the rotations. "
        f"Rotations came from {HOLDERS} holders at once."
    )


def _imports(packages: list[Package], rotation: RotationTimes) -> str:
    rows = [
        (f"`{package.name}`", f"{package.own_ms:.1f} ms", f"{package.whole_ms:.1f} ms")
        for package in packages[:_SHOWN_PACKAGES]
    ]
    own = sum(package.own_ms for package in packages)
    said = (
        f"Imports of a `rotate-key` take {own:.0f} ms under `-X importtime`, which slows them; "
        f"the whole run takes {rotation.client.median * _MS:.0f} ms without it."
    )
    return f"{said}\n\n{table(('package', 'own code', 'with all it loads'), rows)}"


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr)


def _end_in_good_order() -> None:
    """Leave every ``with`` block at SIGTERM, and when the time is over."""

    def stop(number: int, _frame: object) -> None:
        sys.exit(f"stopped by {signal.Signals(number).name}")

    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, stop)
    signal.alarm(_LONGEST)


if __name__ == "__main__":
    main()
