"""The key check, ``GET /keys/self``, beside what people would take instead, all in one run."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import key_server
import many_keys
import peers
from key_server import KeyServer, description_of
from load import Load, Target, alternate
from processes import PYTHON, BenchmarkError, serving

from signotaur_wire import keyformat, paths

STORED = 100_000
FEW = 1_000
ASKED = 500
"""Keys that take turns."""
UNKNOWN = 15_000
"""Keys that take turns, more than the server keeps in memory."""
_ROUNDS, _SECONDS = 3, 150
_UNAUTHORIZED = 401


def measure_checks(home: Path) -> Mapping[str, Load]:
    """Alternate all targets; a peer that is not installed is left out."""
    with ExitStack() as stack:
        tls = stack.enter_context(key_server.running(home / "tls", tls=True))
        http = stack.enter_context(key_server.running(home / "http", tls=False))
        few = stack.enter_context(key_server.running(home / "few", tls=False))
        # Its uses are many, and it writes them from time to time: a server of its own.
        unknown = stack.enter_context(key_server.running(home / "unknown", tls=False))
        targets = {
            "plain": _target(http, many_keys.fill(http.folder, STORED, ASKED)),
            "tls": _target(tls, many_keys.fill(tls.folder, STORED, ASKED)),
            "few": _target(few, many_keys.fill(few.folder, FEW, ASKED)),
            "unknown": _target(unknown, many_keys.fill(unknown.folder, STORED, UNKNOWN)),
        }
        key = targets["plain"].keys[0]
        answer = home / "answer.json"
        answer.write_bytes(description_of(http, key))
        for name, files in {"bare": (), "bare tls": _tls_files(tls)}.items():
            bare = stack.enter_context(serving((*PYTHON, _bare(), str(answer), *files), home))
            targets[name] = replace(targets["plain"], url=bare.url)
        others = {
            "openbao": stack.enter_context(peers.openbao(home / "openbao", ASKED)),
            "django": stack.enter_context(peers.django(home / "django", tls.folder, FEW, ASKED)),
        }
        targets |= {name: target for name, target in others.items() if target is not None}
        loads = alternate(list(targets.values()), home, _ROUNDS, _SECONDS)
        _require_digest_check(http, key)
    return dict(zip(targets, loads, strict=True))


def _target(server: KeyServer, keys: tuple[str, ...]) -> Target:
    return Target(server.server.url, paths.KEYS_SELF, "Authorization", "Bearer ", keys)


def _bare() -> str:
    return str(Path(__file__).with_name("bare_app.py"))


def _tls_files(server: KeyServer) -> tuple[str, str]:
    return str(server.folder / "server.pem"), str(server.folder / "server-key.pem")


def _require_digest_check(keyserver: KeyServer, key: str) -> None:
    """Raise BenchmarkError when a key passes that only looks like one the server just served."""
    body = key[: -keyformat.CHECKSUM_LENGTH]
    other = body[:-1] + ("A" if body[-1] != "A" else "B")
    status, _ = keyserver.ask_self(other + keyformat.checksum(other))
    if status != _UNAUTHORIZED:
        raise BenchmarkError(f"a wrong key was answered {status}")
