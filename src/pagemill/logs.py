"""The format of the server's log: lines for people, or one JSON object per line; both of bounded length.

Tracebacks are plain: one with local variables takes seconds to render, and would log callers' data.
"""

import logging
import sys
import time
import traceback
from collections.abc import Callable
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

MOST_FRAMES = 30
"""Maximum frames of a traceback; the innermost are kept."""
LONGEST_TRACEBACK = 8 * 1024
LONGEST_MESSAGE = 4 * 1024
"""Maximum characters; a longer text loses its middle."""


def plain_traceback(exc_info: ExcInfo) -> str:
    """The traceback without local variables, of bounded length."""
    kind, error, frames = exc_info
    text = "".join(traceback.format_exception(kind, error, frames, limit=-MOST_FRAMES))
    return _shorten(text, LONGEST_TRACEBACK)


def _shorten(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} [... {len(text) - 2 * half:,} characters left out ...] {text[-half:]}"


def _bound_message(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    event["event"] = _shorten(str(event.get("event", "")), LONGEST_MESSAGE)
    return event


class OncePerMinute(logging.Filter):
    """Passes each message once a minute, with the number of its repetitions. Errors with a traceback always pass."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log the record."""
        if record.exc_info:
            return True
        message, now = str(record.msg), self._monotonic()
        since, held_back = self._seen.get(message, (now - 60, 0))
        if now - since < 60:
            self._seen[message] = (since, held_back + 1)
            return False
        self._seen[message] = (now, 0)
        if held_back:
            record.msg = f"{message} ({held_back} more times in the last minute)"
        return True


def _write_traceback(out: TextIO, exc_info: ExcInfo) -> None:
    out.write("\n" + plain_traceback(exc_info).rstrip("\n"))


SHARED: tuple[Processor, ...] = (
    _bound_message,
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
REPEATED = ("pagemill.web.connections", "pagemill.web.http_server", "uvicorn.error")
"""Anyone who can connect can make these loggers write, so each of their messages appears once a minute at most."""
QUIET = ("alembic", "asyncio", "httpx", "multipart", "uvicorn.error")


def configure_logging(level: str, form: Literal["console", "json"]) -> None:
    """Send all logs of this process to stderr in one format; call once, at the start."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(form)],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in REPEATED:
        logging.getLogger(name).filters = [OncePerMinute()]
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _rendering(form: Literal["console", "json"]) -> tuple[Processor, ...]:
    if form == "json":
        return (structlog.processors.ExceptionRenderer(plain_traceback), structlog.processors.JSONRenderer())
    return (structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_write_traceback),)
