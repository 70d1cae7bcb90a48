"""`pagemill serve`: the HTTP server in this process."""

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI

from pagemill.app import Application, Role, http_api, http_probes
from pagemill.cli.exits import ExitCode
from pagemill.configs import connection_rules
from pagemill.domain.clocks import SystemClock
from pagemill.domain.errors import InvalidSettings
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.engines.allocator import share_one_heap
from pagemill.logs import configure_logging
from pagemill.memory.probes.machine import MachineProbe
from pagemill.settings import Settings
from pagemill.store.api_keys import has_active_key
from pagemill.store.private_folder import PRIVATE, open_to_others
from pagemill.web.http_server import HttpServer, is_loopback, open_listener, raise_descriptor_limit

logger = logging.getLogger(__name__)


async def serve_http(
    settings: Settings,
    *,
    engines: Mapping[str, EngineSpec] | None = None,
    machine: MachineProbe | None = None,
    role: Role = Role.SERVER,
) -> ExitCode:
    """Serve until SIGINT or SIGTERM, then end in order; unfinished pages continue after the next start.

    Args:
        settings: All settings.
        engines: See `Application`.
        machine: See `Application`.
        role: See `Application`.

    Raises:
        InvalidSettings: The address, the data folder or the database cannot be used.
    """
    os.umask(PRIVATE)
    share_one_heap()
    configure_logging(settings.log_level, settings.log_format)
    await asyncio.to_thread(check_exposure, settings, SystemClock().now())
    warn_of_others(settings.data_dir.resolve())
    raise_descriptor_limit()
    with _open_listener(settings.server.host, settings.server.port) as listener:
        application = Application(settings, engines=engines, machine=machine, role=role)
        async with application.running():
            _spare_collections()
            api = http_probes(application) if role is Role.NODE else http_api(application)
            await _Server(application, api).serve([listener])
    return ExitCode.OK


def check_exposure(settings: Settings, now: datetime) -> None:
    """Refuse to serve other machines without keys unless the settings allow it. Writes nothing.

    Raises:
        InvalidSettings: Other machines reach the host, and neither the settings nor the database has a valid key.
        DatabaseUnavailable: The keys in the database cannot be looked up.
    """
    server = settings.server
    if server.api_keys or server.allow_open or is_loopback(server.host):
        return
    if has_active_key(settings.resolved_database_url, now):
        return
    raise InvalidSettings(
        f"With the host {server.host!r}, other machines could use the service without a key. Make a key with "
        "`pagemill keys create`, set server.api_keys, listen on 127.0.0.1, or set server.allow_open to true if "
        "everyone who reaches the port may use the service."
    )


def warn_of_others(data_dir: Path) -> None:
    """Log a warning if other users of this machine can read the data."""
    if found := open_to_others(data_dir):
        message = "Other users of this machine can read %s (mode %o); `pagemill doctor --fix` makes it private"
        logger.warning(message, data_dir, found)


def _spare_collections() -> None:
    """Exclude all existing objects, which live as long as the server, from garbage collection.

    Otherwise the collector scans them again and again, which takes half the time of reading a result.
    """
    gc.collect()
    gc.freeze()


class _Server(HttpServer):
    """Logs its address, answers waiting requests before it ends, and does not raise the signal again at its end."""

    def __init__(self, application: Application, api: FastAPI) -> None:
        super().__init__(api, connection_rules(application.settings))
        self._application = application

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            logger.info("listening on %s", _url(listener))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._application.answer_waiting()
        await self._application.give_back_pages()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def _open_listener(host: str, port: int) -> socket.socket:
    try:
        return open_listener(host, port)
    except OSError as error:
        message = (
            f"Cannot listen on {host} port {port} ({error.strerror}). Choose another with --host or --port, or with "
            "the settings server.host and server.port."
        )
        raise InvalidSettings(message) from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
