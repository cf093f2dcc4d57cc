"""``auth set-key``: store a key in a file, safely, and without showing it."""

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from signotaur_action.ci.detect import journal_folders
from signotaur_action.commands.runner import keys_after_failure, run_with_report, warn_of_trust
from signotaur_action.console.console import Console
from signotaur_action.errors import (
    DeliveryError,
    ExitCode,
    UsageError,
)
from signotaur_action.files.journal import belongs_to, file_locked, journals_of
from signotaur_action.files.keytext import KeyTextError, parse_key, without_line_end
from signotaur_action.key_server import HttpKeyService
from signotaur_action.model import Secret
from signotaur_action.options.common import API_KEY, FROM_ENV, FROM_STDIN, IF_MISSING, VERIFY
from signotaur_action.options.declare import Option
from signotaur_action.ports import Clock
from signotaur_action.reporting import Report
from signotaur_action.settings.destinations import FILES, file_sink, require_env_file, sink_context
from signotaur_action.settings.invocation import Invocation
from signotaur_action.settings.layers import Settings
from signotaur_action.settings.server import server_address
from signotaur_action.sinks import FileSink

_SOURCES = (FROM_STDIN, FROM_ENV, API_KEY)
_LONGEST = 4096
_NOT_STORED = "Nothing was stored; the destination is unchanged."
_OWN = "rotate-key finishes the rotation."
_FOREIGN = "To finish the rotation, run rotate-key with its old or its new key."


def run(invocation: Invocation) -> ExitCode:
    """Store the key. Every failure leaves the destination as it was."""

    def work(settings: Settings, console: Console, report: Report) -> ExitCode:
        del report  # this command has no outputs
        with keys_after_failure(_NOT_STORED):
            _set_key(settings, invocation, console)
        return ExitCode.DONE

    return run_with_report(invocation, work, document={"stored": False})


def _set_key(settings: Settings, invocation: Invocation, console: Console) -> None:
    sink = _destination(settings, console, invocation.clock)
    source = _source(settings)
    verify = settings.flag(VERIFY)
    server = server_address(settings) if verify else None
    if settings.faults or sink is None or source is None:
        raise UsageError(settings.faults)
    if settings.flag(IF_MISSING) and sink.file.path.exists():
        console.note(f"{sink.file.path} already exists and was not changed (--if-missing).")
        return
    for concern in sink.check():
        console.warn(concern)
    key = _key(source, settings, console, invocation.stdin)
    if server is not None:
        warn_of_trust(server, console)
        info = HttpKeyService(server, invocation.clock).describe(key)
        console.note(f"The server knows this key: {info.id} ({info.name}) of {info.owner}.")
    _store(sink, key, journal_folders(settings.environ), console)


def _store(sink: FileSink, key: Secret, folders: Sequence[Path], console: Console) -> None:
    # The journal's lock keeps a rotation of the same file out while it is written.
    with file_locked(sink.file.path) as journals:
        replaced = _present_key(sink)
        elsewhere = [] if replaced is None else journals_of(replaced, folders)
        for path, entry in [*journals, *elsewhere]:
            console.warn(
                f"A rotation was interrupted. Its journal {path} may contain the only copy of a "
                f"key. {_OWN if belongs_to(entry, key, entry.server) else _FOREIGN} Delete the "
                "file only if nobody needs its keys."
            )
        sink.store(key)
        if sink.read_back() != key:
            raise DeliveryError(f"{sink.name} does not contain the key that was written to it.")
    console.note(f"Stored: {sink.name}.")


def _present_key(sink: FileSink) -> Secret | None:
    try:
        return sink.read_back()
    except DeliveryError:  # what cannot be read may be replaced
        return None


def _destination(settings: Settings, console: Console, clock: Clock) -> FileSink | None:
    chosen = settings.one_of(*FILES)
    require_env_file(settings, chosen)
    if chosen is None:
        settings.faults.append("no destination: give --write-key-file or --write-env-file")
        return None
    return file_sink(chosen[0], chosen[1][0], settings, sink_context(settings, console, clock))


def _source(settings: Settings) -> tuple[Option, Sequence[str]] | None:
    source = settings.one_of(*_SOURCES)
    if source is None:
        settings.faults.append("no key: give --from-stdin, --from-env NAME or --api-key")
    return source


def _key(
    source: tuple[Option, Sequence[str]], settings: Settings, console: Console, stdin: TextIO
) -> Secret:
    option, values = source
    if option is FROM_STDIN:
        text, label = _typed_or_piped(stdin), "stdin"
    elif option is FROM_ENV:
        text, label = settings.environ.get(values[0], ""), f"the variable {values[0]}"
        if not text:
            raise UsageError([f"{label} is not set, or empty"])
    else:
        text, label = values[0], "--api-key"
        console.warn(
            "--api-key shows the key in process lists and shell histories; prefer --from-stdin."
        )
    try:
        key = parse_key(without_line_end(text).strip())
    except KeyTextError as error:
        raise UsageError([f"{label} does not contain a key: {error}"]) from None
    console.mask(key)
    return key


def _typed_or_piped(stdin: TextIO) -> str:
    if stdin.isatty():
        return getpass.getpass("API key (not shown): ")
    return stdin.read(_LONGEST).removeprefix("\ufeff")
