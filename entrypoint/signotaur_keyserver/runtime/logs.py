"""The log on stderr: lines for people, or JSON for programs that collect it."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from enum import StrEnum


class LogFormat(StrEnum):
    """How a line of the log looks."""

    TEXT = "text"
    JSON = "json"


TEXT_FORMATTER = logging.Formatter("%(asctime)s %(levelname)s %(message)s")


class JsonFormatter(logging.Formatter):
    """One JSON object in a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line = line_members(record.created, record.levelname, record.name, record.getMessage())
        if record.exc_info:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, default=str)


def line_members(created: float, level: str, logger: str, message: str) -> dict[str, object]:
    """Return what every line of JSON has. ``created``: seconds since 1970."""
    moment = datetime.fromtimestamp(created, UTC)
    return {
        "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "logger": logger,
        "message": message,
    }


def log_to_stderr(log_format: LogFormat = LogFormat.TEXT) -> None:
    """Send every log line of the process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else TEXT_FORMATTER)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("alembic", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
