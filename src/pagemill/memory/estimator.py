"""What a page will need at its peak: shipped seeds first, then what was observed.

    need(x) = base + fixed + per_pixel · x   until a few pages as large were read; x = pixels · (batch size ÷ own)
    need(x) = line(x) + doubt(x)             line = the lowest above all peaks seen, but one in a hundred

Peaks, not settled sizes, since only peaks are stable. A failed run says what was *not* enough: it is a lower bound for
pages as large that failed, too (they have climbed), until enough of these have been read with less. A page at its first
try is none of these: one document that takes all there is would else be paid for by everybody. Nor does it count what
was read with far more than is usual, as long as that is rare: the few that need as much fail once, climb and are read.

The doubt is about the one page in a hundred that is above all peaks so far, while fewer than a hundred were seen. Were
the gaps below the line those of an exponential distribution of scale s, the largest of n peaks would stand at the level
that one in n + 1 exceeds; one in N exceeds s · ln(N ÷ (n + 1)) more; and the mean gap below the largest would be
s · (1 + 1/2 + … + 1/n - 1), by which s is found (Rényi's spacings). What varies little so gets a narrow doubt.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, log
from statistics import fmean, median

from pydantic import BaseModel, ConfigDict, JsonValue

from pagemill.domain.errors import UnknownEngine
from pagemill.domain.memory import CPU, MIB, DeviceId, Drift, MemoryNeed, MemorySeed
from pagemill.domain.reports.engine_report import MeasuredMemory
from pagemill.domain.work.engine_spec import EngineSpec, StructureSpec
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.memory.envelope import Line, Point, envelope

_WINDOW = 256
_IMAGE = 3.0
"""Bytes a pixel of a page image: what every need rises by, where a seed does not say."""
_READER_SEED = MemorySeed(base=MemoryNeed(60 * MIB), fixed=MemoryNeed(100 * MIB))


@dataclass(frozen=True)
class EstimatorConfig:
    """How cautious the estimate is.

    Attributes:
        one_in: Of so many pages one may need more than it was promised.
        variation: Share by which peaks of one page vary from run to run; the doubt is never of a smaller scale.
        few: With fewer pages alike than this the seed still counts; of fewer in all, how they scatter says nothing.
        base_margin: Share added to the largest loaded, idle size seen.
        after_failure: What a failed run reached is multiplied by this to get the least that may be enough.
        refuted_by: So many pages as large, read with less, and a failure no longer counts.
        steepest: Beyond the largest page seen the line rises at most so many times as fast as the seed: two pages of
            almost one size say nothing of one that is ten times as large.
        far: A page that took so many times what is usual (for its size) stands apart …
        rare: … and does not count at a first try while it is the only one as large, or one of so many.
    """

    one_in: int = 100
    variation: float = 0.05
    few: int = 8
    base_margin: float = 0.1
    after_failure: float = 1.25
    refuted_by: int = 20
    steepest: float = 4.0
    far: float = 3.0
    rare: int = 32


class _State(BaseModel):
    """What was learned of one model set; the form in which it is stored.

    `seed` is what was assumed before: where an engine's is another by now, so is what the engine runs on.
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
class _Failure:
    """At size `x`, `reached` bytes were not enough; `refutations` pages have said otherwise since."""

    x: float
    reached: float
    refutations: int = 0


@dataclass(frozen=True)
class _Fit:
    """The line above the points; how widely they scatter below it, bytes; and the largest size among them."""

    line: Line
    scale: float
    largest: float


def _scale(points: Sequence[Point], line: Line) -> float:
    gap = fmean(max(0.0, line.at(x) - peak) for x, peak in points)
    return gap / sum(1 / rank for rank in range(2, len(points) + 1))


