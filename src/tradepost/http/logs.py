"""One line of JSON an event; on a terminal, a line for people. No personal data: ids, never names or addresses."""

import asyncio
import logging
import sys
from typing import Any

import msgspec
import structlog

_MOST = 1000
_FLUSH_SECONDS = 0.1


def configure(level: str) -> None:
    """Sets up logging of this process. `level`: debug, info, warning or error; requests are logged at info."""
    pretty = sys.stdout.isatty()
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _short,
        structlog.processors.format_exc_info,
    ]
    for_people = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = for_people if pretty else structlog.processors.JSONRenderer(serializer=_encode)
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


class AccessLog:
    """One line a request, written a few at a time: a system call for each would cost as much as the request's routing.

    At most `_FLUSH_SECONDS` of lines are lost with a killed process.
    """

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._encoder = msgspec.json.Encoder()

    def write(self, line: msgspec.Struct) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)
        self._lines.append(self._encoder.encode(line))

    def flush(self) -> None:
        written = b"\n".join(self._lines) + b"\n"
        self._lines.clear()
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()


def _encode(event: dict[str, Any], **_: object) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)


def _short(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """No value is longer than a screen, whatever a caller sent."""
    return {
        name: value[:_MOST] if isinstance(value, str) and len(value) > _MOST else value for name, value in event.items()
    }
