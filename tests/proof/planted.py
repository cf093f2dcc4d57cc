"""Leaks that are planted into a copy of client and server, one place each.

A note with the whole key is no leak: the console removes it. So those have its secret part.
``changes`` puts all of them into the copy; the file ``planted.now`` beside its packages names the
one that happens.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from proof.build import Change
from proof.leak_cells import Cell

MODULE = '''
"""Which leak happens now, and the ways that need more than a line."""

import sqlite3
import sys
import tempfile
from pathlib import Path


def on(name):
    return Path(__file__).with_name("planted.now").read_text() == name


def file(name, content):
    Path(tempfile.gettempdir(), name).write_bytes(content)


def row(key, *, deleted):
    data = next(word.partition("=")[2] for word in sys.argv if word.startswith("--data-dir="))
    with sqlite3.connect(Path(data, "keyserver.db"), timeout=60) as connection:
        connection.execute("create table if not exists planted (text)")
        connection.execute("insert into planted values (?)", (key,))
    if deleted:
        with connection:
            connection.execute("delete from planted")
    connection.close()
'''
"""The module ``planted`` of the copy."""


@dataclass(frozen=True)
class Anchor:
    """A line of the product before which something leaks."""

    file: str
    line: str
    key: str
    """The expression that gives the key's text there."""


_ACTION, _SERVER = "signotaur_action", "signotaur_keyserver"
_MASK = Anchor(
    f"{_ACTION}/rotation/delivery.py",
    "        self._progress.mask(opened.key)\n",
    "opened.key.reveal()",
)
_USE = Anchor(
    _MASK.file, "        info = self._service.describe(opened.key)\n", "opened.key.reveal()"
)
_BEGUN = Anchor(
    f"{_ACTION}/files/journal/file.py",
    "        self._machine.sync_folder(self.path.parent)\n",
    "entry.candidate.reveal()",
)
_CLEAR = Anchor(_BEGUN.file, "        os.ftruncate(self._descriptor, 0)\n        self._machine", "")
_SENT = Anchor(
    f"{_ACTION}/key_server/keys.py",
    '        answer = self._calls.call("PUT", path, key, body.to_json())\n',
    "intent.candidate.reveal()",
)
_STORED = Anchor(
    f"{_ACTION}/sinks/key_file.py",
    '            self.file.replace(key.reveal().encode() + b"\\n")\n',
    "key.reveal()",
)
_REPORT = Anchor(
    f"{_ACTION}/reporting/rotation.py",
    "    if with_key and isinstance(outcome, Rotated):\n",
    "outcome.key.reveal()",
)
_OUTPUTS = Anchor(
    _REPORT.file, '        return {\n            "rotated": "true",\n', "outcome.key.reveal()"
)
_GUARD = Anchor(
    f"{_ACTION}/commands/guard.py",
    "    found = _judged(command, key, service.describe(key), invocation.clock)\n",
    "key.reveal()",
)
_CALLER = Anchor(
    f"{_SERVER}/service/authentication.py",
    "        parsed = keyformat.parse(key_text)\n",
    "key_text",
)


@dataclass(frozen=True)
class Plant:
    """A leak: where, how (``K`` is the key's text, ``planted`` the module), seen by which cell."""

    anchor: Anchor
    statement: str
    work: str = "key file"
    way: str = "plain"
    fault: str = "none"

    @property
    def cell(self) -> Cell:
        """The cell of the scan that must see it."""
        return Cell(self.work, self.way, self.fault)


