"""The command line: declares the commands, builds the real world for them, ends the process.

A command's module is loaded by ``_run`` when the command runs, and nowhere else.
"""

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main

from signotaur_action import process
from signotaur_action.ci.detect import under_github
from signotaur_action.errors import SignotaurError, StopSignal, UsageFaults
from signotaur_action.machine.clock import SystemClock
from signotaur_action.options import common as options
from signotaur_action.options import init as init_options
from signotaur_action.options import sign as sign_options
from signotaur_action.settings.invocation import Invocation

# Typer carries its own copy of Click from some release on: the class is found, not imported.
_COMMAND_LINE_ERROR: Any = typer.BadParameter.__base__

_EXTRAS = {"asn1crypto": "sign"}
"""Libraries that only some commands need, and the extra that brings them."""

app = typer.Typer(
    name="signotaur-action",
    help="Rotate the API keys of a code-signing server from CI.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _top(
    version: Annotated[
        bool | None, typer.Option("--version", help="Show the version and exit.")
    ] = None,
) -> None:
    pass


@app.command("rotate-key")
def rotate_key(
    context: typer.Context,
    api_key: options.ApiKey = None,
    api_key_file: options.ApiKeyFile = None,
    api_key_name: options.ApiKeyName = None,
    sign_server: options.SignServer = None,
    overlap_days: options.OverlapDays = None,
    no_auto_revoke: options.NoAutoRevoke = None,
    write_key_file: options.WriteKeyFile = None,
    write_env_file: options.WriteEnvFile = None,
    write_env_var_name: options.WriteEnvVarName = None,
    emit_secret: options.EmitSecret = None,
    github_token: options.GithubToken = None,
    allow_untrusted: options.AllowUntrusted = None,
    if_expiring_within: options.IfExpiringWithin = None,
    again: options.Again = None,
    defer_confirm: options.DeferConfirm = None,
    dry_run: options.DryRun = None,
    ca_file: options.CaFile = None,
    timeout: options.Timeout = None,
    follow_symlinks: options.FollowSymlinks = None,
    state_dir: options.StateDir = None,
    json: options.AsJson = None,
    debug: options.Debug = None,
) -> int:
    """Rotate an API key: the old and the new one both work during the overlap."""
    return _run("rotate_key", context)


@app.command("confirm-rotation")
def confirm_rotation(
    context: typer.Context,
    api_key: options.ApiKey = None,
    api_key_file: options.ApiKeyFile = None,
    api_key_name: options.ApiKeyName = None,
    sign_server: options.SignServer = None,
    rotation_id: options.RotationId = None,
    allow_untrusted: options.AllowUntrusted = None,
    ca_file: options.CaFile = None,
    timeout: options.Timeout = None,
    json: options.AsJson = None,
    debug: options.Debug = None,
) -> int:
    """Confirm a rotation with its new key, once that is stored: the last step of a deferred one."""
    return _run("confirm_rotation", context)


@app.command("guard")
def guard(
    context: typer.Context,
    api_key: options.ApiKey = None,
    api_key_file: options.ApiKeyFile = None,
    api_key_name: options.ApiKeyName = None,
    sign_server: options.SignServer = None,
    fail_if_expiring_within: options.FailIfExpiringWithin = None,
    warn_if_expiring_within: options.WarnIfExpiringWithin = None,
    max_age: options.MaxAge = None,
    report_issue: options.ReportIssue = None,
    github_token: options.GithubToken = None,
    allow_untrusted: options.AllowUntrusted = None,
    ca_file: options.CaFile = None,
    timeout: options.Timeout = None,
    json: options.AsJson = None,
    debug: options.Debug = None,
) -> int:
    """Fail a build early when its API key is near its end, or was replaced."""
    return _run("guard", context)


@app.command("sign")
def sign(
    context: typer.Context,
    files: sign_options.Files = None,
    api_key: options.ApiKey = None,
    api_key_file: options.ApiKeyFile = None,
    api_key_name: options.ApiKeyName = None,
    sign_server: options.SignServer = None,
    thumbprint: sign_options.Thumbprint = None,
    label: sign_options.Label = None,
    subject: sign_options.Subject = None,
    file_digest: sign_options.FileDigest = None,
    timestamp_server: sign_options.TimestampServer = None,
    timestamp_digest: sign_options.TimestampDigest = None,
    fallback_timestamp_server: sign_options.FallbackTimestampServer = None,
    file_list: sign_options.FileList = None,
    base_directory: sign_options.BaseDirectory = None,
    fail_if_expiring_within: options.FailIfExpiringWithin = None,
    append: sign_options.Append = None,
    replace: sign_options.Replace = None,
    trust_existing_signatures: sign_options.TrustExistingSignatures = None,
    additional_certificates: sign_options.AdditionalCertificates = None,
    description: sign_options.Description = None,
    description_url: sign_options.DescriptionUrl = None,
    max_degree_of_parallelism: sign_options.MaxDegreeOfParallelism = None,
    allow_untrusted: options.AllowUntrusted = None,
    ca_file: options.CaFile = None,
    timeout: options.Timeout = None,
    json: options.AsJson = None,
    debug: options.Debug = None,
) -> int:
    """Sign files; the private key stays on the server, which signs their digests."""
    return _run("sign", context)


