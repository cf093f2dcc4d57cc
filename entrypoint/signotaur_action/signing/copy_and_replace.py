"""Change a file by a finished copy: completely, or not at all."""

from collections.abc import Callable
from pathlib import Path

from signotaur_action.errors import os_reason
from signotaur_action.signing import replacement
from signotaur_action.signing.der import DerError
from signotaur_action.signing.outcomes import FileResult, FileStatus, FormatError


def change_by_copy(path: Path, change: Callable[[Path, Path], FileResult]) -> FileResult:
    """Return the result of ``change``, or why it failed.

    It gets the file, with its path resolved, and a temporary folder beside it.
    """
    file = path.resolve()
    try:
        with replacement.temporary_folder_beside(file) as folder:
            return change(file, folder)
    except (FormatError, DerError) as fault:
        has_space = replacement.has_space_for_copy(file)
        reason = str(fault) if has_space else "no space left on its disk"
        return FileResult(path, FileStatus.FAILED, reason)
    except OSError as error:
        return FileResult(path, FileStatus.FAILED, os_reason(error))
