"""Computes series of a soak over time, and judges whether any of them rises.

The slope is Theil and Sen's: the median of the slopes between all pairs of points, which a few outliers cannot move.
Of a series with lives (a worker's memory) only pairs of one life count. From life to life, only pairs of two workers of
the same age count: a young worker after an old one is not a fall. A series rises where its slope is above its limit,
which is a share of its median an hour: 4 % an hour doubles in a day. Memory must rise in the whole and in the second
half: a heap grows in steps to the most that it ever has to hold at once, but a leak goes on. A run of less than half an
hour is all warm-up, and is not judged.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations
from statistics import median

from benchmarks.soak_samples import SERVER, STARTING, ProcessSeen, Sample

WARM_UP = 0.25
"""The share of the run to leave out: caches fill, kernels are compiled, and the first tasks reach their deletion."""
SHORTEST_S = 1800.0
LIFE_WARM_UP_S = 300.0
SAME_AGE_S = 30.0
"""The most seconds that two workers of the same age may differ by."""
"""Seconds of each worker's life to leave out."""
_DOUBLES_IN_A_DAY = 0.04
_SAW = 0.10
"""A series that goes up and down by halves with each round of pruning may rise by this share."""
_COST = 0.20
"""Page costs may rise by this share: a core's speed varies as much with what its neighbours do."""
_GROWS = 0.25
"""A worker may grow by this share in its life: engines keep what they compiled for a new size, and workers that grow
are replaced."""
_SETS = 6.0
"""Descriptors and child processes at work: the faster the steps follow each other, the more model sets are there at a
time. What is kept of them is seen at rest."""
_RESTING = 4
"""The last samples of a rest: model sets went before."""
_MOST_POINTS = 400
_FEWEST_POINTS = 8
_HOUR_S = 3600.0


@dataclass(frozen=True)
class Point:
    """A value of a series.

    Attributes:
        life: The process that it belongs to, where only points of one process compare.
        age_s: For how long that process had been seen.
    """

    at_s: float
    value: float
    life: int = 0
    age_s: float = 0.0


@dataclass(frozen=True)
class Series:
    """Values by time.

    Attributes:
        share: The share of its median by which it may rise in an hour; None if it is only shown.
        least: It may rise by so much in an hour whatever its median is.
        level: Its median may be at most this, whatever its slope; None for any.
        settles: It may reach a new level: a rise that ends before the second half does not count.
        of_one_age: Points of different lives at one age compare, instead of points of one life.
        whole: What the values are shares of. A share alone rises if there are fewer of them: it counts only if the
            whole rises, too.
    """

    name: str
    unit: str
    points: Sequence[Point]
    share: float | None = _DOUBLES_IN_A_DAY
    least: float = 0.0
    level: float | None = None
    settles: bool = False
    of_one_age: bool = False
    whole: Sequence[Point] = ()


@dataclass(frozen=True)
class Judgement:
    """Whether a series rises.

    Attributes:
        slope: Rise in an hour; None with too few points.
        later: The same in the second half.
        limit: The most the slope may be.
        passed: None if it is not judged.
    """

    series: Series
    points: int
    median: float
    slope: float | None
    later: float | None
    limit: float | None
    passed: bool | None


def judge(series: Series, *, total_s: float, warm_up: float = WARM_UP) -> Judgement:
    """Find the slope of the part after the warm-up."""
    steady = [point for point in series.points if point.at_s >= warm_up * total_s]
    middle = median(point.value for point in steady) if steady else 0.0
    limit = None if series.share is None else max(series.share * middle, series.least)
    find_slope = slope_at_one_age if series.of_one_age else robust_slope
    slope, later = (
        find_slope(part) if len(part) >= _FEWEST_POINTS else None for part in (steady, _second_half(steady))
    )
    passed = None
    if limit is not None and slope is not None:
        has_settled = series.settles and later is not None and later <= limit
        passed = slope <= limit or has_settled or _is_level(series, warm_up * total_s)
    if series.level is not None and middle > series.level:
        passed = False
    if total_s < SHORTEST_S:
        passed = None
    return Judgement(series, len(steady), middle, slope, later, limit, passed)


def _second_half(points: Sequence[Point]) -> Sequence[Point]:
    """The points in the later half of their time."""
    middle = (points[0].at_s + points[-1].at_s) / 2 if points else 0.0
    return [point for point in points if point.at_s >= middle]


