"""The two clients: one behaviour, one blocking and one for event loops."""

from types import TracebackType
from typing import Self

from pagemill.client.blocking import blocking, iterating
from pagemill.client.following_calls import FollowingCalls
from pagemill.client.http import AsyncHttp, BlockingHttp
from pagemill.client.retries import RetryRules

DEFAULT_SERVER = "http://127.0.0.1:8000"


class AsyncClient(FollowingCalls):
    """A client of a Pagemill service, for event loops; use it in an `async with` statement.

    Args:
        server_url: Where the service is.
        api_key: One of its keys, if it has any.
        retries: How patient to be.
    """

    def __init__(
        self, server_url: str = DEFAULT_SERVER, *, api_key: str | None = None, retries: RetryRules | None = None
    ) -> None:
        super().__init__(AsyncHttp(server_url, api_key), retries=retries)

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Gives all connections back."""
        await self.close()


class Client:
    """A client of a Pagemill service that blocks; use it in a `with` statement.

    Its methods are those of `AsyncClient`, word for word; where those are asynchronous iterators, these are iterators.

    Args:
        server_url: Where the service is.
        api_key: One of its keys, if it has any.
        retries: How patient to be.
    """

    def __init__(
        self, server_url: str = DEFAULT_SERVER, *, api_key: str | None = None, retries: RetryRules | None = None
    ) -> None:
        self.calls = FollowingCalls(BlockingHttp(server_url, api_key), retries=retries)

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Gives all connections back."""
        self.close()

    submit = blocking(FollowingCalls.submit)
    start = blocking(FollowingCalls.start)
    retry = blocking(FollowingCalls.retry)
    cancel = blocking(FollowingCalls.cancel)
    delete = blocking(FollowingCalls.delete)
    task = blocking(FollowingCalls.task)
    tasks = iterating(FollowingCalls.tasks)
    pages = blocking(FollowingCalls.pages)
    receipt = blocking(FollowingCalls.receipt)
    health = blocking(FollowingCalls.health)
    samples = iterating(FollowingCalls.samples)
    metrics = blocking(FollowingCalls.metrics)
    status = blocking(FollowingCalls.status)
    setup = blocking(FollowingCalls.setup)
    alive = blocking(FollowingCalls.alive)
    engines = blocking(FollowingCalls.engines)
    ready = blocking(FollowingCalls.ready)
    page = blocking(FollowingCalls.page)
    image = blocking(FollowingCalls.image)
    result = blocking(FollowingCalls.result)
    download = blocking(FollowingCalls.download)
    follow = iterating(FollowingCalls.follow)
    watch = iterating(FollowingCalls.watch)
    wait = blocking(FollowingCalls.wait)
    read_pages = iterating(FollowingCalls.read_pages)
    close = blocking(FollowingCalls.close)
