"""Logs: one JSON object a line on stderr, without secrets.

What a record carries in `facts` becomes fields. Request bodies, tokens and passwords are never logged anywhere.
"""

import logging
import sys
from typing import Any

import msgspec

from freehold.protocol.syntax import format_datetime

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

TALKATIVE = ("acme", "httpcore", "urllib3", "uvicorn", "websockets")
"""Libraries that log whole headers at `debug`, and with them tokens and cookies."""


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": format_datetime(int(record.created * 1_000_000)),
            "level": record.levelname.lower(),
            "from": record.name,
            "say": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=repr).decode()


class _Plain(logging.Formatter):
    """For a person at a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")


def set_up(level: str) -> None:
    """Log from `level` (debug, info, warning, error) up: plain at a terminal, JSON elsewhere."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain() if sys.stderr.isatty() else _Json())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for library in TALKATIVE:
        logging.getLogger(library).setLevel(max(logging.INFO, logging.getLevelName(level.upper())))
