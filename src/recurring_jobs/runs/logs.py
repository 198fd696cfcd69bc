"""What goes into logs: ours as JSON, and Celery's without the contents of messages."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from recurring_jobs.runs.arguments import LEFT_OUT
from recurring_jobs.runs.redaction import Redactor

#: Where Celery writes whole messages, at which level however high.
_LOGGERS = ("celery.worker.consumer.consumer", "celery.pool")

#: How such a record begins, and which of its values hold what a message carried.
_HELD_BY = {
    "Received unregistered task of type": (1, 2),
    "Received invalid task message": (1,),
    "Received and deleted unknown message": (0,),
    "Can't decode message body": (3, 4),
    "TaskPool: Apply": (1, 2),
}

_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class MessageFilter(logging.Filter):
    """
    Leaves out what Celery shows of messages that it cannot read or does not know.

    They hold the arguments in clear text, and of an unknown task nobody can say which of
    them are secret. What is known of them is kept as a dead letter, redacted.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record where it shows a message; let it through."""
        for beginning, places in _HELD_BY.items():
            if str(record.msg).startswith(beginning) and isinstance(record.args, tuple):
                record.args = tuple(
                    LEFT_OUT if place in places else value
                    for place, value in enumerate(record.args)
                )
        return True


def guard_logs() -> None:
    """Put the filter on Celery's loggers; a second call changes nothing."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, MessageFilter) for each in logger.filters):
            logger.addFilter(MessageFilter())


class JSONFormatter(logging.Formatter):
    """
    Writes each record as one line of JSON: time, level, logger, event, and its ``extra``.

    Values under names that look secret are redacted, and line breaks are escaped, so that
    no text can pretend to be a record.

    >>> facts = {"levelname": "INFO", "name": "recurring_jobs", "msg": "recurring_jobs.run.started"}
    >>> record = logging.makeLogRecord({**facts, "created": 0, "task": "shop.pay"})
    >>> JSONFormatter().format(record)  # doctest: +NORMALIZE_WHITESPACE
    '{"time": "1970-01-01T00:00:00+00:00", "level": "INFO", "logger": "recurring_jobs",
    "event": "recurring_jobs.run.started", "task": "shop.pay"}'
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        redactor = Redactor()
        extra = {name: value for name, value in vars(record).items() if name not in _USUAL}
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
            **redactor.redact(extra),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            told["stack"] = self.formatStack(record.stack_info)
        plain = {
            name: redactor.redact_text(value) if isinstance(value, str) else value
            for name, value in told.items()
        }
        return json.dumps(plain, ensure_ascii=False, default=str)
