"""Nobody needs to look again: where nothing is looked at twice, all that is sent is read, and all who wait are told."""

import asyncio
import random
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.stores import Stores, new_task, read_page
from tests.fixtures.tasks_room import Room

from pagemill.domain.documents import DocumentInfo
from pagemill.domain.errors import IllegalTransition, InvalidDocument
from pagemill.domain.memory import CPU
from pagemill.domain.ports import OnPage
from pagemill.domain.work.outcomes import ChunkOutcome
from pagemill.domain.work.recognition import ChunkParams
from pagemill.tasks.decisions.plan import READER_LANE

NEVER = timedelta(hours=1)
SENDERS = 5
TASKS_EACH = 6
CANCELLED_SHARE = 0.2
LIMIT_S = 60
"""How long all of it may take on a loaded machine; it normally takes a second."""


class Inspector:
    """Sees nothing: no document is sent here."""

    async def inspect(self, path: str, *, caller: str = "", password: str | None = None) -> DocumentInfo:
        del caller, password
        raise InvalidDocument(f"{path} cannot be opened.")


class Shuffled:
    """A script under which pages end in any order, batches now and then give pages back, and services wait."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not for secrets

    async def __call__(self, _task_id: str, params: ChunkParams, on_page: OnPage) -> ChunkOutcome:
        settled = params.pages[: self._random.randint(1, len(params.pages))]
        for number in settled:
            for _ in range(self._random.randrange(4)):
                await asyncio.sleep(0)
            await on_page(read_page(number))
        return ChunkOutcome(settled)


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_waits_for_somebody_to_look_again(stores: Stores, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    room = Room(
        stores,
        tmp_path,
        script=Shuffled(seed),
        places={CPU: 2},
        capacity={CPU: 3, READER_LANE: 1},
        interval=NEVER,
        look_again=NEVER,
        max_running=4,
    )
    manager = room.manager(Inspector())

    async def send(sender: int) -> None:
        for number in range(TASKS_EACH):
            name = f"{sender}-{number}"
            await stores.queue.submit(new_task(name, pages=chance.randint(1, 9)))
            room.dispatcher.wake()
            if chance.random() < CANCELLED_SHARE:
                with suppress(IllegalTransition):  # it may be over
                    await manager.cancel_task(name)
            assert (await room.watch.until_final(name)).status.is_final

    await room.dispatcher.start()
    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*(send(sender) for sender in range(SENDERS)))
    await room.dispatcher.stop()
    await room.follower.stop()
