"""A program with the documented command line of SignotaurTool, over the real key server.

Written from the vendor's page of ``rotate-key``; the vendor's own program was not run. Beside it
lies ``behavior.json``, which says what else it does. It appends what it was given to
``calls.jsonl``.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from signotaur_wire import keyformat, paths

HERE = Path(sys.argv[0]).parent
FAILURE, UNAUTHORIZED, INVALID_OVERLAP = 1, 2, 3


def main() -> int:
    behavior: dict[str, Any] = json.loads((HERE / "behavior.json").read_text())
    options = _parser().parse_args()
    _note(behavior)
    if behavior.get("prompt"):
        sys.stderr.write("Accept the licence [y/N]? ")
        sys.stderr.flush()
        if sys.stdin.read(1) != "y":
            sys.stderr.write("\nno answer\n")
    if behavior.get("code") is not None:
        sys.stderr.write(behavior.get("message", "it failed") + "\n")
        return int(behavior["code"])
    if behavior.get("not_due"):
        sys.stdout.write("The key does not expire within the window.\n")
        return 0
    if behavior.get("die") == "before the server":
        os._exit(9)
    try:
        facts = _rotate(options, os.environ[options.api_key_name])
    except requests.HTTPError as error:
        sys.stderr.write(f"The server answered {error.response.status_code}.\n")
        return {403: UNAUTHORIZED, 422: INVALID_OVERLAP}.get(error.response.status_code, FAILURE)
    except OSError as error:
        sys.stderr.write(f"The server cannot be reached: {error}\n")
        return FAILURE
    if behavior.get("die") == "before the output":
        os._exit(9)
    return _print(_filled(options.emit_secret, facts), behavior)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.exit_on_error = True
    commands = parser.add_subparsers(required=True)
    rotate = commands.add_parser("rotate-key", allow_abbrev=False)
    key = rotate.add_mutually_exclusive_group()
    key.add_argument("-a", "--api-key")
    key.add_argument("--af", "--api-key-file")
    rotate.add_argument("--akn", "--api-key-name", default="SIGNOTAUR_API_KEY", dest="api_key_name")
    rotate.add_argument("-s", "--sign-server", required=True)
    rotate.add_argument("-o", "--overlap-days", type=int, default=7)
    rotate.add_argument("--nar", "--no-auto-revoke", action="store_true", dest="no_auto_revoke")
    rotate.add_argument("--au", "--allow-untrusted", action="store_true")
    if json.loads((HERE / "behavior.json").read_text()).get("version", 2) >= 2:
        rotate.add_argument("--if-expiring-within")
    destination = rotate.add_mutually_exclusive_group()
    destination.add_argument("--wk", "--write-key-file")
    destination.add_argument("--we", "--write-env-file")
    destination.add_argument("-e", "--emit-secret")
    rotate.add_argument("--wn", "--write-env-var-name")
    return parser


def _note(behavior: dict[str, Any]) -> None:
    with (HERE / "calls.jsonl").open("a") as file:
        file.write(json.dumps({"argv": sys.argv[1:], "environ": dict(os.environ)}) + "\n")
    if delay := behavior.get("delay"):
        time.sleep(delay)


def _rotate(options: argparse.Namespace, old: str) -> dict[str, str]:
    """Open and confirm at once: this server has no rotation that waits for a delivery."""
    new, rotation = keyformat.generate(), uuid4()
    parsed = keyformat.parse(new)
    opened = _put(
        options.sign_server + paths.rotation(rotation),
        old,
        {
            "publicId": parsed.public_id,
            "keySha256": parsed.sha256,
            "overlapDays": options.overlap_days,
            "autoRevoke": not options.no_auto_revoke,
            "holder": "the tool",
            "again": True,
        },
    )
    _put(options.sign_server + paths.confirmation(rotation), new, None)
    return {
        "secret": new,
        "keyId": str(opened["newKeyId"]),
        "expiry": opened["newKeyExpiresAt"] or "",
        "overlapEnd": opened["overlapEnd"],
        "name": opened["newKeyName"],
    }


def _put(url: str, key: str, body: dict[str, object] | None) -> Any:
    answer = requests.put(url, json=body, headers={"Authorization": f"Bearer {key}"}, timeout=60)
    answer.raise_for_status()
    return answer.json()


def _filled(sink: str | None, facts: dict[str, str]) -> str:
    text = (sink or "template:{{secret}}").removeprefix("template:")
    for name, value in facts.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def _print(answer: str, behavior: dict[str, Any]) -> int:
    if behavior.get("ignores_template"):
        answer = "The new key was written to your profile."
    parts = [behavior.get("before", ""), answer, behavior.get("after", "")]
    text = behavior.get("line_end", "\n").join(part for part in parts if part)
    content = text.encode(behavior.get("encoding", "utf-8"))
    if (cut := behavior.get("cut_after")) is not None:
        os.write(1, content[: int(len(content) * cut)])
        os._exit(9)
    for start in range(0, len(content), 7):  # in small pieces, as a console writes
        os.write(1, content[start : start + 7])
    sys.stderr.write(behavior.get("stderr", ""))
    if behavior.get("die") == "after the output":
        os._exit(9)
    return int(behavior.get("code_after", 0))


if __name__ == "__main__":
    sys.exit(main())
