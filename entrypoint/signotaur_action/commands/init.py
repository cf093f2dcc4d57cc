"""``init``: write the two workflows of a repository, and say what is left to be done by hand."""

from collections.abc import Mapping
from pathlib import Path

from signotaur_action.commands.runner import keys_after_failure
from signotaur_action.console.console import Console
from signotaur_action.console.prompt import asker
from signotaur_action.errors import (
    DestinationRefusedError,
    ExitCode,
    StopSignal,
    os_reason,
)
from signotaur_action.files.write_together import write_together
from signotaur_action.options.init import FOLDER, FORCE
from signotaur_action.process import end_watchdog
from signotaur_action.settings.init import answers
from signotaur_action.settings.invocation import Invocation
from signotaur_action.settings.layers import Settings
from signotaur_action.workflows.answers import INIT_FILES, Answers, workflows
from signotaur_action.workflows.manual_steps import remaining

_KEYS = "No key was used or asked for. No file was changed."


def run(invocation: Invocation) -> ExitCode:
    """Write both workflows or none."""
    end_watchdog()  # no lease runs out while a person thinks
    try:
        with keys_after_failure(_KEYS):
            found, paths = _written(invocation)
    except StopSignal as stop:
        raise stop.as_error().with_keys(_KEYS) from None
    _tell(found, paths, invocation.console(debug=False))
    return ExitCode.DONE


def _written(invocation: Invocation) -> tuple[Answers, list[Path]]:
    settings = invocation.settings()
    folder = Path(settings.text(FOLDER))
    overwrite = settings.flag(FORCE)
    _require_free(settings, [folder / name for name in INIT_FILES], overwrite=overwrite)
    found = answers(settings, asker(invocation.stdin, invocation.stderr))
    texts = {folder / name: text for name, text in workflows(found).items()}
    _write(texts, overwrite=overwrite)
    return found, list(texts)


def _tell(found: Answers, paths: list[Path], console: Console) -> None:
    console.note(f"Written: {' and '.join(map(str, paths))}.")
    if paths[0].parts[:-1] == (".github", "workflows") and not Path(".git").exists():
        console.warn("this is not the root of a repository; GitHub reads workflows only there.")
    console.note("Next steps:")
    for number, step in enumerate(remaining(found), start=1):
        console.note(f"{number}. {step}")


def _require_free(settings: Settings, paths: list[Path], *, overwrite: bool) -> None:
    for path in paths:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            settings.faults.append(f"{path} is not a regular file")
        elif path.exists() and not overwrite:
            settings.faults.append(f"{path} already exists; --force overwrites it")


def _write(texts: Mapping[Path, str], *, overwrite: bool) -> None:
    try:
        write_together(texts, overwrite=overwrite)
    except OSError as error:
        reason = os_reason(error)
        raise DestinationRefusedError(
            f"{error.filename or 'The workflows'} cannot be written ({reason})."
        ) from None
