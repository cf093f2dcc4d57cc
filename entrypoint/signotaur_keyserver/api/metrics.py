"""Counts in Prometheus' text format. Labels are states and statuses, never names or addresses."""

from collections import Counter
from collections.abc import Iterator, Mapping

from signotaur_keyserver.service.census import Census
from signotaur_keyserver.sweeper import SweepTotals
from signotaur_wire.signing import DONE

MEDIA_TYPE = "text/plain; version=0.0.4"


class RequestCounts:
    """Answers by status since the process started. Used by the event loop alone."""

    def __init__(self) -> None:
        self.by_status: Counter[int] = Counter()


class SignatureCounts:
    """Answers to requests for a signature, by outcome. Used by the event loop alone."""

    def __init__(self) -> None:
        self.by_result = {"made": 0, "refused": 0}

    def note(self, result: int) -> None:
        """Count an answer."""
        self.by_result["made" if result == DONE else "refused"] += 1


def exposition(
    census: Census, requests: RequestCounts, signatures: SignatureCounts, sweeps: SweepTotals
) -> str:
    """Return every metric as text."""
    lines = [
        *_family("signotaur_keys", "gauge", "Keys by state.", "state", census.keys),
        *_family("signotaur_rotations", "gauge", "Rotations by state.", "state", census.rotations),
        *_family(
            "signotaur_requests_total",
            "counter",
            "Requests answered, by status.",
            "status",
            {str(status): count for status, count in sorted(requests.by_status.items())},
        ),
        *_family(
            "signotaur_signatures_total",
            "counter",
            "Signatures asked for, by result.",
            "result",
            signatures.by_result,
        ),
        *_single("signotaur_sweeps_total", "Sweeps done.", sweeps.sweeps),
        *_single("signotaur_swept_keys_total", "Keys revoked by sweeps.", sweeps.revoked),
        *_single("signotaur_held_rotations_total", "Rotations held by sweeps.", sweeps.held),
    ]
    return "\n".join(lines) + "\n"


def _family(
    name: str, kind: str, text: str, label: str, values: Mapping[str, int]
) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for value, count in values.items():
        yield f'{name}{{{label}="{value}"}} {count}'


def _single(name: str, text: str, count: int) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} counter"
    yield f"{name} {count}"
