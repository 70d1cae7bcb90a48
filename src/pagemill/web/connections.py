"""Limits connections: their number, and how long each may stay without a request.

    accept ─ admit? ─▶ waits for a request ──head complete──▶ busy ──response sent──▶ waits …
                 │            │ idle_timeout: closed            │ does not read for unread_timeout: closed
                 └ no: 503    └ all places taken: the longest waiting one is closed

uvicorn closes a connection that stays idle after a response. It has no limit on the time before the first request, on
the time a head takes, on connections, or on a client that does not read; these are added here.
"""

import asyncio
import ipaddress
import logging
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pagemill.web.problems import bare_problem

logger = logging.getLogger(__name__)

READ_BYTES = 16 * 1024
"""Most bytes read from a socket at once: even a body in chunks of one byte takes only about 25 ms to parse."""
MALFORMED = (
    "This is not an HTTP request, or its head (the lines before the body) is longer than 64 KiB. Send options as "
    "fields of a form if they do not fit into the URL."
)
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class ConnectionRules:
    """Limits on connections.

    Attributes:
        most: Connections at the same time.
        most_by_address: Connections from one address (IPv6: from one network of 64 bits).
        trusted_proxies: Addresses to which `most_by_address` does not apply.
        idle_timeout: A connection may wait this long for a complete request head.
    """

    most: int = 1000
    most_by_address: int = 100
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    idle_timeout: timedelta = timedelta(seconds=15)

    @property
    def unread_timeout(self) -> timedelta:
        """A client may leave a response unread this long."""
        return 4 * self.idle_timeout


class Connections:
    """All connections of one server. Runs on its loop."""

    def __init__(self, rules: ConnectionRules) -> None:
        self.rules = rules
        self.buffer = bytearray(READ_BYTES)  # shared by all: each read is handled before the next
        self._open: dict[Connection, str] = {}
        self._by_address: Counter[str] = Counter()
        self._waiting: dict[Connection, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: "Connection", address: str) -> bool:
        """Count the connection in; False refuses it. If all places are taken, close the one that has waited longest."""
        source = network_of(address)
        if address not in self.rules.trusted_proxies and self._by_address[source] >= self.rules.most_by_address:
            logger.warning("too many connections from one address; refused")
            return False
        if len(self._open) >= self.rules.most and not self._evict():
            logger.warning("too many connections, all of them busy; refused")
            return False
        self._open[connection] = source
        self._by_address[source] += 1
        return True

    def waits(self, connection: "Connection") -> None:
        """Note that the connection waits for a request."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = None

    def is_busy(self, connection: "Connection") -> None:
        """Note that the connection has a request under way."""
        self._waiting.pop(connection, None)

    def remove(self, connection: "Connection") -> None:
        """Forget a closed connection; may be called twice."""
        self._waiting.pop(connection, None)
        source = self._open.pop(connection, None)
        if source is None:
            return
        self._by_address[source] -= 1
        if not self._by_address[source]:
            del self._by_address[source]

    def _evict(self) -> bool:
        longest = next(iter(self._waiting), None)
        if longest is None:
            return False
        self.remove(longest)
        longest.transport.abort()
        return True


class Connection(H11Protocol, asyncio.BufferedProtocol):
    """One connection, counted in its `Connections`; `connection_class` makes it."""

    among: ClassVar[Connections]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request_due: asyncio.TimerHandle | None = None
        self._reading_due: asyncio.TimerHandle | None = None
        self._is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit it, or refuse it at once."""
        super().connection_made(cast("asyncio.Transport", transport))
        address = self.client[0] if self.client else ""
        if self.among.admit(self, address):
            self._wait_for_request()
        else:
            self.transport.write(REFUSAL)
            self.transport.close()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where the loop puts the next bytes."""
        del sizehint
        return self.among.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Handle the bytes that the loop put there."""
        self.data_received(bytes(self.among.buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Handle the bytes; a complete head ends the wait for a request."""
        if self.transport.is_closing() or self._is_refused:
            return
        super().data_received(data)
        if self._has_request:
            self._stop_waiting()

    def send_400_response(self, msg: str) -> None:
        """Refuse malformed input, then receive and drop the rest: after a hard close the client would not see why.

        If a response to an earlier request is under way, close the connection at once.
        """
        del msg
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        self._is_refused = True
        self.transport.write(bare_problem("malformed_request", MALFORMED))
        self.transport.write_eof()
        self._wait_for_request()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it is here already."""
        super().on_response_complete()
        if not self._has_request and not self.transport.is_closing():
            self._wait_for_request()

    def pause_writing(self) -> None:
        """Give a client that reads too slowly a time limit."""
        super().pause_writing()
        self._reading_due = self.loop.call_later(self.among.rules.unread_timeout.total_seconds(), self.transport.abort)

    def resume_writing(self) -> None:
        """Lift the time limit: the client reads again."""
        self._cancel_reading_due()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give its place back."""
        self._stop_waiting()
        self._cancel_reading_due()
        self.among.remove(self)
        super().connection_lost(exc)

    @property
    def _has_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_request(self) -> None:
        self._stop_waiting()
        self.among.waits(self)
        self._request_due = self.loop.call_later(self.among.rules.idle_timeout.total_seconds(), self._give_up)

    def _stop_waiting(self) -> None:
        self.among.is_busy(self)
        if self._request_due is not None:
            self._request_due.cancel()
            self._request_due = None

    def _give_up(self) -> None:
        self.among.is_busy(self)
        self.transport.close()

    def _cancel_reading_due(self) -> None:
        if self._reading_due is not None:
            self._reading_due.cancel()
            self._reading_due = None


def connection_class(connections: Connections) -> type[Connection]:
    """A protocol class whose connections are counted in `connections`."""

    class Counted(Connection):
        among = connections

    return Counted


def network_of(address: str) -> str:
    """The sender that an address belongs to: an IPv4 address itself, an IPv6 address's network of 64 bits."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return address
    return str(ip.ipv4_mapped or ipaddress.ip_network((int(ip) >> 64 << 64, 64)))
