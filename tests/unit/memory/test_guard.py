"""The guard around the pure parts: what it asks of whom, from which thread. No process dies here."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import get_ident

import pytest

from pagemill.domain.errors import DeviceUnavailable, NeverFits
from pagemill.domain.memory import CPU, MIB, DeviceId, LevelChanged, MemoryLevel, MemoryNeed, MemoryReading
from pagemill.domain.reports.snapshot import WatchedWorker
from pagemill.domain.work.outcomes import LossCause
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.memory.admission import WorkerUse
from pagemill.memory.guard import GuardConfig, MemoryGuard
from pagemill.memory.guard_decisions import GuardRules
from pagemill.memory.levels import Polling

GPU = DeviceId("cuda:0")
KEY = ModelSetKey("rapidocr", "accurate", (), CPU)
LONG = timedelta(seconds=30)


@dataclass
class ManualClock:
    """Time that stands until it is moved."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Held:
    """A process in hand."""

    log: list[str]

    def kill(self) -> None:
        self.log.append("killed")

    def close(self) -> None:
        self.log.append("let go")


@dataclass
class DialMachine:
    """A machine of 1000 MiB whose readings are dialled."""

    used: dict[DeviceId, int] = field(default_factory=lambda: {CPU: 100})
    held: dict[str, WorkerUse] = field(default_factory=dict)
    stalls: float = 0.0
    broken: bool = False
    looked: Callable[[], object] = lambda: None
    log: list[str] = field(default_factory=list)

    def read(self) -> Sequence[MemoryReading]:
        self.looked()
        if self.broken:
            raise DeviceUnavailable("No /proc.")
        return [MemoryReading(device, 1000 * MIB, used * MIB, "dial") for device, used in self.used.items()]

    def uses(self, workers: Sequence[WatchedWorker]) -> Mapping[str, WorkerUse]:
        return {one.worker_id: self.held[one.worker_id] for one in workers if one.worker_id in self.held}

    def own_bytes(self) -> int:
        return 50 * MIB

    def stalled_share(self) -> float:
        return self.stalls

    def hold(self, pid: int) -> Held:
        self.log.append(f"held {pid}")
        return Held(self.log)