class _Curve:
    """Peaks of one kind of memory by size of work."""

    def __init__(self, seed: Line, config: EstimatorConfig) -> None:
        self._seed = seed
        self._config = config
        self.points: deque[Point] = deque(maxlen=_WINDOW)
        self.failures: list[_Failure] = []
        self._fits: dict[bool, _Fit | None] = {}

    def at(self, x: float, *, climbed: bool) -> int:
        """What a page needs at its first try, or after it has climbed: then whatever was seen counts."""
        alike = self._alike(x)
        seeded = self._seed.at(x) if alike < self._config.few else 0.0
        usual = max(self._learned(x, alike, everything=False), seeded)
        return ceil(max(usual, self._learned(x, alike, everything=True), self._least(x)) if climbed else usual)

    def modestly_at(self, x: float) -> int:
        """What may be enough: the seed, or the middle of what was read where that is less."""
        share = min(1.0, self._middle()) if self._alike(x) >= self._config.few else 1.0
        return ceil(share * self._seed.at(x))

    def _alike(self, x: float) -> int:
        return sum(seen >= x / 2 for seen, _ in self.points)

    def _middle(self) -> float:
        """What pages took, as a share of the seed: of so many one half more, the other half less."""
        if len(self.points) < self._config.few:
            return 1.0
        return median(peak / max(1.0, self._seed.at(x)) for x, peak in self.points)

    def _usual(self) -> Sequence[Point]:
        """All points but the rare ones that stand far above what is usual."""
        usual = self._config.far * self._middle()
        far = [(x, peak) for x, peak in self.points if peak > usual * max(1.0, self._seed.at(x))]
        rare = {
            x for x, _ in far if sum(other >= x / 2 for other, _ in far) <= max(1, self._alike(x) // self._config.rare)
        }
        left_out = {(x, peak) for x, peak in far if x in rare}
        return [point for point in self.points if point not in left_out]

    def add(self, x: float, peak: float) -> None:
        self.points.append((x, peak))
        self._fits.clear()
        for failure in self.failures:
            failure.refutations += x >= failure.x and peak < failure.reached
        self.failures = [failure for failure in self.failures if failure.refutations < self._config.refuted_by]

    def add_failure(self, x: float, reached: float) -> None:
        """Keep it, unless a smaller size is known to have needed as much; forget those it makes needless."""
        if any(known.x <= x and known.reached >= reached for known in self.failures):
            return
        kept = [known for known in self.failures if known.x < x or known.reached > reached]
        self.failures = [*kept, _Failure(x, reached)]

    def restore(self, points: Iterable[Point], failures: Iterable[tuple[float, float, int]]) -> None:
        self.points.clear()
        self.points.extend(points)
        self.failures = [_Failure(*failure) for failure in failures]
        self._fits.clear()

    def _learned(self, x: float, alike: int, *, everything: bool) -> float:
        """The line and a doubt that shrinks with the pages seen that were alike: at least half as large.

        Beyond the largest page seen the line rises at least as the seed does, and at most `steepest` times as fast.
        """
        if (fit := self._fitted(everything=everything)) is None:
            return 0.0
        slope = min(fit.line.slope, self._config.steepest * max(self._seed.slope, _IMAGE))
        unseen = max(0.0, x - fit.largest) * max(self._seed.slope, slope)
        level = fit.line.at(min(x, fit.largest)) + unseen
        scale = max(fit.scale, self._config.variation * level)
        return level + scale * max(0.0, log(self._config.one_in / (alike + 1)))

    def _fitted(self, *, everything: bool) -> "_Fit | None":
        if everything not in self._fits:
            self._fits[everything] = self._fit(tuple(self.points) if everything else self._usual())
        return self._fits[everything]

    def _fit(self, points: Sequence[Point]) -> "_Fit | None":
        if not points:
            return None
        exceptions = max(0, (len(points) + 1) // self._config.one_in - 1)
        line = envelope(points, exceptions=exceptions)
        scale = _scale(points, line) if len(points) >= self._config.few else 0.0
        return _Fit(line, scale, max(x for x, _ in points))

    def _least(self, x: float) -> float:
        reached = max((failure.reached for failure in self.failures if failure.x <= x), default=0.0)
        return reached * self._config.after_failure


@dataclass
class _Learned:
    """Everything learned of one model set."""

    ram: _Curve
    gpu: _Curve
    bases: deque[MemoryNeed] = field(default_factory=lambda: deque(maxlen=32))
    ratios: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))


