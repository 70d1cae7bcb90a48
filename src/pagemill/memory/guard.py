"""The memory guard: admits work by the ledger, watches the machine, and acts before the kernel does.

    event loop                                  guard's own thread
    reserve, resize, release ──▶ ledger ◀────── look: workers, devices
    trim, evict, kill (pool) ◀── orders ──────── decide(): levels, reliefs, kills
                                                 └─ a kill the loop has not carried out within 5 ms: SIGKILL

It watches from a thread because an event loop is likely to be late when memory runs out (paging, a long callback, a
garbage collection): a blocked loop delays evictions, never the kill.
"""

import asyncio
import logging
import math
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from datetime import timedelta

from pagemill.domain.memory import (
    CPU,
    DeviceId,
    DeviceMemory,
    LevelChanged,
    MemoryLevel,
    MemoryNeed,
    MemoryReading,
    OnLevel,
    Reservation,
)
from pagemill.domain.ports import Clock, WatchedWorkers
from pagemill.memory.admission import Account, WorkerUse, cap_reading
from pagemill.memory.guard_decisions import GuardRules, Kill, Look, Memory, Orders, Relief, decide
from pagemill.memory.ledger import Measurement, MemoryLedger
from pagemill.memory.probes.machine import Machine
from pagemill.memory.waiting import WaitingLine

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GuardConfig:
    """The configuration of the guard.

    Attributes:
        rules: Levels, polling and kills.
        caps: Maximum bytes that Pagemill itself may use of a device, if less than the device has.
        most_passes: How often smaller requests may overtake a request that waits for memory.
    """

    rules: GuardRules = field(default_factory=GuardRules)
    caps: Mapping[DeviceId, int] = field(default_factory=dict)
    most_passes: int = 8

    @property
    def margin(self) -> float:
        """The share of a limit that is never reserved: reservations end at the hard level."""
        return 1 - self.rules.levels.hard / 100


