"""Work that is finished once it was begun, although its caller is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

_Result = TypeVar("_Result")


async def uninterrupted(work: Coroutine[None, None, _Result]) -> _Result:
    """Finish `work`, which ends within limits of its own, before a cancellation that comes meanwhile is obeyed."""
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
