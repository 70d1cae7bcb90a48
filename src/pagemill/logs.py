"""How the server's log looks: lines for people, or one JSON object a line."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
QUIET = ("alembic", "asyncio", "httpx", "multipart", "uvicorn.error")


def configure_logging(level: str, form: Literal["console", "json"]) -> None:
    """Send everything that is logged in this process to stderr in one form; call once, at the start."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(form)],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _rendering(form: Literal["console", "json"]) -> tuple[Processor, ...]:
    if form == "json":
        return (structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer())
    return (structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),)
