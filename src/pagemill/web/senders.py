"""Identifies the sender of a request, and limits each sender's uploads: at the same time and per minute."""

import ipaddress
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from fastapi import Request

from pagemill.web.connections import network_of
from pagemill.web.problems import RequestRefused

SENDER = "pagemill.sender"
"""Key of the sender in a request's ASGI scope. Empty for this machine and its proxies, which have no limits."""
MOST_REMEMBERED = 10_000


def sender_by_address(request: Request, trusted: Collection[str]) -> str:
    """The sender of a request without a key: its IPv4 address, or its IPv6 network of 64 bits."""
    address = request.client.host if request.client else ""
    return "" if not address or address in trusted or _is_loopback(address) else f"address-{network_of(address)}"


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def sender_of(request: Request) -> str:
    """The sender of a request, as `Guard.check` identified it; "" for one without limits."""
    return str(request.scope.get(SENDER, ""))


class UploadLimits:
    """Limits each sender's uploads. Runs on the server's loop.

    Args:
        at_once: Uploads of one sender at the same time.
        per_minute: Documents of one sender per minute; they may all come at once.
        monotonic: Local time in seconds.
    """

    def __init__(self, *, at_once: int, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._at_once = at_once
        self._per_minute = per_minute
        self._monotonic = monotonic
        self._uploading: Counter[str] = Counter()
        self._used: dict[str, tuple[float, float]] = {}

    @contextmanager
    def upload(self, sender: str) -> Iterator[None]:
        """Count one upload of the sender while the block runs.

        Raises:
            RequestRefused: `rate_limited`: the sender has reached a limit.
        """
        if not sender:
            yield
            return
        if self._uploading[sender] >= self._at_once:
            message = f"You already have {self._at_once} uploads in progress. Wait until one of them ends."
            raise RequestRefused("rate_limited", message, retryable=True, retry_after_s=2)
        self._check_rate(sender)
        self.count(sender, documents=1)
        self._uploading[sender] += 1
        try:
            yield
        finally:
            self._uploading[sender] -= 1
            if not self._uploading[sender]:
                del self._uploading[sender]

    def count(self, sender: str, *, documents: int) -> None:
        """Count documents. A batch is accepted if one document is; its others count against later uploads."""
        if not sender or documents <= 0:
            return
        self._used[sender] = (self._used_now(sender) + documents, self._monotonic())
        if len(self._used) > MOST_REMEMBERED:
            self._used = {each: value for each, value in self._used.items() if self._used_now(each) > 0}

    def _check_rate(self, sender: str) -> None:
        excess = self._used_now(sender) - (self._per_minute - 1)
        if excess > 0:
            wait = math.ceil(excess * 60 / self._per_minute)
            message = f"You may send {self._per_minute} documents per minute. Try again in {wait} s."
            raise RequestRefused("rate_limited", message, retryable=True, retry_after_s=wait)

    def _used_now(self, sender: str) -> float:
        used, since = self._used.get(sender, (0.0, 0.0))
        return max(0.0, used - (self._monotonic() - since) * self._per_minute / 60)
