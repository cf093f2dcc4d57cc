"""What a rotation is reported as: prose, a JSON object, step outputs, a step summary."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from signotaur_action.ci_text import file_record
from signotaur_action.console import Console
from signotaur_action.errors import DestinationRefused, ExitCode, SignotaurError, Unfinished
from signotaur_action.model import Rotation
from signotaur_action.policy import describe_span
from signotaur_action.rotation import NotDue, Outcome, Rotated, WouldRotate
from signotaur_action.sinks.github import append
from signotaur_wire.members import format_optional_time, format_time

Rows = list[tuple[str, str]]

_MARKUP = re.compile(r"[&<>\\`*_\[\]!|~#@$]|:(?=//)|(?<=www)\.", re.IGNORECASE)


class RotationReport:
    """Tells the outcome, or the failure, of one ``rotate-key`` to everybody who listens."""

    def __init__(
        self, console: Console, environ: Mapping[str, str], *, as_json: bool, key_in_json: bool
    ) -> None:
        """``key_in_json``: the key was asked for on stdout, where the object stands instead."""
        self._console = console
        self._as_json = as_json
        self._key_in_json = key_in_json
        self._outputs = _file(environ, "GITHUB_OUTPUT")
        self._summary = _file(environ, "GITHUB_STEP_SUMMARY")

    def check(self) -> None:
        """Prove that outputs and summary can be written. Raises DestinationRefused."""
        for variable, path in (
            ("GITHUB_OUTPUT", self._outputs),
            ("GITHUB_STEP_SUMMARY", self._summary),
        ):
            try:
                append(path, "")
            except OSError as error:
                raise DestinationRefused(
                    f"${variable}, {path}, cannot be written ({(error.strerror or '').lower()}).",
                    next_step="Run the container as root, as GitHub demands of container actions; "
                    f"outside a job, unset {variable}.",
                ) from None

    def tell(self, outcome: Outcome) -> None:
        """Report what came of the run. Raises Unfinished if a rotation could not be reported."""
        headline, rows, next_step = _prose(outcome)
        self._console.note(headline)
        for label, value in rows:
            self._console.note(f"  {label}: {value}")
        self._console.note(f"Next: {next_step}")
        try:
            append(self._outputs, "".join(file_record(*pair) for pair in _outputs(outcome).items()))
            append(self._summary, _markdown(headline, rows, next_step))
            if self._as_json:
                self._console.emit(json.dumps(self._document(outcome)) + "\n")
        except OSError as error:
            raise _untold(outcome, error.strerror or type(error).__name__) from None

    def _document(self, outcome: Outcome) -> dict[str, object]:
        document = _document(outcome)
        if self._key_in_json and isinstance(outcome, Rotated):
            document["apiKey"] = outcome.key.reveal()
        return document

    def fail(self, error: SignotaurError) -> None:
        """Report a failure. Never raises: there is nobody left to tell."""
        self._console.fail(error)
        rows = [("Keys", error.keys)]
        try:
            append(self._outputs, file_record("rotated", "false"))
            append(self._summary, _markdown(f"Not finished: {error.what}", rows, error.next))
        except OSError:
            self._console.note("The step outputs and summary could not be written either.")
        if self._as_json:
            with suppress(OSError):
                self._console.emit(json.dumps(_failure(error)) + "\n")


def _untold(outcome: Outcome, reason: str) -> SignotaurError:
    what = f"The outcome could not be reported ({reason.lower()})."
    if isinstance(outcome, Rotated):
        return Unfinished(
            what,
            keys="The rotation itself is complete. The journal holds the new key until the "
            "outcome is reported.",
        )
    return SignotaurError(what, keys="Nothing was rotated; the key in use is unchanged.")


def _prose(outcome: Outcome) -> tuple[str, Rows, str]:
    if isinstance(outcome, Rotated):
        return _rotated_prose(outcome)
    key = outcome.key
    rows = [
        ("Key", f"{key.id} ({key.name}) of {key.owner}"),
        ("Expires", format_optional_time(key.expires_at) or "never"),
    ]
    if key.revokes_at is not None:
        rows.append(("Revoked at", format_time(key.revokes_at)))
    if isinstance(outcome, NotDue):
        left = (
            "has no end"
            if key.ends_at is None
            else (f"has {describe_span(key.ends_at - key.server_time)} left")
        )
        headline = f"Not due: the key {left}, the window is {describe_span(outcome.window)}."
        return headline, rows, "nothing; the key in use stays."
    what = "finish a rotation that was cut" if outcome.continues else "rotate this key"
    return f"Dry run: would {what}. Nothing was changed.", rows, "run it without --dry-run."


def _rotated_prose(outcome: Rotated) -> tuple[str, Rows, str]:
    rotation = outcome.rotation
    rows = [
        ("Old key", f"{rotation.old_key_id}, {_fate(rotation)}"),
        ("New key", f"{rotation.new_key_id} ({rotation.new_key_name})"),
        ("New key expires", format_optional_time(rotation.new_key_expires_at) or "never"),
        ("Overlap ends", format_time(rotation.overlap_end)),
        *(("Delivered to", name) for name in outcome.destinations),
    ]
    headline = f"Rotated key {rotation.old_key_id} to key {rotation.new_key_id}."
    if not outcome.durable:
        return headline, rows, f"store the new key now: the old one is {_fate(rotation)}."
    if rotation.auto_revoke:
        return (
            headline,
            rows,
            "bring the new key to all else that uses it until then.",
        )
    return (
        headline,
        rows,
        f"revoke key {rotation.old_key_id} by hand once nothing uses it.",
    )


def _fate(rotation: Rotation) -> str:
    if not rotation.auto_revoke:
        return "valid until somebody revokes it"
    if rotation.overlap_end <= rotation.server_time:
        return "revoked"
    return f"revoked at {format_time(rotation.overlap_end)}"


def _outputs(outcome: Outcome) -> dict[str, str]:
    if isinstance(outcome, Rotated):
        rotation = outcome.rotation
        return {
            "rotated": "true",
            "key-id": str(rotation.new_key_id),
            "old-key-id": str(rotation.old_key_id),
            "expires-at": format_optional_time(rotation.new_key_expires_at) or "",
            "overlap-end": format_time(rotation.overlap_end),
        }
    return {
        "rotated": "false",
        "key-id": str(outcome.key.id),
        "old-key-id": "",
        "expires-at": format_optional_time(outcome.key.expires_at) or "",
        "overlap-end": format_optional_time(outcome.key.revokes_at) or "",
    }


def _document(outcome: Outcome) -> dict[str, object]:
    if isinstance(outcome, Rotated):
        rotation = outcome.rotation
        return {
            "rotated": True,
            "keyId": rotation.new_key_id,
            "oldKeyId": rotation.old_key_id,
            "name": rotation.new_key_name,
            "expiresAt": format_optional_time(rotation.new_key_expires_at),
            "overlapEnd": format_time(rotation.overlap_end),
            "autoRevoke": rotation.auto_revoke,
            "destinations": list(outcome.destinations),
        }
    return {
        "rotated": False,
        "wouldRotate": isinstance(outcome, WouldRotate),
        "keyId": outcome.key.id,
        "name": outcome.key.name,
        "expiresAt": format_optional_time(outcome.key.expires_at),
        "revokesAt": format_optional_time(outcome.key.revokes_at),
    }


def _failure(error: SignotaurError) -> dict[str, object]:
    return {
        "rotated": False,
        "exitCode": int(error.code),
        "error": ExitCode(error.code).name.lower().replace("_", "-"),
        "what": error.what,
        "keys": error.keys,
        "next": error.next,
    }


def _markdown(headline: str, rows: Rows, next_step: str) -> str:
    lines = [f"### {_cell(headline)}", "", "| | |", "| --- | --- |"]
    lines += [f"| {_cell(label)} | {_cell(value)} |" for label, value in rows]
    return "\n".join([*lines, "", f"**Next:** {_cell(next_step)}", "", ""])


def _cell(text: str) -> str:
    """Return text as Markdown shows it: no markup, no link, no mention, no picture in it.

    Character references never are markup; addresses are broken up so that none becomes a link.
    """
    plain = _MARKUP.sub(lambda match: f"&#{ord(match[0])};", text)
    return plain.replace("\n", "<br>")


def _file(environ: Mapping[str, str], variable: str) -> Path | None:
    text = environ.get(variable, "")
    return Path(text) if text else None
