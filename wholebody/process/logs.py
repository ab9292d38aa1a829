"""Where log lines go and what they look like: text for people, or an object a line for machines."""

import logging
import logging.config
from typing import Any, Literal

from wholebody.process.request_ids import current_request_id

LogFormat = Literal["text", "json"]

_KEPT_QUIET = {
    "urllib3": "ERROR",  # its lines, warnings too, hold addresses in full, and with them signatures
    "gunicorn.access": "CRITICAL",  # has the query of each request; `request_hooks.py` writes a line without
    "PIL": "INFO",  # every chunk of every file
}


class RequestIdFilter(logging.Filter):
    """Gives a record the id of the request in hand, where there is one. It runs in the thread that logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        if request_id := current_request_id():
            record.request_id = request_id
        return True


class GunicornFilter(logging.Filter):
    """Takes out of gunicorn's lines what a caller wrote: a query or a malformed header may hold a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, cut where it must be."""
        text = str(record.msg)
        if text.startswith("Invalid request from ip="):
            record.msg, record.args = text.partition(": ")[0], ()
        elif text == "Ignored premature client disconnection. %s":
            record.msg, record.args = text.removesuffix(" %s"), ()
        elif text.startswith("Error handling request") and isinstance(record.args, tuple):
            record.args = tuple(str(arg).partition("?")[0] for arg in record.args)
        return True


class TextFormatter(logging.Formatter):
    """Time, level, logger, request id and message."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        """One line; a traceback comes below it."""
        request_id = getattr(record, "request_id", "")
        record.origin = f"{record.name} [{request_id}]" if request_id else record.name
        return super().formatMessage(record)


def logging_config(level: str, log_format: LogFormat) -> dict[str, Any]:
    """What `logging.config.dictConfig` takes; gunicorn takes it as well, so that its lines look like ours.

    Args:
        level: Least level shown.
        log_format: `json` writes one object a line with time (ISO 8601, UTC), level, logger and message, and where
            there is one request_id, exception (the traceback) and what the line says in fields of its own.
    """
    formatters: dict[str, dict[str, Any]] = {
        "text": {"()": TextFormatter, "format": "%(asctime)s %(levelname)s %(origin)s: %(message)s"},
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": ["levelname", "name", "message"],
            "rename_fields": {"levelname": "level", "name": "logger", "exc_info": "exception"},
            "timestamp": "time",
            "json_ensure_ascii": False,
        },
    }
    quiet = {
        name: {"level": max(least, level, key=logging.getLevelNamesMapping().__getitem__)}
        for name, least in _KEPT_QUIET.items()
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {log_format: formatters[log_format]},
        "filters": {"request_id": {"()": RequestIdFilter}, "gunicorn": {"()": GunicornFilter}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": log_format, "filters": ["request_id"]},
        },
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {
            "gunicorn.error": {"level": level, "handlers": [], "propagate": True, "filters": ["gunicorn"]},
            **quiet,
        },
    }


def configure_logging(level: str, log_format: LogFormat = "text") -> None:
    """Log to standard error at `level`. The HTTP library's own lines, with addresses in full, stay out."""
    logging.config.dictConfig(logging_config(level, log_format))