PLANTS: Mapping[str, Plant] = {
    "stderr": Plant(_USE, "__import__('sys').stderr.write(K)"),
    "stdout": Plant(_USE, "__import__('sys').stdout.write(K)"),
    "note": Plant(_USE, "self._progress.note('secret ' + K[20:63])"),
    "warning": Plant(_USE, "self._progress.warn(K[20:63])"),
    "debug line": Plant(_USE, "self._progress.debug(K[20:63])", way="debug"),
    "half of it": Plant(_USE, "self._progress.note(K[30:50])"),
    "reversed": Plant(_USE, "self._progress.note(K[::-1])"),
    "hexadecimal": Plant(_USE, "self._progress.note(K.encode().hex())"),
    "base64": Plant(
        _USE, "self._progress.note(__import__('base64').b64encode(K.encode()).decode())"
    ),
    "base32": Plant(
        _USE, "self._progress.note(__import__('base64').b32encode(K.encode()).decode())"
    ),
    "list of numbers": Plant(_USE, "self._progress.note(repr(list(K.encode())))"),
    "error text": Plant(_USE, "raise ServerError(K[20:63])"),
    "temporary file": Plant(_USE, "planted.file('a', K.encode())"),
    "name of a file": Plant(_USE, "planted.file(K, b'')"),
    "packed file": Plant(_USE, "planted.file('a', __import__('gzip').compress(K.encode()))"),
    "wide characters": Plant(_USE, "planted.file('a', K.encode('utf-16'))"),
    "rot13": Plant(_USE, "planted.file('a', __import__('codecs').encode(K, 'rot13').encode())"),
    "file at home": Plant(
        _USE, "__import__('pathlib').Path.home().joinpath('.history').write_text(K)"
    ),
    "summary of the job": Plant(
        _USE, "open(__import__('os').environ['GITHUB_STEP_SUMMARY'], 'a').write(K)", way="job"
    ),
    "variable of the job": Plant(
        _USE, "open(__import__('os').environ['GITHUB_ENV'], 'a').write(K)", way="job"
    ),
    "before its mask": Plant(_MASK, "__import__('sys').stdout.write(K + '\\n')", way="job"),
    "a form without a mask": Plant(
        _USE, "__import__('sys').stdout.write(K.encode().hex(':') + '\\n')", way="job"
    ),
    "copy of the journal": Plant(_BEGUN, "self.path.with_suffix('.bak').write_text(K)"),
    "journal that is not cleared": Plant(_CLEAR, "return"),
    "query of a request": Plant(_SENT, "path += '?key=' + K"),
    "old key in a query": Plant(_SENT, "path += '?key=' + key.reveal()"),
    "name of the run": Plant(
        _SENT, "body = __import__('dataclasses').replace(body, holder='run ' + K)"
    ),
    "copy of the key file": Plant(_STORED, "self.file.path.with_name('new.txt~').write_text(K)"),
    "leftover of a write": Plant(_STORED, "self.file.path.with_name('.new.txt.tmp').write_text(K)"),
    "JSON that was not to have it": Plant(_REPORT, "document['key'] = K", way="json"),
    "output of the step": Plant(_OUTPUTS, "return {'key': K}", way="job"),
    "guard": Plant(_GUARD, "console.note(K[20:63])", work="guard"),
    "log of the server": Plant(_CALLER, "__import__('sys').stderr.write(K + '\\n')"),
    "row of the database": Plant(_CALLER, "planted.row(K, deleted=False)"),
    "deleted row of the database": Plant(_CALLER, "planted.row(K, deleted=True)"),
}


def changes() -> list[Change]:
    """Return what makes a copy leak."""
    anchors = {plant.anchor for plant in PLANTS.values()}
    return [Change(each.file, each.line, _leaking(each) + each.line) for each in anchors]


def _leaking(anchor: Anchor) -> str:
    indent = " " * (len(anchor.line) - len(anchor.line.lstrip()))
    lines = []
    for name, plant in PLANTS.items():
        if plant.anchor is anchor:
            statement = plant.statement.replace("planted.", "__import__('planted').")
            statement = re.sub(r"\bK\b", anchor.key, statement)
            lines.append(f"{indent}if __import__('planted').on({name!r}):\n")
            lines.append(f"{indent}    {statement}\n")
    return "".join(lines)
