"""The one shape of all running parts, and the one way to run them."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol


class Runnable(Protocol):
    """A part that works in the background, in the server's event loop."""

    async def start(self) -> None:
        """Start the part."""
        ...

    async def stop(self) -> None:
        """Stop the part; stopping twice is not an error."""
        ...


@asynccontextmanager
async def run_services(services: Iterable[Runnable]) -> AsyncIterator[None]:
    """Start the services in order; at the end stop those that started, in the reverse order."""
    async with AsyncExitStack() as stack:
        for service in services:
            await service.start()
            stack.push_async_callback(service.stop)
        yield
