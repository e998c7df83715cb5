"""Log records as they travel: text and numbers only."""

from __future__ import annotations

import json
import logging
from typing import Any

__all__ = ["MESSAGE_BYTES", "message_of", "record_of"]

MESSAGE_BYTES = 1 << 16
_TEXT_BYTES = MESSAGE_BYTES // 8  # in JSON a character may take six bytes
_FIELDS = ("levelno", "levelname", "pathname", "filename", "module", "lineno", "funcName")
_MOMENT = ("created", "msecs", "relativeCreated", "thread", "threadName", "processName", "process")


def message_of(task: int, name: str, record: logging.LogRecord) -> bytes:
    """Return a record of a task as bytes; what it was formatted from does not travel, and what is very long is cut."""
    formatter = logging.Formatter()
    trace = formatter.formatException(record.exc_info) if record.exc_info else record.exc_text
    fields = {name: getattr(record, name, None) for name in (*_FIELDS, *_MOMENT)}
    text = {"msg": record.getMessage()[:_TEXT_BYTES], "exc_text": trace and trace[-_TEXT_BYTES:]}
    return json.dumps({"task": task, "name": name, "logger": record.name, **fields, **text}).encode()


def record_of(message: dict[str, Any]) -> logging.LogRecord | None:
    """Return the record that a message describes; ``None`` if it describes none."""
    texts = [message.get(name) for name in ("logger", "msg", "levelname", "pathname")]
    if not (all(isinstance(text, str) for text in texts) and isinstance(message.get("levelno"), int)):
        return None
    fields = {name: message.get(name) for name in (*_FIELDS, *_MOMENT, "msg", "exc_text")}
    return logging.makeLogRecord({**fields, "args": None, "name": message["logger"], "task": message["name"]})
