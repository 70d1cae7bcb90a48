"""A pooled right to use one resident model set.

process · ask ─▶ its turn ─▶ reserve for the work at hand ─▶ worker ─▶ lower the reservation to what it holds
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from pagemill.domain.errors import NeverFits, PoolExhausted, WorkerLost
from pagemill.domain.memory import MemoryNeed
from pagemill.domain.ports import OnBegin, OnPage
from pagemill.domain.work.outcomes import ChunkOutcome, PageOutcome, PageTooLarge
from pagemill.domain.work.recognition import ChunkParams, ModelSetKey
from pagemill.pool.chunk_memory import DECODING_BYTES, ChunkMemory
from pagemill.pool.deaths import lost_error
from pagemill.pool.messages import Answer, Opening
from pagemill.pool.residents import Resident

_MEMORY_COMES_S = 5


class OCRService:
    """`Service`, until it is released. Made by `OCRServicePool.acquire`; runs in the server's event loop."""

    def __init__(self, service_instance_id: str, resident: Resident, memory: ChunkMemory) -> None:
        self._id = service_instance_id
        self._resident = resident
        self._memory = memory

    @property
    def service_instance_id(self) -> str:
        """See `Service.service_instance_id`. It names the worker, too."""
        return self._id

    @property
    def key(self) -> ModelSetKey:
        """See `Service.key`."""
        return self._resident.key

    @property
    def reserved(self) -> MemoryNeed:
        """See `Service.reserved`."""
        return self._resident.reserved

    async def process(
        self, task_id: str, params: ChunkParams, on_page: OnPage, *, on_begin: OnBegin | None = None
    ) -> ChunkOutcome:
        """See `Service.process`. It reads within a reservation of the chunk's size.

        An outcome without a loss may leave pages unsettled: because there was no memory for them within `room_wait`,
        because the worker ran out of memory, or because it is being stopped. Give these pages back at no cost, release
        the service and acquire another one.
        """
        resident, memory = self._resident, self._memory

        async def settle(outcome: PageOutcome) -> None:
            memory.learn(resident, params, outcome)
            await on_page(outcome)

        async with resident.turn:
            worker = resident.worker
            try:
                if worker is None or not await memory.grow(resident, params):
                    return ChunkOutcome((), worker.known_loss if worker else None)
            except NeverFits as error:
                return await _refuse(params.pages, error, memory.least_need(resident.key, params), on_page)
            with memory.working(resident, task_id, pages=len(params.pages)):
                if on_begin is not None:
                    await on_begin()
                outcome = await worker.process(params, settle, room_bytes=resident.room_bytes)
                if outcome.loss is not None:
                    outcome = replace(outcome, loss=memory.blame(resident, outcome.loss))
                memory.learn_loss(resident, params, outcome)
                return replace(outcome, reserved_bytes=resident.reserved.on(resident.key.device))

    async def ask(
        self, request: Opening, expected: type[Answer], *, limit: timedelta, memory_bytes: int = DECODING_BYTES
    ) -> Answer:
        """Have a reader do something with a document other than reading its pages, within a reservation for that.

        Args:
            request: What it is to do.
            expected: The kind of its answer.
            limit: Longest it may take.
            memory_bytes: What it may take in addition to what the reader holds without a document.

        Raises:
            PoolExhausted: There was no memory for it; reading pages goes first.
            NeverFits: It needs more memory than there can ever be.
            PagemillError: As `Worker.ask`.
        """
        resident, memory = self._resident, self._memory
        async with resident.turn:
            worker = resident.worker
            if worker is None or not await memory.grow_by(resident, memory_bytes):
                raise PoolExhausted("There is no memory for this now. Try again later.", retry_after_s=_MEMORY_COMES_S)
            with memory.working(resident):
                bounded = request.model_copy(update={"room_bytes": resident.room_bytes})
                try:
                    return await worker.ask(bounded, expected, limit=limit)
                except WorkerLost as error:
                    if (loss := worker.known_loss) is None:
                        raise
                    raise lost_error(memory.blame(resident, loss)) from error


async def _refuse(pages: Sequence[int], error: NeverFits, need: MemoryNeed, on_page: OnPage) -> ChunkOutcome:
    for number in pages:
        await on_page(PageTooLarge(number, error.reason, error.message, error.retryable, need=need))
    return ChunkOutcome(tuple(pages))
