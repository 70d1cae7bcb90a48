"""The one shape of a background duty: run once, wait, run again, until stopped."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from pagemill.domain.errors import DatabaseUnavailable

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_Done = TypeVar("_Done")


async def with_each(
    items: Iterable[_T], act: Callable[[_T], Awaitable[_Done]], *, name: Callable[[_T], str]
) -> list[_Done]:
    """Do something with every item; log an item that fails, and go on with the others.

    Returns:
        The results of the items that succeeded.

    Raises:
        DatabaseUnavailable: The database is unavailable for all items.
    """
    done: list[_Done] = []
    for item in items:
        try:
            done.append(await act(item))
        except DatabaseUnavailable:
            raise
        except Exception:
            logger.exception("%s failed; the other steps go on, and this one is tried again", name(item))
    return done


async def take_steps(**steps: Callable[[], Awaitable[object]]) -> None:
    """Take every step of a run even if one fails, and log failures by the step's name. Raises as `with_each`."""
    await with_each(steps.items(), lambda step: step[1](), name=lambda step: f"The step {step[0]!r}")


class Duty:
    """Runs `run_once` every `interval`, and at once when woken. It logs failures and goes on.

    `stop` waits for the run in progress; stopping twice is not an error.
    """

    def __init__(self, name: str, run_once: Callable[[], Awaitable[None]], *, interval: timedelta) -> None:
        self._name = name
        self._run_once = run_once
        self._interval = interval.total_seconds()
        self._woken = asyncio.Event()
        self._stopping = False
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See `Runnable.start`. The first run is at once."""
        self._stopping = False
        self._loop = asyncio.create_task(self._run(), name=self._name)

    def wake(self) -> None:
        """Do not wait for the interval to pass."""
        self._woken.set()

    async def stop(self) -> None:
        """See `Runnable.stop`. It waits for the run in progress."""
        self._stopping = True
        self._woken.set()
        if self._loop is not None:
            await self._loop
            self._loop = None

    async def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            try:
                await self._run_once()
            except DatabaseUnavailable as error:
                logger.warning("The duty %r waits: %s", self._name, error)
                await self._pause()
                continue
            except Exception:
                logger.exception("The duty %r failed; it runs again in %s s", self._name, self._interval)
                await self._pause()
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._interval)

    async def _pause(self) -> None:
        if not self._stopping:
            await asyncio.sleep(min(1.0, self._interval))
