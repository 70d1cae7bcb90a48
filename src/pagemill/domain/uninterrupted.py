"""Runs work to its end even if its caller is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

_Result = TypeVar("_Result")


async def finish_despite_cancel(work: Coroutine[None, None, _Result]) -> _Result:
    """Finish `work`, which has its own time limits; only then raise `CancelledError` if the caller was cancelled."""
    task = asyncio.create_task(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        task.exception()
        raise asyncio.CancelledError
    return task.result()
