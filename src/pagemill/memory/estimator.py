"""The memory that a page needs at its peak: shipped seeds first, then observations.

    need(x) = base + fixed + per_pixel · x   until a few pages of this size were read; x = pixels · batch ÷ usual batch
    need(x) = line(x) + doubt(x)             line = the lowest above all peaks seen, except one in a hundred

It uses peaks because sizes between pages are not stable. A failed run gives a lower bound for pages of that size that
also failed (they have climbed), until enough of them were read with less. It does not apply to a page at its first
attempt, because otherwise everyone would pay for one document that takes all memory. A first attempt also ignores pages
that took far more than usual, as long as they are rare: the few that need as much fail once, climb and are read.

`memory.peak_curve` draws one curve through peaks.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from pydantic import BaseModel, ConfigDict, JsonValue

from pagemill.domain.errors import UnknownEngine
from pagemill.domain.memory import CPU, MIB, DeviceId, Drift, MemoryNeed, MemorySeed
from pagemill.domain.reports.engine_report import MeasuredMemory
from pagemill.domain.work.engine_spec import EngineSpec, StructureSpec, find_profile
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.memory.envelope import Line, Point
from pagemill.memory.peak_curve import WINDOW, EstimatorConfig, PeakCurve

_READER_SEED = MemorySeed(base=MemoryNeed(60 * MIB), fixed=MemoryNeed(100 * MIB))


class _State(BaseModel):
    """The learned state of one model set, in its stored form.

    `seed` is the seed at that time: if the engine's seed has changed since, so has its runtime.
    """

    model_config = ConfigDict(extra="forbid")

    engine: str
    profile: str
    languages: tuple[str, ...]
    device: str
    seed: str
    structure: bool
    ram: list[Point] = []
    gpu: list[Point] = []
    ram_failures: list[tuple[float, float, int]] = []
    gpu_failures: list[tuple[float, float, int]] = []
    base_ram: list[int] = []
    base_gpu: list[int] = []
    ratios: list[float] = []


class _Snapshot(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = 1
    model_sets: list[_State] = []


@dataclass
class _Learned:
    """The learned state of one model set."""

    ram: PeakCurve
    gpu: PeakCurve
    bases: deque[MemoryNeed] = field(default_factory=lambda: deque(maxlen=32))
    ratios: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))


def seeds_of(
    specs: Iterable[EngineSpec], *, structure: StructureSpec | None = None
) -> Callable[[ModelSetKey], MemorySeed]:
    """The shipped seed of every model set of these engines and of the reader, including structure models.

    The returned function raises `UnknownEngine` for any other engine or profile.
    """
    by_name = {spec.name: spec for spec in specs}

    def seed(key: ModelSetKey) -> MemorySeed:
        alone = seed_alone(key)
        if structure is None or not key.structure:
            return alone
        return alone + (structure.reader_seed if key.is_reader else structure.seed)

    def seed_alone(key: ModelSetKey) -> MemorySeed:
        if key.is_reader:
            return _READER_SEED
        _, profile = find_profile(by_name, key.engine, key.profile)
        return profile.seed_on(key.device).of_languages(len(key.languages))

    return seed


class LearningEstimator:
    """`MemoryEstimator` that learns. Runs in the server process, on the event loop only."""

    def __init__(self, seed: Callable[[ModelSetKey], MemorySeed], config: EstimatorConfig | None = None) -> None:
        self._seed = seed
        self._config = config or EstimatorConfig()
        self._learned: dict[ModelSetKey, _Learned] = {}

    def base(self, key: ModelSetKey) -> MemoryNeed:
        """See `MemoryEstimator.base`. The largest of the last measurements plus a margin; at first, the seed."""
        bases = self._of(key).bases
        if not bases:
            return _on_device(key.device, self._seed(key).base)
        factor = 1 + self._config.base_margin
        largest = _find_largest(bases)
        return MemoryNeed(ceil(largest.ram_bytes * factor), ceil(largest.gpu_bytes * factor))

    def peak(
        self, key: ModelSetKey, *, pixels: int, batch_size: int | None = None, climbed: bool = False
    ) -> MemoryNeed:
        """See `MemoryEstimator.peak`."""
        learned, x = self._of(key), self._size(key, pixels, batch_size)
        return self._need(key, learned.ram.at(x, climbed=climbed), learned.gpu.at(x, climbed=climbed))

    def modest_peak(self, key: ModelSetKey, *, pixels: int, batch_size: int | None = None) -> MemoryNeed:
        """See `MemoryEstimator.modest_peak`. A few large peaks do not change it."""
        learned, x = self._of(key), self._size(key, pixels, batch_size)
        return self._need(key, learned.ram.modestly_at(x), learned.gpu.modestly_at(x))

    def _need(self, key: ModelSetKey, ram_bytes: int, gpu_bytes: int) -> MemoryNeed:
        base = self.base(key)
        gpu_bytes = 0 if key.device == CPU else max(base.gpu_bytes, gpu_bytes)
        return MemoryNeed(max(base.ram_bytes, ram_bytes, self._least_bytes(key)), gpu_bytes)

    def observe(self, key: ModelSetKey, *, pixels: int, batch_size: int | None, peak: MemoryNeed) -> None:
        """See `MemoryEstimator.observe`."""
        learned, x = self._of(key), self._size(key, pixels, batch_size)
        if peak.ram_bytes > 0:
            estimate = self.peak(key, pixels=pixels, batch_size=batch_size)
            learned.ratios.append(peak.ram_bytes / estimate.ram_bytes)
            learned.ram.add(x, peak.ram_bytes)
        if peak.gpu_bytes > 0:
            learned.gpu.add(x, peak.gpu_bytes)

    def observe_base(self, key: ModelSetKey, *, settled: MemoryNeed) -> None:
        """See `MemoryEstimator.observe_base`."""
        if settled.ram_bytes > 0:
            self._of(key).bases.append(settled)

    def observe_failure(self, key: ModelSetKey, *, pixels: int, batch_size: int | None, reached: MemoryNeed) -> None:
        """See `MemoryEstimator.observe_failure`."""
        learned, x = self._of(key), self._size(key, pixels, batch_size)
        for curve, size_bytes in ((learned.ram, reached.ram_bytes), (learned.gpu, reached.gpu_bytes)):
            if size_bytes > 0:
                curve.add_failure(x, size_bytes)

    def drifts(self) -> Mapping[ModelSetKey, Drift]:
        """How well the estimates of each model set with pages held lately."""
        return {key: _drift(learned.ratios) for key, learned in self._learned.items() if learned.ratios}

    def find_measured(self, key: ModelSetKey) -> MeasuredMemory | None:
        """See `MemoryHistory.find_measured`."""
        learned = self._learned.get(key)
        if learned is None or not (learned.bases or learned.ram.points):
            return None
        ram, gpu = (max((ceil(peak) for _, peak in curve.points), default=0) for curve in (learned.ram, learned.gpu))
        return MeasuredMemory(
            idle=_find_largest(learned.bases) if learned.bases else None,
            page=MemoryNeed(ram, gpu) if learned.ram.points else None,
            pages=len(learned.ram.points),
        )

    def snapshot(self) -> dict[str, JsonValue]:
        """See `Learner.snapshot`."""
        states = [_state(key, learned, str(self._seed(key))) for key, learned in sorted(self._learned.items())]
        return _Snapshot(model_sets=states).model_dump(mode="json")

    def restore(self, snapshot: Mapping[str, JsonValue]) -> None:
        """See `Learner.restore`. It ignores engines that are gone, and engines with another runtime."""
        stored = _Snapshot.model_validate(snapshot)
        if stored.version != 1:
            raise ValueError(f"The stored measurements have version {stored.version}; this program reads version 1.")
        self._learned = {}
        for state in stored.model_sets:
            self._restore(state)

    def _restore(self, state: _State) -> None:
        key = ModelSetKey(state.engine, state.profile, state.languages, DeviceId(state.device), state.structure)
        try:
            seed = self._seed(key)
        except UnknownEngine:
            return
        if state.seed != str(seed):
            return
        learned = self._of(key)
        learned.ram.restore(state.ram, state.ram_failures)
        learned.gpu.restore(state.gpu, state.gpu_failures)
        learned.bases.extend(map(MemoryNeed, state.base_ram, state.base_gpu))
        learned.ratios.extend(state.ratios)

    def _of(self, key: ModelSetKey) -> _Learned:
        if key not in self._learned:
            seed = self._seed(key)
            ram = Line(seed.base.ram_bytes + seed.fixed.ram_bytes, seed.ram_per_pixel)
            gpu = Line(seed.base.gpu_bytes + seed.fixed.gpu_bytes, seed.gpu_per_pixel)
            self._learned[key] = _Learned(PeakCurve(ram, self._config), PeakCurve(gpu, self._config))
        return self._learned[key]

    def _least_bytes(self, key: ModelSetKey) -> int:
        """The smallest reservation: for a reader its seed, because its memory does not depend on the page size.

        After hundreds of small pages, a long scan would otherwise exceed everything seen so far.
        """
        seed = self._seed(key)
        return seed.base.ram_bytes + seed.fixed.ram_bytes if key.is_reader else 0

    def _size(self, key: ModelSetKey, pixels: int, batch_size: int | None) -> float:
        return pixels if batch_size is None else pixels * batch_size / self._seed(key).batch_size


def _on_device(device: DeviceId, need: MemoryNeed) -> MemoryNeed:
    return MemoryNeed(need.ram_bytes) if device == CPU else need


def _find_largest(needs: Iterable[MemoryNeed]) -> MemoryNeed:
    ram, gpu = zip(*((need.ram_bytes, need.gpu_bytes) for need in needs), strict=True)
    return MemoryNeed(max(ram), max(gpu))


def _drift(ratios: Sequence[float]) -> Drift:
    ranked = sorted(ratios)
    p50, p99 = (ranked[ceil(share * len(ranked)) - 1] for share in (0.5, 0.99))
    return Drift(ratios[-1], p50, p99, len(ranked))


def _state(key: ModelSetKey, learned: _Learned, seed: str) -> _State:
    return _State(
        engine=key.engine,
        profile=key.profile,
        languages=key.languages,
        device=key.device,
        seed=seed,
        structure=key.structure,
        ram=list(learned.ram.points),
        gpu=list(learned.gpu.points),
        ram_failures=[(failure.x, failure.reached, failure.refutations) for failure in learned.ram.failures],
        gpu_failures=[(failure.x, failure.reached, failure.refutations) for failure in learned.gpu.failures],
        base_ram=[base.ram_bytes for base in learned.bases],
        base_gpu=[base.gpu_bytes for base in learned.bases],
        ratios=list(learned.ratios),
    )
