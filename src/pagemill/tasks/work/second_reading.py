"""Has an assisting engine read the lines of a page that the page's own engine could not.

    read by the engine ── doubtful? ── held back until its service is released ── assisting service ── settled
                              └ no ── settled

Both engines are model sets of the pool, each with its own reservation. A chunk never holds both at once: if memory is
short, it would wait for the second one forever. Whatever goes wrong with the second reading, the first one stays.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from pagemill.domain.errors import PagemillError
from pagemill.domain.memory import CPU
from pagemill.domain.ports import Service, ServicePool
from pagemill.domain.uninterrupted import finish_despite_cancel
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.domain.work.outcomes import PageOutcome, PageRead
from pagemill.domain.work.recognition import ChunkParams, Stage
from pagemill.tasks.decisions.assistance import Assistance, assistance_for

logger = logging.getLogger(__name__)


class SecondReader:
    """Has doubtful pages read again. Runs in the server's event loop."""

    def __init__(self, *, engines: Mapping[str, EngineSpec], pool: ServicePool, wait: timedelta) -> None:
        self._engines = engines
        self._pool = pool
        self._wait = wait

    def can_help(self, outcome: PageOutcome, params: ChunkParams) -> bool:
        """Whether the page is worth a second reading, and an engine here could give it."""
        if params.stage is not Stage.OCR or not isinstance(outcome, PageRead) or not outcome.is_doubtful:
            return False
        return self._assistance(params) is not None

    async def read(
        self, task_id: str, pages: Sequence[PageRead], params: ChunkParams, *, may_use_spare: bool
    ) -> list[PageRead]:
        """The pages after their second reading, or as they were."""
        assistance = self._assistance(params)
        if assistance is None or not pages:
            return list(pages)
        try:
            service = await self._pool.acquire(
                device=CPU,
                engine=assistance.engine,
                languages=assistance.languages,
                wait=self._wait,
                may_use_spare=may_use_spare,
            )
        except PagemillError as error:
            logger.info("Task %s: pages %s are not read again: %s", task_id, [page.number for page in pages], error)
            return list(pages)
        try:
            return [await self._read(task_id, service, page, params) for page in pages]
        finally:
            await finish_despite_cancel(self._pool.release(service))

    async def _read(self, task_id: str, service: Service, page: PageRead, params: ChunkParams) -> PageRead:
        again: list[PageRead] = []

        async def keep(outcome: PageOutcome) -> None:
            if isinstance(outcome, PageRead):
                again.append(outcome)
            else:
                logger.info("Task %s: page %d could not be read again: %s", task_id, page.number, outcome)

        asked = replace(params, pages=(page.number,), notes=(), batch_size=None, first_reading=page.payload)
        await service.process(task_id, asked, keep)
        return replace(again[0], seconds=page.seconds + again[0].seconds) if again else page

    def _assistance(self, params: ChunkParams) -> Assistance | None:
        return assistance_for(self._engines, params.options)
