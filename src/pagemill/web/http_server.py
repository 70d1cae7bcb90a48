"""The HTTP server around the API: its socket, its limits, and its log messages about failing sockets."""

import asyncio
import errno
import ipaddress
import logging
import resource
import socket
from dataclasses import replace
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from pagemill.web.connections import ConnectionRules, Connections, connection_class

logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 10
"""At shutdown, open requests may take this long to end."""
BACKLOG = 2048
"""Connections that may wait to be accepted."""
ACCEPTS_AT_ONCE = 32
"""Connections accepted before the first of them is counted; descriptors for these are kept free."""
MOST_HEAD_BYTES = 64 * 1024
MOST_DESCRIPTORS = 65_536
MOST_RESERVED = 256
"""Descriptors kept for files, pipes and the database."""

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class HttpServer(uvicorn.Server):
    """uvicorn with the limits of `ConnectionRules`.

    Args:
        app: The API.
        rules: Limits on connections; `most` never exceeds what the process may have open.
    """

    def __init__(self, app: ASGIApp, rules: ConnectionRules) -> None:
        self.open = Connections(replace(rules, most=count_affordable(rules.most, descriptor_limit())))
        super().__init__(
            uvicorn.Config(
                app,
                http=connection_class(self.open),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                h11_max_incomplete_event_size=MOST_HEAD_BYTES,
                backlog=ACCEPTS_AT_ONCE,
                forwarded_allow_ips=list(rules.trusted_proxies),
                timeout_keep_alive=max(1, round(rules.idle_timeout.total_seconds())),
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept connections."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(accept_errors_apart)
        await super().startup(sockets)
        for listener in sockets or ():
            # asyncio accepts this many at once; more can still wait
            listener.listen(BACKLOG)


def accept_errors_apart(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log a lack of descriptors or memory in one line, and everything else as asyncio does."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in _EXHAUSTED and "socket" in context:
        logger.error("cannot accept connections: no free file descriptor or memory; raise the limit (ulimit -n)")
    else:
        loop.default_exception_handler(context)


def raise_descriptor_limit() -> None:
    """Let this process open as many descriptors as its hard limit allows, up to `MOST_DESCRIPTORS`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def descriptor_limit() -> int:
    """How many descriptors this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


def count_affordable(wanted: int, descriptors: int) -> int:
    """How many connections a process with this many descriptors can hold, besides its files and pipes."""
    return max(1, min(wanted, descriptors - min(MOST_RESERVED, descriptors // 2)))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server on that host; a name counts if all its addresses do."""
    try:
        found = {str(address[0]) for *_, address in socket.getaddrinfo(host or None, None, flags=socket.AI_PASSIVE)}
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in found)


def open_listener(host: str, port: int) -> socket.socket:
    """A TCP socket that listens on the host and port.

    Raises:
        OSError: The port is taken, or the host is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
