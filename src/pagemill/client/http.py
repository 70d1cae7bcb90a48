"""The transport over HTTP, blocking and asynchronous."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import TypeVar

import httpx

from pagemill.client.errors import ClientError, ServiceUnreachable
from pagemill.client.transport import Reply, Request, StreamedReply
from pagemill.version import __version__

CONNECT_S = 10.0
T = TypeVar("T")


class AsyncHttp:
    """A `Transport` for a running event loop."""

    def __init__(self, server_url: str, api_key: str | None = None) -> None:
        self._address = checked_address(server_url)
        self._http = httpx.AsyncClient(base_url=self._address, headers=_headers(api_key))

    async def send(self, request: Request) -> Reply:
        """See `Transport.send`."""
        with _prepare_request(self._http, request) as prepared, _explain_errors(self._address):
            response = await self._http.send(prepared)
        return Reply(response.status_code, _lower_names(response.headers), response.content)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[StreamedReply]:
        """See `Transport.stream`."""
        with _prepare_request(self._http, request) as prepared, _explain_errors(self._address):
            response = await self._http.send(prepared, stream=True)
        try:
            yield _AsyncReply(response, self._address)
        finally:
            await response.aclose()

    async def offload(self, work: Callable[[], T]) -> T:
        """See `Transport.offload`. Run it in a thread."""
        return await asyncio.to_thread(work)

    async def sleep(self, seconds: float) -> None:
        """See `Transport.sleep`."""
        await asyncio.sleep(seconds)

    def now(self) -> float:
        """See `Transport.now`."""
        return time.monotonic()

    async def close(self) -> None:
        """See `Transport.close`."""
        await self._http.aclose()


class BlockingHttp:
    """A `Transport` whose coroutines run directly and never suspend."""

    def __init__(self, server_url: str, api_key: str | None = None) -> None:
        self._address = checked_address(server_url)
        self._http = httpx.Client(base_url=self._address, headers=_headers(api_key))

    async def send(self, request: Request) -> Reply:
        """See `Transport.send`."""
        with _prepare_request(self._http, request) as prepared, _explain_errors(self._address):
            response = self._http.send(prepared)
        return Reply(response.status_code, _lower_names(response.headers), response.content)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[StreamedReply]:
        """See `Transport.stream`."""
        with _prepare_request(self._http, request) as prepared, _explain_errors(self._address):
            response = self._http.send(prepared, stream=True)
        try:
            yield _BlockingReply(response, self._address)
        finally:
            response.close()

    async def offload(self, work: Callable[[], T]) -> T:
        """See `Transport.offload`. Run it directly."""
        return work()

    async def sleep(self, seconds: float) -> None:
        """See `Transport.sleep`."""
        time.sleep(seconds)  # noqa: ASYNC251 - a blocking client blocks

    def now(self) -> float:
        """See `Transport.now`."""
        return time.monotonic()

    async def close(self) -> None:
        """See `Transport.close`."""
        self._http.close()


class _HttpReply:
    def __init__(self, response: httpx.Response, address: str) -> None:
        self._response = response
        self._address = address
        self.status = response.status_code
        self.headers = _lower_names(response.headers)


class _AsyncReply(_HttpReply):
    async def chunks(self) -> AsyncGenerator[bytes, None]:
        with _explain_errors(self._address):
            async for chunk in self._response.aiter_bytes():
                yield chunk


class _BlockingReply(_HttpReply):
    async def chunks(self) -> AsyncGenerator[bytes, None]:
        with _explain_errors(self._address):
            for chunk in self._response.iter_bytes():
                yield chunk


def checked_address(server_url: str) -> str:
    """The address of a service, checked.

    Raises:
        ClientError: It is not valid.
    """
    try:
        url = httpx.URL(server_url)
    except httpx.InvalidURL as error:
        raise _no_address(server_url) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise _no_address(server_url)
    return server_url.rstrip("/")


def _no_address(server_url: str) -> ClientError:
    return ClientError(f"{server_url!r} is not a valid address. Use the form http://127.0.0.1:8000.")


def _headers(api_key: str | None) -> dict[str, str]:
    named = {"User-Agent": f"pagemill-client/{__version__}"}
    return named | ({"Authorization": f"Bearer {api_key}"} if api_key else {})


@contextmanager
def _prepare_request(http: httpx.Client | httpx.AsyncClient, request: Request) -> Iterator[httpx.Request]:
    """The prepared request; its documents stay open meanwhile."""
    with ExitStack() as stack:
        files = [("file", (each.name, stack.enter_context(each.open()))) for each in request.uploads]
        yield http.build_request(
            request.method,
            request.path,
            params={name: value for name, value in request.query.items() if value is not None},
            headers=dict(request.headers),
            content=request.content,
            files=files or None,
            data=dict(request.fields) if files else None,
            timeout=httpx.Timeout(request.silence_s, connect=CONNECT_S),
        )


@contextmanager
def _explain_errors(address: str) -> Iterator[None]:
    """Turn connection errors into one error of ours.

    Raises:
        ServiceUnreachable: The connection failed.
    """
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        message = f"No service answers at {address}. Start one with `pagemill serve`, or use another address."
        raise ServiceUnreachable(message) from error
    except httpx.TimeoutException as error:
        message = f"The service at {address} did not answer in time. Try again later."
        raise ServiceUnreachable(message, was_silent=isinstance(error, httpx.ReadTimeout)) from error
    except httpx.TransportError as error:
        raise ServiceUnreachable(f"The connection to {address} broke ({error}). Try again.") from error


def _lower_names(headers: httpx.Headers) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}
