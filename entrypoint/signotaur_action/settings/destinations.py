"""Where a rotated key goes, from the settings: the sinks in order of delivery."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from signotaur_action.model import Secret
from signotaur_action.options.common import (
    API_KEY,
    API_KEY_NAME,
    EMIT_SECRET,
    FOLLOW_SYMLINKS,
    GITHUB_TOKEN,
    JSON,
    WRITE_ENV_FILE,
    WRITE_ENV_VAR_NAME,
    WRITE_KEY_FILE,
)
from signotaur_action.options.declare import Option
from signotaur_action.ports import Clock, Sink
from signotaur_action.settings.key import KeySource
from signotaur_action.settings.layers import Settings
from signotaur_action.settings.server import github_token, store_access
from signotaur_action.sinks import TAKES_STDOUT, FileSink, emitter
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.env_file import EnvFileSink
from signotaur_action.sinks.key_file import KeyFileSink
from signotaur_action.sinks.stdout import StdoutSink

FILES = (WRITE_KEY_FILE, WRITE_ENV_FILE)


class Output(Protocol):
    """What sinks may do with the output of this run."""

    def emit(self, text: str) -> None:
        """Write text to stdout, flushed."""

    def mask_token(self, token: Secret) -> None:
        """Make the CI system hide a token that this run was given."""


def destinations(
    settings: Settings, output: Output, source: KeySource | None, clock: Clock
) -> list[Sink]:
    """Return the sinks, the old key's own file last; faults gather in ``settings``."""
    context = sink_context(settings, output, clock, source)
    chosen = settings.one_of(*FILES, EMIT_SECRET)
    require_env_file(settings, chosen)
    if chosen is None:
        return [_stdout(settings, context)]
    option, values = chosen
    sinks = [sink for value in values if (sink := _sink(option, value, settings, context))]
    if option is EMIT_SECRET and settings.flag(JSON) and any(map(_takes_stdout, values)):
        settings.faults.append("--json and an --emit-secret that prints cannot be used together")
    return sorted(sinks, key=lambda sink: _is_source(sink, source))


def named_destinations(settings: Settings, output: Output, clock: Clock) -> list[Sink]:
    """Return the sinks of ``--emit-secret``, to look at; faults gather in ``settings``."""
    context = sink_context(settings, output, clock)
    values = settings.texts(EMIT_SECRET)
    return [sink for each in values if (sink := _sink(EMIT_SECRET, each, settings, context))]


def sink_context(
    settings: Settings,
    output: Output,
    clock: Clock,
    source: KeySource | None = None,
) -> SinkContext:
    """Return the world as this command's sinks see it; ``source`` is where the old key is from."""
    return SinkContext(
        output.emit,
        settings.environ,
        settings.flag(FOLLOW_SYMLINKS),
        github_token=github_token(settings),
        key_variables=_key_variables(settings),
        old_key=source.key if source else None,
        store_access=store_access(settings, clock),
        mask_token=output.mask_token,
    )


def _key_variables(settings: Settings) -> frozenset[str]:
    names = [API_KEY.input_variable, GITHUB_TOKEN.input_variable]
    return frozenset([*names, settings.text(API_KEY_NAME)])


def file_sink(
    option: Option, path: str, settings: Settings, context: SinkContext
) -> FileSink | None:
    """Return the sink of a file option; None with the fault in ``settings``."""
    try:
        if option is WRITE_KEY_FILE:
            return KeyFileSink(path, context)
        return EnvFileSink(path, settings.text(WRITE_ENV_VAR_NAME), context)
    except SinkError as fault:
        settings.faults.append(str(fault))
        return None


def require_env_file(settings: Settings, chosen: tuple[Option, Sequence[str]] | None) -> None:
    """Note the problem if a variable's name is given without a dotenv file."""
    for_env_file = chosen is not None and chosen[0] is WRITE_ENV_FILE
    if settings.is_given(WRITE_ENV_VAR_NAME) and not for_env_file:
        settings.faults.append("--write-env-var-name can only be used with --write-env-file")


def in_workspace(sinks: Sequence[Sink], environ: Mapping[str, str]) -> list[Path]:
    """Return the files among the sinks that lie in a GitHub job's workspace."""
    workspace = environ.get("GITHUB_WORKSPACE", "")
    if not workspace:
        return []
    resolved = os.path.realpath(workspace)  # as the sinks' own paths are
    written = [sink.file.path for sink in sinks if isinstance(sink, FileSink)]
    return [path for path in written if path.is_relative_to(resolved)]


def _sink(option: Option, value: str, settings: Settings, context: SinkContext) -> Sink | None:
    if option in FILES:
        return file_sink(option, value, settings, context)
    try:
        return emitter(value, context)
    except SinkError as fault:
        settings.faults.append(str(fault))
        return None


def _stdout(settings: Settings, context: SinkContext) -> Sink:
    # With --json the report prints the key as a member of its one object.
    silent = SinkContext(lambda _text: None, context.environ)
    return StdoutSink(silent if settings.flag(JSON) else context)


def _is_source(sink: Sink, source: KeySource | None) -> bool:
    # The old key's own file is written last: until then a new run starts from the old key.
    return isinstance(sink, FileSink) and source is not None and source.is_file(sink.file.path)


def _takes_stdout(emit_secret: str) -> bool:
    return emit_secret.partition(":")[0] in TAKES_STDOUT
