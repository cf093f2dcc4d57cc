"""Brings a telling to stderr, to the job's output and summary files, and to stdout as JSON."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from signotaur_action.ci.runner_files import append
from signotaur_action.ci.text import file_record, json_line
from signotaur_action.console.console import Console
from signotaur_action.errors import DestinationRefusedError, SignotaurError
from signotaur_action.reporting.report_content import ReportContent, failure

_OUTPUTS, _SUMMARY = "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"


class Report:
    """Everybody who listens to one command."""

    def __init__(self, console: Console, environ: Mapping[str, str], *, as_json: bool) -> None:
        self._console = console
        self._as_json = as_json
        self._files = {
            variable: Path(environ[variable])
            for variable in (_OUTPUTS, _SUMMARY)
            if environ.get(variable)
        }

    def check(self) -> None:
        """Prove that outputs and summary can be written. Raises DestinationRefusedError."""
        for variable, path in self._files.items():
            try:
                append(path, "")
            except OSError as error:
                raise DestinationRefusedError(
                    f"${variable}, {path}, cannot be written ({(error.strerror or '').lower()}).",
                    next_step="Run the container as root, as GitHub requires for container "
                    f"actions; outside a job, unset {variable}.",
                ) from None

    def tell(self, telling: ReportContent) -> None:
        """Tell an outcome. Raises OSError when a listener that asked cannot be reached."""
        for line in telling.lines():
            self._console.note(line)
        self._write_outputs(telling)
        self._write_summary(telling)
        self._write_json(telling)

    def fail(
        self,
        error: SignotaurError,
        *,
        outputs: dict[str, str] | None = None,
        document: dict[str, object] | None = None,
    ) -> None:
        """Tell a failure. Never raises: there is nobody left to tell."""
        for name, result in error.results:
            self._console.note(f"  {name}: {result}")
        self._console.fail(error)
        telling = failure(error, outputs or {}, document or {})
        for write in (self._write_outputs, self._write_summary, self._write_json):
            with suppress(OSError):
                write(telling)

    def _write_outputs(self, telling: ReportContent) -> None:
        records = "".join(file_record(*pair) for pair in telling.outputs.items())
        append(self._files.get(_OUTPUTS), records)

    def _write_summary(self, telling: ReportContent) -> None:
        append(self._files.get(_SUMMARY), telling.markdown())

    def _write_json(self, telling: ReportContent) -> None:
        if self._as_json:
            self._console.emit(json_line(telling.document) + "\n")
