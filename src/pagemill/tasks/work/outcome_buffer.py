"""Buffers outcomes of pages on their way to the database, so that fast ones share a transaction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from pagemill.domain.ports import OnPage
from pagemill.domain.work.outcomes import PageOutcome

Write = Callable[[Sequence[PageOutcome]], Awaitable[None]]


@asynccontextmanager
async def buffer_outcomes(write: Write, *, most: int, within: timedelta) -> AsyncIterator[OnPage]:
    """Take outcomes one by one, and write several at a time, each within `within` of its arrival.

    At the end it writes the rest, even after an error, so that nothing is read again. Only a cancellation drops the
    last ones. If writing fails, the next outcome raises the error, or the end does.
    """
    buffer = _OutcomeBuffer(write, most=most, within=within)
    try:
        yield buffer.add
        await buffer.finish()
    except Exception:
        with suppress(Exception):
            await buffer.finish()
        raise
    finally:
        await buffer.stop()


class _OutcomeBuffer:
    def __init__(self, write: Write, *, most: int, within: timedelta) -> None:
        self._write = write
        self._most = most
        self._within = within
        self._waiting: list[PageOutcome] = []
        self._hurry = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    async def add(self, outcome: PageOutcome) -> None:
        self._waiting.append(outcome)
        if self._writing is None or self._writing.done():
            await self.finish()
            self._hurry.clear()
            self._writing = asyncio.create_task(self._write_soon())
        if len(self._waiting) >= self._most:
            await self.finish()

    async def finish(self) -> None:
        self._hurry.set()
        if self._writing is not None:
            await self._writing

    async def stop(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])

    async def _write_soon(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._within.total_seconds()):
                await self._hurry.wait()
        while self._waiting:
            outcomes, self._waiting = self._waiting, []
            await self._write(outcomes)
