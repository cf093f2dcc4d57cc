"""Work on many files in parallel: one result for each, reported as it comes."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

from signotaur_action.errors import SigningRefusedError, SignotaurError
from signotaur_action.ports import ProgressDisplay
from signotaur_action.signing.outcomes import FileResult, FileStatus

_UNTRIED = "not tried because of the earlier failure"


class ParallelWork:
    """Does the same work on each file, once, and stops when no file can succeed any more."""

    def __init__(
        self, work: Callable[[Path], FileResult], parallelism: int, display: ProgressDisplay
    ) -> None:
        """``work`` raises SignotaurError if no other file could succeed either."""
        self._work = work
        self._parallelism = parallelism
        self._display = display
        self._stopped = threading.Event()
        self.cause: SignotaurError | None = None
        """What ended the work before all files were tried, such as a server that died."""

    def run(self, files: Sequence[Path]) -> list[FileResult]:
        """Work on the files; return the results in their order."""
        pool = ThreadPoolExecutor(self._parallelism, thread_name_prefix="file")
        try:
            futures = [pool.submit(self._one, file) for file in files]
            for number, future in enumerate(as_completed(futures), start=1):
                self._report(future, number, len(files))
            return [future.result() for future in futures]
        finally:
            self._stopped.set()
            pool.shutdown(cancel_futures=True)
            self._display.progress("")

    def _one(self, file: Path) -> FileResult:
        if self._stopped.is_set():
            return FileResult(file, FileStatus.UNTRIED, _UNTRIED)
        try:
            return self._work(file)
        except SigningRefusedError as refused:  # perhaps only for this file
            return FileResult(file, FileStatus.FAILED, refused.what)
        except SignotaurError as error:
            self.cause = self.cause or error
            self._stopped.set()
            return FileResult(file, FileStatus.FAILED, error.what)

    def _report(self, future: Future[FileResult], number: int, count: int) -> None:
        result = future.result()
        line = f"{result.status}: {result.path}" + (f" ({result.reason})" if result.reason else "")
        if self._display.is_live and not (result.has_failed or result.status is FileStatus.SKIPPED):
            self._display.progress(f"{number} of {count}  {result.path}")
        else:
            self._display.note(line)