def seeds_of(
    specs: Iterable[EngineSpec], *, structure: StructureSpec | None = None
) -> Callable[[ModelSetKey], MemorySeed]:
    """The shipped seed of every model set of these engines, and of the reader, with what structure models add to it.

    The function raises `UnknownEngine` for an engine or profile that is not among them.
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
        spec = by_name.get(key.engine)
        profile = spec.profile(key.profile) if spec is not None else None
        if profile is None:
            raise UnknownEngine(f"There is no engine {key.engine!r} with a profile {key.profile!r}.")
        return profile.seed.of_languages(len(key.languages))

    return seed


class LearningEstimator:
    """`MemoryEstimator` that learns. Runs in the server process, on the event loop only."""

    def __init__(self, seed: Callable[[ModelSetKey], MemorySeed], config: EstimatorConfig = EstimatorConfig()) -> None:
        self._seed = seed
        self._config = config
        self._learned: dict[ModelSetKey, _Learned] = {}

    def base(self, key: ModelSetKey) -> MemoryNeed:
        """A loaded, idle, trimmed worker: the largest of the last ones seen and a margin; the seed before.

        Raises:
            UnknownEngine: There is no such engine or profile.
        """
        bases = self._of(key).bases
        if not bases:
            return _on_device(key.device, self._seed(key).base)
        factor = 1 + self._config.base_margin
        largest = _largest(bases)
        return MemoryNeed(ceil(largest.ram_bytes * factor), ceil(largest.gpu_bytes * factor))

    def peak(
        self, key: ModelSetKey, *, pixels: int, batch_size: int | None = None, climbed: bool = False
    ) -> MemoryNeed:
        """A worker, base included, at its peak; never less with more pixels or a larger batch.

        What was not enough for others, and what is rare, counts for pages that have climbed the ladder only.

        Raises:
            UnknownEngine: There is no such engine or profile.
        """
        learned, x = self._of(key), self._size(key, pixels, batch_size)
        return self._need(key, learned.ram.at(x, climbed=climbed), learned.gpu.at(x, climbed=climbed))

    def modest_peak(self, key: ModelSetKey, *, pixels: int, batch_size: int | None = None) -> MemoryNeed:
        """What may be enough, whatever a few pages took; raises as `peak`."""
        learned, x = self._of(key), self._size(key, pixels, batch_size)
        return self._need(key, learned.ram.modestly_at(x), learned.gpu.modestly_at(x))

    def _need(self, key: ModelSetKey, ram_bytes: int, gpu_bytes: int) -> MemoryNeed:
        base = self.base(key)
        gpu_bytes = 0 if key.device == CPU else max(base.gpu_bytes, gpu_bytes)
        return MemoryNeed(max(base.ram_bytes, ram_bytes, self._least(key)), gpu_bytes)

    def observe(self, key: ModelSetKey, *, pixels: int, batch_size: int | None, peak: MemoryNeed) -> None:
        """Learn from a page that was read. A figure of 0 was not measured and teaches nothing."""
        learned, x = self._of(key), self._size(key, pixels, batch_size)
        if peak.ram_bytes > 0:
            estimate = self.peak(key, pixels=pixels, batch_size=batch_size)
            learned.ratios.append(peak.ram_bytes / estimate.ram_bytes)
            learned.ram.add(x, peak.ram_bytes)
        if peak.gpu_bytes > 0:
            learned.gpu.add(x, peak.gpu_bytes)

    def observe_base(self, key: ModelSetKey, *, settled: MemoryNeed) -> None:
        """Learn from a worker that is loaded, idle and trimmed."""
        if settled.ram_bytes > 0:
            self._of(key).bases.append(settled)

    def observe_failure(self, key: ModelSetKey, *, pixels: int, batch_size: int | None, reached: MemoryNeed) -> None:
        """Learn that so much was not enough for work of this size, nor then for any larger that has failed, too."""
        learned, x = self._of(key), self._size(key, pixels, batch_size)
        for curve, size_bytes in ((learned.ram, reached.ram_bytes), (learned.gpu, reached.gpu_bytes)):
            if size_bytes > 0:
                curve.add_failure(x, size_bytes)

    def drifts(self) -> Mapping[ModelSetKey, Drift]:
        """How well the estimates of each model set held lately; those without a page are left out."""
        return {key: _drift(learned.ratios) for key, learned in self._learned.items() if learned.ratios}

    def measured(self, key: ModelSetKey) -> MeasuredMemory | None:
        """The largest figures of the last workers and pages; None where nothing was seen."""
        learned = self._learned.get(key)
        if learned is None or not (learned.bases or learned.ram.points):
            return None
        ram, gpu = (max((ceil(peak) for _, peak in curve.points), default=0) for curve in (learned.ram, learned.gpu))
        return MeasuredMemory(
            idle=_largest(learned.bases) if learned.bases else None,
            page=MemoryNeed(ram, gpu) if learned.ram.points else None,
            pages=len(learned.ram.points),
        )

    def snapshot(self) -> dict[str, JsonValue]:
        """All that was learned, as plain values to be stored."""
        states = [_state(key, learned, str(self._seed(key))) for key, learned in sorted(self._learned.items())]
        return _Snapshot(model_sets=states).model_dump(mode="json")

    def restore(self, snapshot: Mapping[str, JsonValue]) -> None:
        """Take over what `snapshot` gave, in place of what was learned so far.

        Engines that are gone are passed over, and those that run on something else since.

        Raises:
            ValueError: It is not such a snapshot, or of another version; nothing is changed.
        """
        stored = _Snapshot.model_validate(snapshot)
        if stored.version != 1:
            raise ValueError(f"What was learned is stored in version {stored.version}; this program knows version 1.")
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
            self._learned[key] = _Learned(_Curve(ram, self._config), _Curve(gpu, self._config))
        return self._learned[key]

    def _least(self, key: ModelSetKey) -> int:
        """A reader is promised its seed whatever it took: what a document holds of it goes by no size known before.

        After hundreds of small pages, a long scan would otherwise be more than was ever seen.
        """
        seed = self._seed(key)
        return seed.base.ram_bytes + seed.fixed.ram_bytes if key.is_reader else 0

    def _size(self, key: ModelSetKey, pixels: int, batch_size: int | None) -> float:
        return pixels if batch_size is None else pixels * batch_size / self._seed(key).batch_size


def _on_device(device: DeviceId, need: MemoryNeed) -> MemoryNeed:
    return MemoryNeed(need.ram_bytes) if device == CPU else need


def _largest(needs: Iterable[MemoryNeed]) -> MemoryNeed:
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
