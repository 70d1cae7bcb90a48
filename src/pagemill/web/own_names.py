"""The names by which this machine knows itself, for requests that name a host without a dot.

Another site can point its own name at 127.0.0.1, but that name has a dot. Whoever controls a local network can do the
same with a name without a dot, so such a name counts only if it really leads here.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Callable, Collection

import psutil

LONGEST_NAME = 63
REMEMBERED_S = 60.0
MOST_REMEMBERED = 256

Resolve = Callable[[str], Collection[str]]
"""Returns all addresses of a name. Blocks; raises `OSError` if the name is unknown."""


class OwnNames:
    """Tells whether a name leads to this machine. Runs on the server's loop; looks one name up at a time.

    Args:
        resolve: The system's resolver.
        own_addresses: The addresses of this machine; blocks.
        monotonic: Local time in seconds.
    """

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        own_addresses: Callable[[], Collection[str]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolve = resolve or _addresses_of
        self._own_addresses = own_addresses or _addresses_here
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, bool]] = {}
        self._is_busy = False

    async def lead_here(self, name: str) -> bool:
        """Whether all addresses of the name are this machine's.

        While another name is being looked up, the last answer counts, and False for a name without one.
        """
        if name == "localhost":
            return True
        if not 0 < len(name) <= LONGEST_NAME:
            return False
        since, answer = self._known.get(name, (float("-inf"), False))
        if self._monotonic() - since < REMEMBERED_S:
            return answer
        if self._is_busy:
            return answer
        return await self._look_up(name)

    async def _look_up(self, name: str) -> bool:
        self._is_busy = True
        try:
            answer = await asyncio.to_thread(self._leads_here, name)
        finally:
            self._is_busy = False
        if len(self._known) >= MOST_REMEMBERED:
            self._known.pop(next(iter(self._known)))
        self._known[name] = (self._monotonic(), answer)
        return answer

    def _leads_here(self, name: str) -> bool:
        try:
            found = self._resolve(name)
            own = set(self._own_addresses())
        except (OSError, UnicodeError):
            return False
        return bool(found) and all(each in own or ipaddress.ip_address(each).is_loopback for each in found)


def _addresses_of(name: str) -> Collection[str]:
    return {str(address[0]).partition("%")[0] for *_, address in socket.getaddrinfo(name, None)}


def _addresses_here() -> Collection[str]:
    return {each.address.partition("%")[0] for found in psutil.net_if_addrs().values() for each in found}
