"""`pagemill serve`: the HTTP server in this process."""

import uvicorn

from pagemill.app import Application, http_api
from pagemill.logs import configure_logging
from pagemill.settings import Settings

SHUTDOWN_SECONDS = 10
"""Requests still open at the end get this long; workers' batches are given back after it."""


def serve_http(settings: Settings) -> None:
    """Serve until a signal ends it; starting and stopping the parts belongs to the server's lifespan."""
    configure_logging(settings.log_level, settings.log_format)
    api = http_api(Application(settings))
    server = uvicorn.Config(
        api,
        host=settings.server.host,
        port=settings.server.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    uvicorn.Server(server).run()
