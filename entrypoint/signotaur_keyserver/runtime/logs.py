"""The log on stderr: lines for people, or JSON for programs that collect it."""

import json
import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from enum import StrEnum

from signotaur_keyserver.api.middleware import ACCESS_FIELDS, ACCESS_LOGGER


class LogFormat(StrEnum):
    """How a line of the log looks."""

    TEXT = "text"
    JSON = "json"


class TextFormatter(logging.Formatter):
    """A line for people. The text of a second is made once: it would be a third of a line."""

    _second, _text = -1, ""

    def formatTime(  # noqa: N802 - the name that logging calls
        self,
        record: logging.LogRecord,
        datefmt: str | None = None,  # noqa: ARG002
    ) -> str:
        """Return the local time of a record, with milliseconds."""
        second = int(record.created)
        if second != self._second:
            self._second = second
            self._text = time.strftime(self.default_time_format, self.converter(record.created))
        return f"{self._text},{int(record.msecs):03}"


class JsonFormatter(logging.Formatter):
    """One JSON object in a line; a request's parts are members of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.name == ACCESS_LOGGER and isinstance(record.args, tuple):
            line |= zip(ACCESS_FIELDS, record.args, strict=True)
        if record.exc_info:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, default=str)


def log_to_stderr(log_format: LogFormat = LogFormat.TEXT) -> None:
    """Send every log line of the process to stderr."""
    # What our lines do not show need not be looked up (logging HOWTO, "Optimization").
    logging.logThreads = False
    logging.logProcesses = False
    logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - as the HOWTO says
    text = TextFormatter("%(asctime)s %(levelname)s %(message)s")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else text)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("alembic", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
