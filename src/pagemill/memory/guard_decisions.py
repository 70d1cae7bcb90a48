"""The memory guard's decisions: one measurement of the machine in, orders out. No clock, no process here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pagemill.domain.memory import CPU, DeviceId, LevelChanged, MemoryLevel, MemoryReading
from pagemill.domain.reports.snapshot import WatchedWorker
from pagemill.domain.work.outcomes import LossCause
from pagemill.memory.admission import WorkerUse
from pagemill.memory.levels import Levels, Polling, Runway, next_level, poll_interval


@dataclass(frozen=True)
class GuardRules:
    """The guard's rules.

    Attributes:
        over_reservation: Kill a busy worker that holds more than this many times its reservation.
        kill_settles_s: Longest wait of the next kill for the memory of the last one.
        kill_grace_s: Time for the event loop to carry out a kill before the guard does it itself.
        relief_every_s: Shortest time between two evictions for the same device and level.
        stalled_from: If processes wait for memory this share of the time, measure as often as possible.
    """

    levels: Levels = field(default_factory=Levels)
    polling: Polling = field(default_factory=Polling)
    over_reservation: float = 1.25
    kill_settles_s: float = 2.0
    kill_grace_s: float = 0.005
    relief_every_s: float = 1.0
    stalled_from: float = 0.1


@dataclass(frozen=True)
class Look:
    """All measurements of one moment.

    Attributes:
        at: Monotonic seconds.
        uses: By worker_id; a missing worker holds nothing (any more).
        stalled: Share of the last seconds in which some process waited for memory: a hint, see `GuardRules`.
    """

    at: float
    readings: Mapping[DeviceId, MemoryReading]
    workers: Sequence[WatchedWorker] = ()
    uses: Mapping[str, WorkerUse] = field(default_factory=dict)
    stalled: float = 0.0


@dataclass(frozen=True)
class Kill:
    """A worker to kill, or killed at `at`."""

    worker: WatchedWorker
    cause: LossCause
    at: float


@dataclass(frozen=True)
class Relief:
    """An order for idle workers to return memory: trim and evict (soft), or evict all (hard and above)."""

    device: DeviceId
    level: MemoryLevel
    at: float


@dataclass(frozen=True)
class Memory:
    """What the guard remembers between measurements.

    Attributes:
        looks: The last two measurements.
        kills: Kills whose memory has not come back yet.
        reliefs: The last relief of each device.
    """

    levels: Mapping[DeviceId, MemoryLevel] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()
    kills: tuple[Kill, ...] = ()
    reliefs: tuple[Relief, ...] = ()


@dataclass(frozen=True)
class Orders:
    """What to do now.

    Attributes:
        wait_s: Seconds until the next measurement.
    """

    changes: tuple[LevelChanged, ...]
    reliefs: tuple[Relief, ...]
    kills: tuple[Kill, ...]
    wait_s: float


def decide(before: Memory, look: Look, rules: GuardRules) -> tuple[Memory, Orders]:
    """One step: from memory and measurement to new memory and orders."""
    rates = {device: fill_rate(before.looks, look, device) for device in look.readings}
    levels = {
        device: next_level(
            before.levels.get(device, MemoryLevel.NORMAL),
            reading,
            bytes_per_s=rates[device],
            levels=rules.levels,
            polling=rules.polling,
        )
        for device, reading in look.readings.items()
    }
    pending = tuple(kill for kill in before.kills if not is_settled(kill, look, rules))
    kills = choose_kills(levels, look, pending, rules)
    reliefs = choose_reliefs(levels, before.reliefs, look.at, rules)
    orders = Orders(
        changes=_changes(before.levels, levels, look),
        reliefs=reliefs,
        kills=kills,
        wait_s=rules.polling.shortest_s
        if pending or kills or look.stalled >= rules.stalled_from
        else poll_interval(_runways(look, rates, rules), rules.polling),
    )
    renewed = {relief.device for relief in reliefs}
    kept = tuple(relief for relief in before.reliefs if relief.device not in renewed)
    return Memory(levels, (*before.looks[-1:], look), pending + kills, kept + reliefs), orders


def fill_rate(earlier: Sequence[Look], look: Look, device: DeviceId) -> float:
    """Bytes per second by which use has grown over the last two polls; negative while it shrinks.

    It uses two polls, so that a single step within a worker's reservation does not look like a flood.
    """
    then = next((past for past in earlier if device in past.readings), None)
    if then is None or look.at <= then.at:
        return 0.0
    return (look.readings[device].held_bytes - then.readings[device].held_bytes) / (look.at - then.at)


def is_settled(kill: Kill, look: Look, rules: GuardRules) -> bool:
    """Whether the memory of a killed worker is back, or the guard has waited for it long enough."""
    return kill.worker.worker_id not in look.uses or look.at - kill.at >= rules.kill_settles_s


def choose_kills(
    levels: Mapping[DeviceId, MemoryLevel], look: Look, pending: Sequence[Kill], rules: GuardRules
) -> tuple[Kill, ...]:
    """The workers to kill: those far over their own reservation; otherwise, in an emergency, one at a time."""
    doomed = {kill.worker.worker_id for kill in pending}
    doomed |= {worker.worker_id for worker in look.workers if worker.unkillable}
    alive = [worker for worker in look.workers if worker.worker_id in look.uses and worker.worker_id not in doomed]
    over = [
        worker for worker in alive if is_over_reservation(worker, look.uses[worker.worker_id], rules.over_reservation)
    ]
    if over or pending:
        return tuple(Kill(worker, LossCause.OVER_RESERVATION, look.at) for worker in over)
    emergencies = [device for device, level in levels.items() if level is MemoryLevel.EMERGENCY]
    victims = (choose_victim(alive, look.uses, device) for device in emergencies)
    first = next((victim for victim in victims if victim is not None), None)
    return () if first is None else (Kill(first, LossCause.MEMORY_PRESSURE, look.at),)


def is_over_reservation(worker: WatchedWorker, use: WorkerUse, factor: float) -> bool:
    """Whether a busy worker holds more than `factor` times its reservation of host or GPU memory."""
    if worker.busy_since is None:
        return False
    ram, gpu = worker.reserved.ram_bytes, worker.reserved.gpu_bytes
    return 0 < ram * factor < use.rss_bytes or 0 < gpu * factor < (use.gpu_bytes or 0)


def choose_victim(
    workers: Sequence[WatchedWorker], uses: Mapping[str, WorkerUse], device: DeviceId
) -> WatchedWorker | None:
    """The worker to kill for a device in an emergency: one whose death helps and costs least.

    First a worker over its reservation, which is to blame; then the newest chunk, which loses the least work (finished
    pages are never read again); then the largest idle worker, which evictions have not reached yet.
    """
    helpful = [worker for worker in workers if device in (CPU, worker.key.device)]
    return max(helpful, key=lambda worker: _rank(worker, uses[worker.worker_id]), default=None)


def _rank(worker: WatchedWorker, use: WorkerUse) -> tuple[bool, bool, float, int]:
    busy = worker.busy_since is not None
    return is_over_reservation(worker, use, 1.0), busy, worker.busy_since or 0.0, use.rss_bytes


def choose_reliefs(
    levels: Mapping[DeviceId, MemoryLevel], last: Iterable[Relief], at: float, rules: GuardRules
) -> tuple[Relief, ...]:
    """The devices whose idle workers must return memory: at once when a level begins, then every `relief_every_s`."""
    recent = {relief.device: relief.level for relief in last if at - relief.at < rules.relief_every_s}
    return tuple(
        Relief(device, level, at) for device, level in levels.items() if level > recent.get(device, MemoryLevel.NORMAL)
    )


def _changes(
    before: Mapping[DeviceId, MemoryLevel], levels: Mapping[DeviceId, MemoryLevel], look: Look
) -> tuple[LevelChanged, ...]:
    pairs = ((device, before.get(device, MemoryLevel.NORMAL), level) for device, level in levels.items())
    return tuple(LevelChanged(device, old, new, look.readings[device]) for device, old, new in pairs if old is not new)


def _runways(look: Look, rates: Mapping[DeviceId, float], rules: GuardRules) -> Iterable[Runway]:
    """The limits ahead: that of every device, and the most that every busy worker may hold."""
    presumed = rules.polling.presumed_bytes_per_s if look.workers else 0.0
    for device, reading in look.readings.items():
        yield Runway(reading.slack_bytes, max(presumed, rates[device]))
    for worker in look.workers:
        use = look.uses.get(worker.worker_id)
        if use is not None and worker.busy_since is not None:
            allowed = int(worker.reserved.ram_bytes * rules.over_reservation)
            yield Runway(max(0, allowed - use.rss_bytes), presumed)