def _is_level(series: Series, since_s: float) -> bool:
    """Whether its whole does not rise by the share that the series may rise by."""
    steady = [point for point in series.whole if point.at_s >= since_s]
    slope = robust_slope(steady)
    return slope is not None and slope <= (series.share or 0.0) * median(point.value for point in steady)


def robust_slope(points: Sequence[Point]) -> float | None:
    """The median of the slopes of all pairs within one life, for each hour; None without a pair."""
    lives: dict[int, list[Point]] = defaultdict(list)
    for point in points:
        lives[point.life].append(point)
    each = max(2, _MOST_POINTS // len(lives)) if lives else 0
    return _median_slope(pair for life in lives.values() for pair in combinations(_thin_out(life, each), 2))


def slope_at_one_age(points: Sequence[Point]) -> float | None:
    """The median of the slopes of all pairs from two lives at the same age, for each hour; None without a pair."""
    pairs = combinations(sorted(points, key=lambda point: point.at_s), 2)
    return _median_slope((a, b) for a, b in pairs if a.life != b.life and abs(a.age_s - b.age_s) <= SAME_AGE_S)


def _median_slope(pairs: Iterable[tuple[Point, Point]]) -> float | None:
    slopes = [_HOUR_S * (b.value - a.value) / (b.at_s - a.at_s) for a, b in pairs if b.at_s > a.at_s]
    return median(slopes) if slopes else None


def all_series(samples: Sequence[Sample]) -> list[Series]:
    """Everything that is judged or shown, in the order of the table."""
    busy = [sample for sample in samples if sample.phase == "work"]
    resting = list(_at_rest(samples))
    return [
        Series("server's memory, at work", "MiB", _of_server(busy, lambda server: server.own_mib), settles=True),
        Series("server's memory, at rest", "MiB", _of_server(resting, lambda server: server.own_mib), settles=True),
        *_of_workers(samples),
        Series("server's descriptors, at work", "", _of_server(busy, lambda server: server.descriptors), least=_SETS),
        Series("server's descriptors, at rest", "", _of_server(resting, lambda server: server.descriptors), least=1),
        Series("server's threads", "", _of_server(busy, lambda server: server.threads), least=1),
        Series("child processes, at work", "", _of(busy, lambda sample: sample.children), least=_SETS),
        Series("child processes, at rest", "", _of(resting, lambda sample: sample.children), least=0.5, level=0),
        Series("zombies, at rest", "", _of(resting, lambda sample: sample.zombies), least=0.5, level=0),
        *_of_storage(samples),
        Series("write-ahead log", "MiB", _of(samples, lambda sample: sample.wal_mib), share=_SAW, least=1),
        *page_costs(samples),
        Series("answer of /livez, at work", "ms", _of(busy, lambda sample: sample.answer_ms), share=None),
    ]


def page_costs(samples: Sequence[Sample]) -> list[Series]:
    """CPU milliseconds a page, by kind of process, a point for each cycle.

    A kind that spends much of its time on starts is only shown: how often it starts depends on how long it is idle.
    """
    ends = list(_ends_of_cycles(samples))
    kinds = sorted({kind for sample in ends for kind in sample.pages})
    return [
        Series(f"CPU a page, {kind}", "ms", _costs(ends, kind), share=None if _starts(ends, kind) else _COST, least=1)
        for kind in kinds
    ]


def _starts(ends: Sequence[Sample], kind: str) -> bool:
    """Whether more of its CPU time goes into starts than page costs may rise by."""
    last = ends[-1]
    return last.starts.get(kind, 0) * last.start_s.get(kind, 0.0) > _COST * last.cpu_s.get(kind, 0.0)


def worker_kinds(samples: Sequence[Sample]) -> list[str]:
    """The kinds of workers there were, the commonest first."""
    counted: dict[str, int] = defaultdict(int)
    for sample in samples:
        for process in _workers(sample):
            counted[process.kind] += 1
    return sorted(counted, key=lambda kind: -counted[kind])


def sum_kind(sample: Sample, kind: str) -> float:
    """The memory of all workers of a kind together, MiB."""
    return sum(process.own_mib for process in _workers(sample) if process.kind == kind)


def _of_storage(samples: Sequence[Sample]) -> Iterator[Series]:
    """What a task takes that is kept: how many are depends on what neighbours leave of the cores.

    A file of a database keeps its size, so it is seen against the most tasks that there were.
    """
    most = list(accumulate((sample.kept or 0 for sample in samples), max))
    told = [(sample, then) for sample, then in zip(samples, most, strict=True) if sample.kept]
    for name, size, of_most in (
        ("database in use", _database_used_mib, False),
        ("database file", _database_mib, True),
        ("data folder", _data_mib, False),
    ):
        whole = _of(samples, size)
        yield Series(name, "MiB", whole, share=None if told else _SAW)
        if told:
            each = [_share_each(sample, size(sample), then if of_most else sample.kept or 1) for sample, then in told]
            yield Series(f"{name}, a task", "KiB", each, share=_SAW, whole=whole)


def _database_used_mib(sample: Sample) -> float:
    return sample.database_used_mib


def _database_mib(sample: Sample) -> float:
    return sample.database_mib


def _data_mib(sample: Sample) -> float:
    return sample.data_mib


def _share_each(sample: Sample, mib: float, tasks: int) -> Point:
    return Point(sample.at_s, 1024 * mib / tasks)


def _of_workers(samples: Sequence[Sample]) -> Iterator[Series]:
    for kind in worker_kinds(samples):
        seen = [(sample.at_s, process) for sample in samples for process in _workers(sample) if process.kind == kind]
        points = list(_with_ages(seen))
        grown = [point for point in points if point.age_s >= LIFE_WARM_UP_S]
        yield Series(f"{kind}, from life to life", "MiB", points, least=4, of_one_age=True)
        if len(grown) >= _FEWEST_POINTS:
            yield Series(f"{kind}, within a life", "MiB", grown, share=_GROWS, least=8)
        held = [Point(at_s, process.descriptors) for at_s, process in seen]
        yield Series(f"{kind}, descriptors", "", held, least=1)


def _with_ages(seen: Iterable[tuple[float, ProcessSeen]]) -> Iterator[Point]:
    born: dict[int, float] = {}
    for at_s, process in seen:
        yield Point(at_s, process.own_mib, process.pid, at_s - born.setdefault(process.pid, at_s))


def _costs(ends: Sequence[Sample], kind: str) -> list[Point]:
    """Milliseconds a page without the starts of processes: how many a cycle has depends on who else is at work."""
    start_s = ends[-1].start_s.get(kind, 0.0) if ends else 0.0
    points, pages_before, seconds_before = [], 0, 0.0
    for sample in ends:
        pages, seconds = sample.pages.get(kind, 0), sample.cpu_s.get(kind, 0.0) - start_s * sample.starts.get(kind, 0)
        if pages > pages_before:
            points.append(Point(sample.at_s, 1000 * (seconds - seconds_before) / (pages - pages_before)))
        pages_before, seconds_before = pages, seconds
    return points


def _ends_of_cycles(samples: Sequence[Sample]) -> Iterator[Sample]:
    """The last sample of each cycle whose work is over."""
    ends: Mapping[int, Sample] = {sample.cycle: sample for sample in samples if sample.deck_ended}
    yield from ends.values()


def _at_rest(samples: Sequence[Sample]) -> Iterator[Sample]:
    rests: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.phase == "rest":
            rests[sample.cycle].append(sample)
    for rest in rests.values():
        yield from rest[-_RESTING:]


def _of(samples: Iterable[Sample], value: Callable[[Sample], float]) -> list[Point]:
    return [Point(sample.at_s, value(sample)) for sample in samples]


def _of_server(samples: Iterable[Sample], value: Callable[[ProcessSeen], float]) -> list[Point]:
    return [
        Point(sample.at_s, value(process))
        for sample in samples
        for process in sample.processes
        if process.kind == SERVER
    ]


def _workers(sample: Sample) -> Iterator[ProcessSeen]:
    return (process for process in sample.processes if process.kind not in (SERVER, STARTING))


def _thin_out(points: Sequence[Point], most: int) -> Sequence[Point]:
    """At most `most` points: medians of neighbours, so that no single sample counts."""
    size = -(-len(points) // most)
    groups = [points[start : start + size] for start in range(0, len(points), size)] if size > 1 else []
    if not groups:
        return points
    return [
        Point(median(point.at_s for point in group), median(point.value for point in group), group[0].life)
        for group in groups
    ]
