"""A peer to measure beside: what common rotation scripts do, in the fewest lines.

    naive_rotator.py URL KEY_FILE OVERLAP_DAYS

It has the old key's end arranged (at once with 0 days, else on a timer), and then writes the new
key to its file. It has no journal, no lease and no second try, and proves nothing first.
"""

import json
import sys
import urllib.request
from pathlib import Path
from uuid import uuid4

from signotaur_wire import keyformat, paths
from signotaur_wire.messages import RotationRequest


def ask(url: str, key: str, body: dict[str, object] | None = None) -> None:
    """Send a request that must succeed."""
    request = urllib.request.Request(  # noqa: S310 - a server of the test
        url,
        method="PUT",
        data=json.dumps(body).encode() if body else None,
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        json.load(answer)


def rotate(url: str, file: Path, overlap_days: int) -> None:
    """Rotate the key of a file."""
    old = file.read_text().strip()
    new = keyformat.generate()
    parsed = keyformat.parse(new)
    rotation = uuid4()
    wanted = RotationRequest(
        public_id=parsed.public_id,
        key_sha256=parsed.sha256,
        overlap_days=overlap_days,
        auto_revoke=True,
        holder=f"naive {rotation}",
        again=False,
    )
    ask(url + paths.rotation(rotation), old, wanted.to_json())
    ask(url + paths.confirmation(rotation), new)
    file.write_text(f"{new}\n")


if __name__ == "__main__":
    rotate(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
