"""Sends webhooks over HTTP, and lets nobody reach our own network by way of us.

    host name ─ resolve ─▶ addresses ─ all public? ─▶ connect to the address that was checked

A name that is resolved once for the check and again for the connection could answer differently the second time: so it
is resolved once. Redirects are not followed, proxies of the environment not used, and the answer's body is not read.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from http import HTTPStatus

import httpx

from pagemill.domain.ports import Clock
from pagemill.domain.webhooks import Delivery, WebhookFailed, is_public, signed_headers
from pagemill.version import __version__

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host name and a port to its IP addresses, best first; raises `OSError`."""

TIME_LIMIT = timedelta(seconds=15)


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """Ask the system."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class HttpWebhookSender:
    """`WebhookSender` over HTTP. Runs in the server process.

    Args:
        key: What messages are signed with.
        clock: Time of signatures.
        allow_private: Whether addresses of our own network may be written to.
        resolve: The resolver.
        time_limit: Longest one try may take.
    """

    def __init__(
        self,
        *,
        key: bytes,
        clock: Clock,
        allow_private: bool = False,
        resolve: Resolve = resolve_host,
        time_limit: timedelta = TIME_LIMIT,
    ) -> None:
        self._key = key
        self._clock = clock
        self._allow_private = allow_private
        self._resolve = resolve
        self._time_limit = time_limit.total_seconds()

    async def send(self, delivery: Delivery) -> None:
        """Have it accepted: answered with a status of 200 to 299 in time.

        Raises:
            WebhookFailed: It was not, or its address may not be written to.
        """
        try:
            async with asyncio.timeout(self._time_limit):
                status = await self._post(delivery)
        except TimeoutError as error:
            raise WebhookFailed(f"No answer came within {self._time_limit:g} s.") from error
        except (httpx.HTTPError, OSError) as error:
            raise WebhookFailed(f"The receiver cannot be reached ({error or type(error).__name__}).") from error
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise WebhookFailed(f"The receiver answered {status}.", retryable=status != HTTPStatus.GONE)

    async def _post(self, delivery: Delivery) -> int:
        url = httpx.URL(delivery.url)
        address = await self._address(url)
        headers = {
            **signed_headers(delivery, key=self._key, timestamp=int(self._clock.now().timestamp())),
            "Content-Type": "application/json",
            "Host": url.netloc.decode("ascii"),
            "User-Agent": f"pagemill/{__version__}",
        }
        async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=self._time_limit) as client:
            request = client.build_request(
                "POST",
                url.copy_with(host=address),
                headers=headers,
                content=delivery.body.encode(),
                extensions={"sni_hostname": url.host},
            )
            response = await client.send(request, stream=True)
            await response.aclose()
        return response.status_code

    async def _address(self, url: httpx.URL) -> str:
        """An address of the host that may be written to.

        Raises:
            WebhookFailed: One of them may not: then none is.
        """
        port = url.port or (443 if url.scheme == "https" else 80)
        addresses = await self._resolve(url.host, port)
        if not addresses:
            raise WebhookFailed(f"{url.host} has no address.")
        if not self._allow_private and not all(map(is_public, addresses)):
            message = f"{url.host} is an address of the service's own network; webhooks.allow_private would allow it."
            raise WebhookFailed(message, retryable=False)
        return addresses[0]
