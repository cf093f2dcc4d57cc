"""Measure the key check beside its peers; write the results to README.md, between own markers."""

import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from check_bench import ASKED, FEW, STORED, UNKNOWN, measure_checks
from load import CONNECTIONS, Load
from report import amount, at_least, at_most, busyness, machine, publish, ratio, table

_LONGEST = 420
_SHOWN = {
    "bare": "bare server",
    "plain": "key check",
    "few": f"the same, {FEW:,} keys stored",
    "unknown": f"the same, {UNKNOWN:,} keys in turn",
    "bare tls": "bare server, TLS",
    "tls": "key check, TLS",
    "openbao": "OpenBao's `lookup-self`, TLS",
    "django": "Django's API key, TLS",
}
# What is compared with what, and the goal: at least so many times as many a second.
_RATES = (
    ("plain", "bare", 0.45),
    ("plain", "few", 0.9),
    ("unknown", "plain", None),
    ("tls", "bare tls", None),
    ("tls", "openbao", 1.2),
    ("tls", "django", 3.0),
)


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, lambda *_: sys.exit("stopped"))
    signal.alarm(_LONGEST)
    others = busyness()
    print("measuring: key checks", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="signotaur-bench-") as folder:
        loads = measure_checks(Path(folder))
    said = (
        f"On {machine()}. Runnable processes of others in the minute before: {others}. "
        f"{CONNECTIONS} connections, {STORED:,} keys stored and {ASKED} of them in turn, "
        "where nothing else is said."
    )
    rates = table(("", "median (quartiles)", "p99"), _load_rows(loads))
    ratios = table(("", "to", "ratio of the rates", "goal"), _ratio_rows(loads))
    publish(f"{said}\n\n{rates}\n\n{ratios}", "server results")


def _load_rows(loads: Mapping[str, Load]) -> list[tuple[str, ...]]:
    return [
        (shown, amount(load.per_second, "/s"), amount(load.p99_ms, "ms", 1))
        for name, shown in _SHOWN.items()
        if (load := loads.get(name))
    ]


def _ratio_rows(loads: Mapping[str, Load]) -> list[tuple[str, ...]]:
    rows = []
    for name, base, goal in _RATES:
        if name in loads and base in loads:
            rate, of_base = loads[name].per_second, loads[base].per_second
            said = "" if goal is None else at_least(rate.over(of_base), goal, f"{goal}")
            rows.append((_SHOWN[name], _SHOWN[base], ratio(rate, of_base), said))
    if "openbao" in loads:
        p99, of_openbao = loads["tls"].p99_ms, loads["openbao"].p99_ms
        said = at_most(p99.over(of_openbao), 1, "1")
        rows.append(("its p99, TLS", "OpenBao's p99", ratio(p99, of_openbao), said))
    return rows


if __name__ == "__main__":
    main()
