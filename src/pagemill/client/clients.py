"""The two clients with the same behaviour: one blocking, one for event loops."""

from types import TracebackType
from typing import Self

from pagemill.client.all_calls import AllCalls
from pagemill.client.blocking import blocking, iterating
from pagemill.client.http import AsyncHttp, BlockingHttp
from pagemill.client.retries import RetryRules

DEFAULT_SERVER = "http://127.0.0.1:8000"


class AsyncClient(AllCalls):
    """A client of a Pagemill service, for event loops; use it in an `async with` statement.

    Every call may raise a `ClientError`; see `pagemill.client.errors`.

    Args:
        server_url: The address of the service.
        api_key: A key of the service, if it needs one.
        retries: When to retry, and for how long.
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
        """Close all connections."""
        await self.close()


class Client:
    """A blocking client of a Pagemill service; use it in a `with` statement.

    It has the same methods and errors as `AsyncClient`, with iterators instead of asynchronous iterators.

    Args:
        server_url: The address of the service.
        api_key: A key of the service, if it needs one.
        retries: When to retry, and for how long.
    """

    def __init__(
        self, server_url: str = DEFAULT_SERVER, *, api_key: str | None = None, retries: RetryRules | None = None
    ) -> None:
        self.calls = AllCalls(BlockingHttp(server_url, api_key), retries=retries)

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all connections."""
        self.close()

    submit = blocking(AllCalls.submit)
    start = blocking(AllCalls.start)
    retry = blocking(AllCalls.retry)
    cancel = blocking(AllCalls.cancel)
    delete = blocking(AllCalls.delete)
    task = blocking(AllCalls.task)
    tasks = iterating(AllCalls.tasks)
    pages = blocking(AllCalls.pages)
    raw_events = blocking(AllCalls.raw_events)
    receipt = blocking(AllCalls.receipt)
    health = blocking(AllCalls.health)
    samples = iterating(AllCalls.samples)
    metrics = blocking(AllCalls.metrics)
    status = blocking(AllCalls.status)
    setup = blocking(AllCalls.setup)
    alive = blocking(AllCalls.alive)
    engines = blocking(AllCalls.engines)
    ready = blocking(AllCalls.ready)
    page = blocking(AllCalls.page)
    image = blocking(AllCalls.image)
    result = blocking(AllCalls.result)
    download = blocking(AllCalls.download)
    follow = iterating(AllCalls.follow)
    watch = iterating(AllCalls.watch)
    wait = blocking(AllCalls.wait)
    read_pages = iterating(AllCalls.read_pages)
    submit_batch = blocking(AllCalls.submit_batch)
    batch = blocking(AllCalls.batch)
    batches = iterating(AllCalls.batches)
    batch_tasks = iterating(AllCalls.batch_tasks)
    cancel_batch = blocking(AllCalls.cancel_batch)
    delete_batch = blocking(AllCalls.delete_batch)
    watch_batch = iterating(AllCalls.watch_batch)
    wait_batch = blocking(AllCalls.wait_batch)
    close = blocking(AllCalls.close)
