"""Ends one worker, and says when those who work with it need not wait any longer.

    its own death ───────────────────────────▶ gone = over
    SIGKILL ─┬─ obeyed within `kill_limit` ──▶ gone = over
             └─ not obeyed ──▶ over: unkillable ──▶ gone, perhaps, later

A process in uninterruptible sleep (a dead network disk, a driver that hangs) does not obey even SIGKILL.

A process's peak must be measured while it lives: for a dead one, the kernel reports the larger of its own peak and that
of the server that started it. So every wait for a process also measures its peak, again and again.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

from pagemill.domain.work.outcomes import LossCause, WorkerLoss
from pagemill.memory.probes.oom import OomEvidence, WatchOom
from pagemill.pool.deaths import Signs, explain
from pagemill.pool.messages import Stop
from pagemill.pool.output import Output
from pagemill.pool.placement import ExitStatus, WorkerProcess
from pagemill.pool.pool_config import WorkerConfig

logger = logging.getLogger(__name__)

_LINGER = timedelta(seconds=1)


class Ending:
    """Ends one process, waits for its end within limits, and says how it ended. Runs in the server's event loop.

    Attributes:
        asked: Why we ended it ourselves; None if we did not.
        is_stopping: It was told to stop.
    """

    def __init__(
        self,
        name: str,
        process: WorkerProcess,
        config: WorkerConfig,
        *,
        watch_oom: WatchOom,
        page: Callable[[], int | None],
        turn: asyncio.Lock,
    ) -> None:
        """Begin to watch it.

        Args:
            name: Its id in logs.
            process: The process to end.
            config: The limits.
            watch_oom: Reports the kernel's own kills.
            page: Returns the page that it works on now.
            turn: Held during each request to it; its pipes are closed between requests.
        """
        loop = asyncio.get_running_loop()
        self.asked: LossCause | None = None
        self.is_stopping = False
        self._name = name
        self._process = process
        self._config = config
        self._watch_oom = watch_oom
        self._oom_evidence = watch_oom(process.pid)
        self._page = page
        self._turn = turn
        self._peak_bytes = 0
        self._next_look: asyncio.TimerHandle | None = None
        self._signs: Signs | None = None
        self._patience: asyncio.Timeout | None = None
        self._last_resort: asyncio.TimerHandle | None = None
        self._gone: asyncio.Future[None] = loop.create_future()
        self._over: asyncio.Future[WorkerLoss | None] = loop.create_future()
        self._output = Output(name, process, tail_lines=config.tail_lines)
        self._logging = asyncio.create_task(self._output.forward(), name=f"log of {name}")
        self._watching = asyncio.create_task(self._watch(), name=f"end of {name}")

    @property
    def is_gone(self) -> bool:
        """Whether its end is confirmed."""
        return self._gone.done()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come from it: it is gone, or cannot be killed."""
        return self._over.done()

    @property
    def loss(self) -> WorkerLoss | None:
        """How it was lost; None while it works, or if it was stopped."""
        return self._over.result() if self._over.done() else None

    def loss_on(self, page: int | None) -> WorkerLoss | None:
        """The loss with the page of its last message, which we may have read only after its end."""
        loss = self.loss
        if loss is None or self._signs is None or loss.page == page:
            return loss
        return explain(replace(self._signs, page=page))

    def begin(self) -> None:
        """Note that it begins a request: its peak, and kills by the kernel, count from here."""
        self._oom_evidence = self._watch_oom(self._process.pid)
        self._peak_bytes = 0

    def saw_peak(self, peak_bytes: int) -> None:
        """Note a peak of its resident size."""
        self._peak_bytes = max(self._peak_bytes, peak_bytes)

    async def wait_until_gone(self) -> None:
        """Wait for its confirmed end, however long that takes."""
        await asyncio.shield(self._gone)

    async def wait_until_over(self) -> None:
        """Wait until nothing more will come from it; after `kill`, that takes at most `kill_limit`."""
        await asyncio.wait([self._over])

    async def is_gone_within(self, limit: timedelta) -> bool:
        """Wait for its confirmed end, for `limit` at most; return whether it came."""
        await asyncio.wait([self._gone], timeout=limit.total_seconds())
        return self.is_gone

    @asynccontextmanager
    async def waiting(self, timeout_s: float) -> AsyncIterator[None]:
        """Let the block wait for the process and note its peak; end the process if that takes too long.

        The wait ends early once it is over. Time in which our own loop stood still (a stopped server, a call that
        blocked) does not count: the process may have answered meanwhile.

        Raises:
            TimeoutError: The block took longer.
        """
        try:
            async with asyncio.timeout(0 if self.is_over else timeout_s) as self._patience:
                self._look_later()
                yield
        except TimeoutError:
            self.kill(LossCause.HANG)
            raise
        finally:
            self._patience = None
            if self._next_look is not None:
                self._next_look.cancel()

    async def wait_until_lost(self) -> None:
        """Wait until it is over; end it if it closed its pipe but lives."""
        if not await self.is_gone_within(_LINGER):
            self.kill(LossCause.PROTOCOL)
        await self.wait_until_over()

    def kill(self, cause: LossCause) -> None:
        """End it now; the first cause counts."""
        if self.asked is None and not self.is_over:
            self.asked = cause
            self.saw_peak(self._process.peak_bytes())
        self._kill()

    async def stop(self, grace: timedelta) -> bool:
        """End it: ask first, and use force after `grace`; return whether its end is confirmed."""
        self.is_stopping = True
        if not self.is_over and not await self._obeys(grace):
            self._process.signal_group(signal.SIGTERM)
            if not await self.is_gone_within(self._config.term_grace):
                self._kill()
        await self.wait_until_over()
        if not self.is_gone:
            return False
        await asyncio.wait([self._watching], timeout=_LINGER.total_seconds())
        return True

    def _look_later(self) -> None:
        interval_s = self._config.peak_interval.total_seconds()
        self._next_look = asyncio.get_running_loop().call_later(interval_s, self._look)

    def _look(self) -> None:
        self.saw_peak(self._process.peak_bytes())
        self._excuse_lateness()
        self._look_later()

    def _excuse_lateness(self) -> None:
        """Extend the wait by the delay of this look: for that time, our own loop could read no answer."""
        if self._next_look is None or self._patience is None or self._patience.expired() or self.is_over:
            return
        late_s = asyncio.get_running_loop().time() - self._next_look.when()
        limit = self._patience.when()
        if limit is not None and late_s > 0:
            self._patience.reschedule(limit + late_s)

    async def _obeys(self, grace: timedelta) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(grace.total_seconds()):
                await self._process.send(Stop())
                await self.wait_until_gone()
        return self.is_gone

    def _kill(self) -> None:
        """Send SIGKILL; the worker is over within `kill_limit`, whatever its process does."""
        self._process.signal_group(signal.SIGKILL)
        if self._last_resort is None and not self.is_over:
            limit_s = self._config.kill_limit.total_seconds()
            self._last_resort = asyncio.get_running_loop().call_later(limit_s, self._give_up)

    def _give_up(self) -> None:
        """Stop waiting for a process that does not end."""
        logger.error(
            "Worker %s (pid %d) was killed but does not end; most likely it waits for a disk or a driver. Its memory "
            "stays reserved until it ends.",
            *(self._name, self._process.pid),
        )
        self._over.set_result(self._explain(None))
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def _watch(self) -> None:
        """Wait for its end, read its last output, explain its death, and close its pipes."""
        status = await self._process.wait_for_exit()
        if self._last_resort is not None:
            self._last_resort.cancel()
        await asyncio.wait([self._logging], timeout=_LINGER.total_seconds())
        self._logging.cancel()
        if self.is_over:
            logger.warning("Worker %s (pid %d) did not obey SIGKILL and has ended now", self._name, self._process.pid)
        else:
            self._over.set_result(self._explain(status))
        self._gone.set_result(None)
        async with self._turn:
            self._process.close()

    def _explain(self, status: ExitStatus | None) -> WorkerLoss | None:
        """How it was lost; without a status, its process still lives. None if it was told to stop."""
        if self.is_stopping and self.asked is None:
            return None
        self._signs = signs = Signs(
            code=status.code if status else None,
            is_seen=status is not None,
            asked=self.asked,
            oom=self._oom_evidence() if status else OomEvidence.NONE,
            last_words=self._output.last_words(),
            page=self._page(),
            peak_bytes=max(self._peak_bytes, status.peak_bytes if status else 0),
        )
        loss = explain(signs)
        logger.warning("Worker %s is lost: %s", self._name, loss.message)
        return loss