@dataclass
class Asked:
    """`WatchedWorkers` that write down what they were asked."""

    there: list[WatchedWorker] = field(default_factory=list)
    log: list[tuple[str, object]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def workers(self) -> Sequence[WatchedWorker]:
        return tuple(self.there)

    async def evict_idle(self, device: DeviceId, *, at_least_bytes: int | None = None) -> int:
        self._note("evict", (device, at_least_bytes))
        return 0

    async def trim_idle(self, device: DeviceId) -> None:
        self._note("trim", device)

    async def kill(self, worker_id: str, cause: LossCause) -> None:
        self._note("kill", (worker_id, cause))

    def _note(self, what: str, about: object) -> None:
        self.threads.add(get_ident())
        self.log.append((what, about))
        self.told.set()


def busy(worker_id: str, *, ram: int = 100) -> WatchedWorker:
    return WatchedWorker(worker_id, 4711, KEY, MemoryNeed(ram * MIB), 1.0, "task")


def holds(mib: int) -> WorkerUse:
    return WorkerUse(CPU, mib * MIB, mib * MIB)


@dataclass
class Scene:
    clock: ManualClock = field(default_factory=ManualClock)
    machine: DialMachine = field(default_factory=DialMachine)
    workers: Asked = field(default_factory=Asked)
    changes: list[LevelChanged] = field(default_factory=list)

    def guard(self, config: GuardConfig | None = None) -> MemoryGuard:
        guard = MemoryGuard(config or GuardConfig(), machine=self.machine, clock=self.clock)
        guard.listen(self.changes.append)
        return guard

    async def look(self, guard: MemoryGuard, used: int) -> float:
        """Look once from another thread, and let the loop do what it was asked."""
        self.clock.seconds += 1.0
        self.machine.used[CPU] = used
        wait = await asyncio.to_thread(guard.run_once)
        for _ in range(5):
            await asyncio.sleep(0)
        return wait


@pytest.fixture
async def scene() -> Scene:
    return Scene()


@pytest.fixture
async def started(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> MemoryGuard:
    """A guard that was started, and looks only when a test says so."""
    guard = scene.guard()
    monkeypatch.setattr(guard, "_run", lambda _wait: None)
    guard.watch(scene.workers)
    await guard.start()
    return guard


async def test_it_cannot_start_without_workers_to_watch(scene: Scene) -> None:
    with pytest.raises(RuntimeError, match="no workers"):
        await scene.guard().start()


async def test_it_admits_before_it_watches(scene: Scene) -> None:
    guard = scene.guard()
    assert guard.level(CPU) is MemoryLevel.NORMAL
    held = guard.reserve("w", CPU, MemoryNeed(500 * MIB))
    assert held is not None
    assert guard.reserve("v", CPU, MemoryNeed(301 * MIB)) is None
    with pytest.raises(NeverFits):
        guard.reserve("v", CPU, MemoryNeed(851 * MIB))
    guard.release(held)
    [device] = guard.devices()
    assert (device.device, device.limit_bytes, device.used_bytes) == (CPU, 1000 * MIB, 100 * MIB)
    assert device.reserved_bytes == 0


async def test_soft_trims_first_and_evicts_what_that_did_not_bring(scene: Scene, started: MemoryGuard) -> None:
    await scene.look(started, 850)
    assert started.level(CPU) is MemoryLevel.SOFT
    assert scene.workers.log == [("trim", CPU), ("evict", (CPU, 100 * MIB))]
    assert [change.level for change in scene.changes] == [MemoryLevel.SOFT]
    await started.stop()


async def test_soft_evicts_nobody_where_trimming_was_enough(
    scene: Scene, started: MemoryGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def trim_idle(_device: DeviceId) -> None:
        scene.machine.used[CPU] = 700

    monkeypatch.setattr(scene.workers, "trim_idle", trim_idle)
    await scene.look(started, 850)
    assert scene.workers.log == []
    await started.stop()


async def test_hard_evicts_all_and_starts_nothing(scene: Scene, started: MemoryGuard) -> None:
    await scene.look(started, 920)
    assert scene.workers.log == [("evict", (CPU, None))]
    scene.machine.used[CPU] = 100
    assert started.reserve("w", CPU, MemoryNeed(MIB)) is None
    await scene.look(started, 100)
    assert started.reserve("w", CPU, MemoryNeed(MIB)) is not None
    await started.stop()


async def test_a_kill_is_the_pools_on_the_loop_and_then_made_sure_of(scene: Scene, started: MemoryGuard) -> None:
    scene.workers.there = [busy("a")]
    scene.machine.held["a"] = holds(90)
    await scene.look(started, 960)
    assert ("kill", ("a", LossCause.MEMORY_PRESSURE)) in scene.workers.log
    assert scene.workers.threads == {get_ident()}
    assert scene.machine.log == ["held 4711", "killed", "let go"]
    await started.stop()


async def test_a_busy_loop_is_not_waited_for(scene: Scene, started: MemoryGuard) -> None:
    scene.workers.there = [busy("a")]
    scene.machine.held["a"] = holds(126)
    started.run_once()  # on the loop's own thread: nothing that is asked of the loop can happen meanwhile
    assert scene.workers.log == []
    assert scene.machine.log == ["held 4711", "killed", "let go"]
    await scene.look(started, 100)
    assert scene.workers.log == [("kill", ("a", LossCause.OVER_RESERVATION))]
    await started.stop()


async def test_a_dying_worker_is_watched_even_when_the_pool_has_forgotten_it(
    scene: Scene, started: MemoryGuard
) -> None:
    scene.workers.there = [replace(busy("a"), busy_since=9.0), busy("b")]
    scene.machine.held = {"a": holds(90), "b": holds(90)}
    await scene.look(started, 960)
    scene.workers.there = [busy("b")]
    await scene.look(started, 960)
    assert [about for what, about in scene.workers.log if what == "kill"] == [("a", LossCause.MEMORY_PRESSURE)]
    del scene.machine.held["a"]
    await scene.look(started, 960)
    assert ("kill", ("b", LossCause.MEMORY_PRESSURE)) in scene.workers.log
    await started.stop()


async def test_over_its_reservation_a_worker_dies_alone(scene: Scene, started: MemoryGuard) -> None:
    scene.workers.there = [busy("a"), busy("b")]
    scene.machine.held = {"a": holds(126), "b": holds(90)}
    await scene.look(started, 400)
    assert scene.workers.log == [("kill", ("a", LossCause.OVER_RESERVATION))]
    await started.stop()


async def test_who_waits_is_served_when_memory_comes_back_by_itself(scene: Scene, started: MemoryGuard) -> None:
    await scene.look(started, 700)
    waiting = asyncio.create_task(started.reserve_when_free("w", CPU, MemoryNeed(500 * MIB), wait=LONG))
    await asyncio.sleep(0)
    assert not waiting.done()
    await scene.look(started, 100)
    assert await waiting is not None
    await started.stop()


async def test_who_waits_is_served_when_another_releases(scene: Scene) -> None:
    guard = scene.guard()
    held = guard.reserve("v", CPU, MemoryNeed(500 * MIB))
    assert held is not None
    waiting = asyncio.create_task(guard.reserve_when_free("w", CPU, MemoryNeed(500 * MIB), wait=LONG))
    await asyncio.sleep(0)
    guard.release(held)
    assert await waiting is not None


async def test_a_gpu_that_is_gone_starts_nothing(scene: Scene, started: MemoryGuard) -> None:
    scene.machine.used[GPU] = 0
    await scene.look(started, 100)
    assert started.level(GPU) is MemoryLevel.NORMAL
    del scene.machine.used[GPU]
    await scene.look(started, 100)
    assert started.level(GPU) is MemoryLevel.HARD
    with pytest.raises(DeviceUnavailable):
        started.reserve("w", GPU, MemoryNeed(1, 1))
    await started.stop()


async def test_a_cap_bounds_our_own_use_and_not_that_of_others(scene: Scene) -> None:
    guard = scene.guard(GuardConfig(caps={CPU: 300 * MIB}))
    scene.machine.used[CPU] = 600
    [device] = guard.devices()
    assert (device.limit_bytes, device.used_bytes) == (300 * MIB, 50 * MIB)
    assert guard.reserve("w", CPU, MemoryNeed(220 * MIB)) is not None


async def test_its_own_thread_goes_on_after_a_look_that_failed(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    guard = scene.guard(GuardConfig(GuardRules(polling=Polling(longest_s=0.02))))
    loop, looked = asyncio.get_running_loop(), asyncio.Event()
    scene.machine.looked = lambda: loop.call_soon_threadsafe(looked.set)
    guard.watch(scene.workers)
    await guard.start()
    await guard.start()
    held = guard.reserve("w", CPU, MemoryNeed(MIB))
    assert held is not None
    scene.machine.broken = True
    with caplog.at_level(logging.ERROR):
        async with asyncio.timeout(10):
            while "could not measure" not in caplog.text:
                looked.clear()
                await looked.wait()
    scene.machine.broken = False
    scene.machine.used[CPU] = 850
    async with asyncio.timeout(10):
        await scene.workers.told.wait()
    await guard.stop()
    await guard.stop()
    assert scene.workers.threads == {get_ident()}


async def test_a_request_that_fails_is_logged_and_harms_nothing(
    scene: Scene, started: MemoryGuard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def evict_idle(_device: DeviceId, *, at_least_bytes: int | None = None) -> int:
        raise RuntimeError(f"pool is upset about {at_least_bytes}")

    monkeypatch.setattr(scene.workers, "evict_idle", evict_idle)
    await scene.look(started, 920)
    assert "pool is upset" in caplog.text
    await scene.look(started, 920)
    assert caplog.text.count("RuntimeError: pool is upset") == 2
    await started.stop()


@pytest.mark.parametrize("is_over", [True, False], ids=["over its promise", "within its promise"])
@pytest.mark.parametrize("is_still_there", [True, False])
@pytest.mark.parametrize("looked", [True, False])
@pytest.mark.parametrize(("since", "until"), [(0.0, 0.0), (0.0, 9.0), (9.0, 9.0)])
async def test_it_knows_that_others_took_what_was_promised(
    scene: Scene, *, is_over: bool, is_still_there: bool, looked: bool, since: float, until: float
) -> None:
    guard = scene.guard()
    guard.watch(scene.workers)
    guard.reserve("w", CPU, MemoryNeed(300 * MIB))
    scene.workers.there = [busy("w", ram=300)]
    scene.machine.held = {"w": holds(360 if is_over else 100)}
    assert not guard.was_short(CPU, since=0.0)
    scene.machine.used[CPU] = 1000
    if looked and not is_over:
        guard.run_once()
    scene.clock.seconds = until
    scene.machine.used[CPU] = 1000 if is_still_there else 400
    scene.machine.held = {"w": holds(800)} if is_over else {}
    seen_now, seen_before = is_still_there and not is_over, looked and not is_over and since == 0.0
    assert guard.was_short(CPU, since=since) is (seen_now or seen_before)
    assert not guard.was_short(GPU, since=since)
