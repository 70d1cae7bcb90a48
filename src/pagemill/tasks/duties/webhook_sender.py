"""Sends webhooks over HTTP, and never to addresses of our own network.

    host name ─ resolve ─▶ addresses ─ all public? ─▶ connect to the address that was checked

A name that is resolved once for the check and again for the connection could resolve differently the second time. So
the sender resolves it once, exactly as written: decoding and encoding a Punycode host could change it. It follows no
redirects, uses no proxies from the environment, and reads neither cookies nor the body of the answer.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http import HTTPStatus

import httpx

from pagemill.domain.outgoing import OutgoingRules
from pagemill.domain.task.webhooks import OPERATOR_CAN_ALLOW, Delivery, WebhookFailed, signed_headers
from pagemill.version import __version__

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Resolves a host name and a port to IP addresses, best first; raises `OSError`."""

TIME_LIMIT = timedelta(seconds=15)
LOOKUPS = 8
"""Maximum number of names to look up at once."""


class SystemResolver:
    """`Resolve` by the system, on separate threads, so that names without an answer delay nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="resolver")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Resolve with the system's resolver."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host, port)


def _addresses(host: str, port: int) -> Sequence[str]:
    return [str(address[0]) for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class HttpWebhookSender:
    """`WebhookSender` over HTTP. Runs in the server process.

    Args:
        key: The key that signs messages.
        wall_clock: Wall-clock time, which receivers use to check the age of a signature.
        outgoing: Addresses it may send to.
        resolve: The resolver.
        time_limit: Longest time for one attempt.
    """

    def __init__(
        self,
        *,
        key: bytes,
        wall_clock: Callable[[], datetime],
        outgoing: OutgoingRules | None = None,
        resolve: Resolve | None = None,
        time_limit: timedelta = TIME_LIMIT,
    ) -> None:
        self._key = key
        self._wall_clock = wall_clock
        self._outgoing = outgoing or OutgoingRules()
        self._resolve = resolve or SystemResolver()
        self._time_limit = time_limit.total_seconds()
        # for lookup, connection and handshake: if the overall limit cut one of them off, its socket would stay open
        self._step_limit = self._time_limit / 4

    async def send(self, delivery: Delivery) -> None:
        """See `WebhookSender.send`.

        The receiver accepts it by a status of 200 to 299 within the time limit. A forbidden address is a failure, too.
        """
        try:
            async with asyncio.timeout(self._time_limit):
                status = await self._post(delivery)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise WebhookFailed(f"The receiver did not answer in time (limit: {self._time_limit:g} s).") from error
        except httpx.InvalidURL as error:
            raise WebhookFailed(f"The URL is not valid ({error}).", retryable=False) from error
        except (httpx.HTTPError, OSError, ValueError, OverflowError) as error:
            reason = str(error) or type(error).__name__
            raise WebhookFailed(f"The receiver cannot be reached, or does not speak HTTP ({reason}).") from error
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise WebhookFailed(f"The receiver answered {status}.", retryable=status != HTTPStatus.GONE)

    async def _post(self, delivery: Delivery) -> int:
        url = httpx.URL(delivery.url)
        host = url.raw_host.decode("ascii")
        address = await self._address(host, url.port or (443 if url.scheme == "https" else 80))
        headers = {
            **signed_headers(delivery, key=self._key, timestamp=int(self._wall_clock().timestamp())),
            "Content-Type": "application/json",
            "Host": url.netloc.decode("ascii"),
            "User-Agent": f"pagemill/{__version__}",
        }
        timeout = httpx.Timeout(self._time_limit, connect=self._step_limit)
        async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=timeout) as client:
            request = client.build_request(
                "POST",
                url.copy_with(host=address),
                headers=headers,
                content=delivery.body.encode(),
                extensions={"sni_hostname": host.removesuffix(".")},
            )
            response = await client.send(request, stream=True)
            await response.aclose()
        return response.status_code

    async def _address(self, host: str, port: int) -> str:
        """An allowed address of the host.

        Raises:
            WebhookFailed: One of its addresses is not allowed, so none is used.
        """
        async with asyncio.timeout(self._step_limit):
            addresses = await self._resolve(host, port)
        if not addresses:
            raise WebhookFailed(f"{host} has no address.")
        if not all(map(self._outgoing.permits, addresses)):
            raise WebhookFailed(f"The service does not send to {host}. {OPERATOR_CAN_ALLOW}", retryable=False)
        return addresses[0]