class MemoryGuard:
    """The real `MemoryAdmission`: it measures, watches and enforces. Runs in the server process.

    Call everything except `run_once`, `level` and `devices` from the event loop. It admits work at once, and watches
    from `start` to `stop`. Workers and listeners need the guard before they exist, so `watch` and `listen` pass them in
    later.

    Args:
        config: The configuration.
        machine: The probes.
        clock: Monotonic time of measurements.
    """

    def __init__(self, config: GuardConfig, *, machine: Machine, clock: Clock) -> None:
        self._config = config
        self._machine = machine
        self._clock = clock
        self._listeners: tuple[OnLevel, ...] = ()
        self._workers: WatchedWorkers | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._memory = Memory()
        self._ledger = MemoryLedger(self._measure, level=self.level, margin=config.margin)
        self._line = WaitingLine(self._ledger.reserve, self._ledger.release, most_passes=config.most_passes)
        self._thread: threading.Thread | None = None
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._asked: set[Future[None]] = set()
        self._relieving: set[DeviceId] = set()
        self._short_at: dict[DeviceId, float] = {}

    # --- admission ---------------------------------------------------------------------------------------------------

    def reserve(self, owner: str, device: DeviceId, need: MemoryNeed) -> Reservation | None:
        """See `MemoryAdmission.reserve`. It overtakes no request that was passed too often."""
        reservation = self._line.try_now(owner, device, need)
        self._woken.set()
        return reservation

    async def reserve_when_free(
        self, owner: str, device: DeviceId, need: MemoryNeed, *, wait: timedelta
    ) -> Reservation | None:
        """See `MemoryAdmission.reserve_when_free`."""
        reservation = await self._line.wait(owner, device, need, wait=wait)
        self._woken.set()
        return reservation

    def resize(self, reservation: Reservation, need: MemoryNeed) -> Reservation | None:
        """See `MemoryAdmission.resize`."""
        resized = self._ledger.resize(reservation, need)
        self._woken.set()
        self._line.serve()
        return resized

    def release(self, reservation: Reservation) -> None:
        """See `MemoryAdmission.release`. It serves those who wait."""
        self._ledger.release(reservation)
        self._line.serve()

    def level(self, device: DeviceId) -> MemoryLevel:
        """See `MemoryAdmission.level`. At the last measurement; `HARD` for a missing device."""
        absent = MemoryLevel.HARD if self._memory.levels else MemoryLevel.NORMAL
        return self._memory.levels.get(device, absent)

    def devices(self) -> Sequence[DeviceMemory]:
        """See `MemoryAdmission.devices`. Measured now."""
        return [
            DeviceMemory(
                device,
                account.limit_bytes,
                account.used_bytes,
                account.promised_bytes,
                self.level(device),
                margin_bytes=account.margin_bytes,
                own_bytes=account.own_bytes,
            )
            for device, account in self._ledger.accounts().items()
        ]

    def was_short(self, device: DeviceId, *, since: float) -> bool:
        """See `MemoryAdmission.was_short`."""
        self._note_shortage(self._ledger.accounts())
        return self._short_at.get(device, -math.inf) >= since

    def accounts(self) -> Mapping[DeviceId, Account]:
        """The account of every device, measured now: what can be reserved, and why no more."""
        return self._ledger.accounts()

    # --- service -----------------------------------------------------------------------------------------------------

    def watch(self, workers: WatchedWorkers) -> None:
        """Watch these workers from the next measurement on."""
        self._workers = workers

    def listen(self, on_level: OnLevel) -> None:
        """Call this listener for every change of level; adding it twice is not an error."""
        if on_level not in self._listeners:
            self._listeners = (*self._listeners, on_level)

    async def start(self) -> None:
        """See `Runnable.start`. It measures once before it returns. Starting twice is not an error.

        Raises:
            RuntimeError: `watch` was not called.
        """
        if self._workers is None:
            raise RuntimeError("The memory guard has no workers to watch; call `watch` before `start`.")
        if self._thread is not None:
            return
        self._loop = asyncio.get_running_loop()
        self._stopping.clear()
        first_wait = self.run_once()
        self._thread = threading.Thread(target=self._run, args=(first_wait,), name="memory-guard", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """See `Runnable.stop`. Reservations remain, and can be released."""
        self._stopping.set()
        self._woken.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.join)
        for asked in list(self._asked):
            asked.cancel()

    def run_once(self) -> float:
        """Measure once, and act on it.

        Returns:
            Seconds until the next measurement.
        """
        self._memory, orders = decide(self._memory, self._look(), self._config.rules)
        self._carry_out(orders)
        return orders.wait_s

    def _run(self, wait_s: float) -> None:
        while not self._stopping.is_set():
            self._woken.wait(wait_s)
            self._woken.clear()
            if self._stopping.is_set():
                return
            try:
                wait_s = self.run_once()
            except Exception:
                wait_s = self._config.rules.polling.longest_s
                logger.exception("The memory guard could not measure; it tries again in %s s", wait_s)

    # --- looking -----------------------------------------------------------------------------------------------------

    def _look(self) -> Look:
        alive = list(self._workers.workers()) if self._workers is not None else []
        known = {worker.worker_id for worker in alive}
        dying = [kill.worker for kill in self._memory.kills if kill.worker.worker_id not in known]
        uses = self._machine.uses(alive + dying)
        own_bytes = self._machine.own_bytes()
        readings = self._readings(uses, own_bytes)
        self._note_shortage(self._ledger.note(Measurement(readings, uses, own_bytes)))
        return Look(self._clock.monotonic(), readings, alive, uses, self._machine.stalled_share())

    def _note_shortage(self, accounts: Mapping[DeviceId, Account]) -> None:
        now = self._clock.monotonic()
        self._short_at.update({device: now for device, account in accounts.items() if account.is_short})

    def _measure(self) -> Measurement:
        workers = list(self._workers.workers()) if self._workers is not None else []
        uses = self._machine.uses(workers)
        own_bytes = self._machine.own_bytes()
        return Measurement(self._readings(uses, own_bytes), uses, own_bytes)

    def _readings(self, uses: Mapping[str, WorkerUse], own_bytes: int) -> Mapping[DeviceId, MemoryReading]:
        readings = {reading.device: reading for reading in self._machine.read()}
        for device, cap_bytes in self._config.caps.items():
            if device in readings:
                own = sum(use.bytes_alone(device) or 0 for use in uses.values())
                own += own_bytes if device == CPU else 0
                readings[device] = cap_reading(readings[device], cap_bytes, own)
        return readings

    # --- acting ------------------------------------------------------------------------------------------------------

    def _carry_out(self, orders: Orders) -> None:
        for change in orders.changes:
            _log_change(change)
            for on_level in self._listeners:
                self._tell(on_level, change)
        for kill in orders.kills:
            self._kill(kill)
        for relief in orders.reliefs:
            self._relieve(relief)
        if len(self._line):
            self._tell(self._serve)

    def _kill(self, kill: Kill) -> None:
        """Let the pool kill the worker, so that it knows the cause; do not wait for a busy event loop."""
        worker = kill.worker
        logger.warning("The memory guard ends worker %s (pid %d): %s", worker.worker_id, worker.pid, kill.cause)
        process = self._machine.hold(worker.pid)
        if self._workers is not None:
            asked = self._ask(self._workers.kill(worker.worker_id, kill.cause))
            wait_for([asked] if asked else [], timeout=self._config.rules.kill_grace_s)
        if process is not None:
            process.kill()
            process.close()

    def _relieve(self, relief: Relief) -> None:
        if self._workers is not None and relief.device not in self._relieving:
            self._relieving.add(relief.device)
            self._ask(self._give_back(self._workers, relief))

    async def _give_back(self, workers: WatchedWorkers, relief: Relief) -> None:
        try:
            if relief.level >= MemoryLevel.HARD:
                await workers.evict_idle(relief.device)
                return
            await workers.trim_idle(relief.device)
            reading = self._measure().readings.get(relief.device)
            excess = self._config.rules.levels.soft_excess(reading) if reading is not None else 0
            if excess:
                await workers.evict_idle(relief.device, at_least_bytes=excess)
        finally:
            self._relieving.discard(relief.device)

    def _serve(self) -> None:
        self._line.serve()

    def _ask(self, request: Coroutine[object, object, None]) -> Future[None] | None:
        if self._loop is None or self._loop.is_closed():
            request.close()
            return None
        future = asyncio.run_coroutine_threadsafe(request, self._loop)
        self._asked.add(future)
        future.add_done_callback(self._end_request)
        return future

    def _end_request(self, future: Future[None]) -> None:
        self._asked.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            logger.error("A request of the memory guard failed", exc_info=error)

    def _tell(self, callback: Callable[..., None], *args: LevelChanged) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *args)


def _log_change(change: LevelChanged) -> None:
    log = logger.warning if change.level > change.before else logger.info
    reading = change.reading
    log(
        "Memory of %s: %s, was %s (%d of %d MiB used; %s)",
        change.device,
        change.level.name.lower(),
        change.before.name.lower(),
        reading.used_bytes >> 20,
        reading.limit_bytes >> 20,
        reading.source,
    )