auth = typer.Typer(help="Store API keys.", rich_markup_mode=None)
app.add_typer(auth, name="auth")


@auth.command("set-key")
def set_key(
    context: typer.Context,
    from_stdin: options.FromStdin = None,
    from_env: options.FromEnv = None,
    api_key: options.ApiKey = None,
    write_key_file: options.WriteKeyFile = None,
    write_env_file: options.WriteEnvFile = None,
    write_env_var_name: options.WriteEnvVarName = None,
    if_missing: options.IfMissing = None,
    verify: options.Verify = None,
    sign_server: options.SignServer = None,
    allow_untrusted: options.AllowUntrusted = None,
    ca_file: options.CaFile = None,
    timeout: options.Timeout = None,
    follow_symlinks: options.FollowSymlinks = None,
    debug: options.Debug = None,
) -> int:
    """Store an API key in a file without showing it."""
    return _run("set_key", context)


@app.command("init")
def init(
    context: typer.Context,
    sign_server: options.SignServer = None,
    environment: init_options.Environment = None,
    secret: init_options.SecretName = None,
    key_file: init_options.KeyFile = None,
    runner: init_options.Runner = None,
    if_expiring_within: options.IfExpiringWithin = None,
    fail_if_expiring_within: options.FailIfExpiringWithin = None,
    branch: init_options.Branch = None,
    action: init_options.ActionReference = None,
    folder: init_options.Folder = None,
    force: init_options.Force = None,
) -> int:
    """Write the GitHub workflows that rotate the key and guard builds; asks what is not given."""
    return _run("init", context)


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the process's exit code; nothing escapes as an exception."""
    _prepare_streams()
    process.guard(os.environ)
    console = _invocation({}).console(debug=False)
    try:
        return _command(list(arguments) or _action_command())
    except StopSignal as stop:
        error: SignotaurError = stop.as_error()
    except SignotaurError as expected:
        error = expected
    except Exception as bug:  # noqa: BLE001 - the last resort; its text could hold anything
        error = SignotaurError(
            f"Internal error: {_place_of(bug)}.",
            keys="Every key that worked before still works.",
            next_step="Run the same command again; if that fails too, report it with --debug.",
        )
    console.fail(error)
    return error.code


def _run(module: str, context: typer.Context) -> int:
    try:
        command = import_module(f"signotaur_action.commands.{module}")
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from None
    code: int = command.run(_invocation(context.params))
    return code


def _invocation(given: Mapping[str, object]) -> Invocation:
    return Invocation(given, os.environ, sys.stdin, sys.stdout, sys.stderr, SystemClock())


def _not_installed(missing: ModuleNotFoundError) -> Exception:
    extra = _EXTRAS.get((missing.name or "").partition(".")[0])
    if extra is None:
        return missing
    return UsageFaults(
        [f"this command needs {missing.name}, which is not installed"],
        next_step=f"Install signotaur-action[{extra}] and run the command again.",
    )


def _command(arguments: list[str]) -> int:
    command = typer.main.get_command(app)
    try:
        code = command.main(arguments, prog_name="signotaur-action", standalone_mode=False)
    except _COMMAND_LINE_ERROR as error:
        raise UsageFaults([error.format_message()]) from None
    return int(code or 0)


def _action_command() -> list[str]:
    """Return the command of an action's step, which passes inputs and no arguments."""
    if not under_github(os.environ):
        return ["--help"]
    return [os.environ.get("INPUT_COMMAND", "").strip() or "rotate-key"]


def _prepare_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


def _place_of(bug: BaseException) -> str:
    frames = traceback.extract_tb(bug.__traceback__)
    place = frames[-1] if frames else None
    where = "" if place is None else f" in {place.name}, {Path(place.filename).name}:{place.lineno}"
    return f"{type(bug).__name__}{where}"
