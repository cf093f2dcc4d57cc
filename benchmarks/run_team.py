"""Measure what a team needs of a server; write the results to README.md, between own markers."""

import signal
import sys
import tempfile
from pathlib import Path

from load import CONNECTIONS
from report import amount, at_least, at_most, busyness, machine, publish, ratio, table
from samples import Samples
from team_bench import (
    DUE,
    LISTED,
    Sweep,
    measure_instances,
    measure_list,
    measure_sweep,
    measure_workers,
)

from support.postgresql import programs

_LONGEST = 600


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, lambda *_: sys.exit("stopped"))
    signal.alarm(_LONGEST)
    others = busyness()
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory(prefix="signotaur-bench-") as folder:
        home = Path(folder)
        print("measuring: workers, instances, a sweep, a long list", file=sys.stderr)
        one, two = measure_workers(home)
        rows += _rates("key check, `serve`", one, "`serve --workers 2`", two, None)
        if programs() is not None:
            one, two = measure_instances(home)
            rows += _rates("key check on PostgreSQL", one, "two instances", two, 1.6)
        rows += _sweep(measure_sweep(home))
        empty, full = measure_list(home)
        rows.append(("`/keys` without a key", amount(empty, "ms", 1), "", ""))
        said = at_most(full.over(empty), 3, "3 times the empty page")
        shown = amount(full, "ms", 1), ratio(full, empty), said
        rows.append((f"`/keys` with {LISTED:,} keys", *shown))
    said = (
        f"On {machine()}. Runnable processes of others in the minute before: {others}. "
        f"{CONNECTIONS} connections to one server, or half of them to each of two."
    )
    results = table(("", "median (quartiles)", "ratio", "goal"), rows)
    publish(f"{said}\n\n{results}", "team results")


def _rates(
    first: str, one: Samples, second: str, two: Samples, goal: float | None
) -> list[tuple[str, ...]]:
    said = "" if goal is None else at_least(two.over(one), goal, f"{goal} times one")
    return [
        (first, amount(one, "/s"), "", ""),
        (f"the same, {second}", amount(two, "/s"), ratio(two, one), said),
    ]


def _sweep(sweep: Sweep) -> list[tuple[str, ...]]:
    longest = Samples.of([max(sweep.waits_ms)])
    title = f"longest read while {DUE:,} keys are revoked, {sweep.seconds:.1f} s"
    return [
        ("longest of 200 reads before", f"{max(sweep.quiet_ms):.1f} ms", "", ""),
        (title, f"{longest.median:.1f} ms", "", at_most(longest, 100, "100 ms")),
    ]


if __name__ == "__main__":
    main()
