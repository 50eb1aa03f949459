"""One line of JSON an event; on a terminal, a line for people. No personal data: ids, never names or addresses."""

import logging
import sys
from typing import Any

import msgspec
import structlog

_MOST = 1000


def configure(level: str) -> None:
    """Sets up logging of this process. `level`: debug, info, warning or error."""
    pretty = sys.stdout.isatty()
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _short,
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(serializer=_encode)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory() if pretty else structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, format='{"level": "%(levelname)s", "logger": "%(name)s", "event": "%(message)s"}'
    )
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


def _encode(event: dict[str, Any], **_: object) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)


def _short(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """No value is longer than a screen, whatever a caller sent."""
    return {
        name: value[:_MOST] if isinstance(value, str) and len(value) > _MOST else value for name, value in event.items()
    }
