"""Writes a report to stderr, to the job's output and summary files, and to stdout as JSON."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from signotaur_action.ci.runner_files import append
from signotaur_action.ci.text import file_record, json_line
from signotaur_action.console.console import Console
from signotaur_action.errors import (
    DestinationRefusedError,
    SignotaurError,
    os_reason,
)
from signotaur_action.reporting.report_content import ReportContent, failure

_OUTPUTS, _SUMMARY = "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"


class Report:
    """The places that the result of one command is written to."""

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
                    f"${variable}, {path}, cannot be written ({os_reason(error)}).",
                    next_step="Run the container as root, as GitHub requires for container "
                    f"actions; outside a job, unset {variable}.",
                ) from None

    def publish(self, content: ReportContent) -> None:
        """Write a result everywhere it was requested. Raises OSError."""
        for line in content.lines():
            self._console.note(line)
        self._write_outputs(content)
        self._write_summary(content)
        self._write_json(content)

    def fail(
        self,
        error: SignotaurError,
        *,
        outputs: dict[str, str] | None = None,
        document: dict[str, object] | None = None,
    ) -> None:
        """Write a failure. Never raises."""
        for name, result in error.results:
            self._console.note(f"  {name}: {result}")
        self._console.fail(error)
        content = failure(error, outputs or {}, document or {})
        for write in (self._write_outputs, self._write_summary, self._write_json):
            with suppress(OSError):
                write(content)

    def _write_outputs(self, content: ReportContent) -> None:
        records = "".join(file_record(*pair) for pair in content.outputs.items())
        append(self._files.get(_OUTPUTS), records)

    def _write_summary(self, content: ReportContent) -> None:
        append(self._files.get(_SUMMARY), content.markdown())

    def _write_json(self, content: ReportContent) -> None:
        if self._as_json:
            self._console.emit(json_line(content.document) + "\n")
