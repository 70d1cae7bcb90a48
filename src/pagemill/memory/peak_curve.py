"""Learns from the peaks of pages, by their size, how much of one kind of memory a page of another size needs.

    need(x) = base + fixed + per_pixel · x   until a few pages of this size were read
    need(x) = line(x) + doubt(x)             line = the lowest above all peaks seen, except one in a hundred

The doubt is an allowance for the one page in a hundred that exceeds all peaks so far, while fewer than a hundred were
seen. If the gaps below the line follow an exponential distribution of scale s, one page in n + 1 exceeds the largest of
n peaks, and one in N exceeds it by s · ln(N ÷ (n + 1)). The mean gap below the largest is s · (1 + 1/2 + … + 1/n - 1),
which gives s (Rényi's spacings). So memory that varies little gets a small doubt.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, log
from statistics import fmean, median

from pagemill.memory.envelope import Line, Point, envelope

WINDOW = 256
_IMAGE = 3.0
"""Bytes per pixel of a page image: the slope of every need if the seed gives none."""


@dataclass(frozen=True)
class EstimatorConfig:
    """How cautious the estimate is.

    Attributes:
        one_in: One page in this many may need more than its reservation.
        variation: Share by which peaks of one page vary from run to run; the doubt is never smaller than this scale.
        few: With fewer similar pages than this, the seed counts; with fewer in all, their scatter is unknown.
        base_margin: Share added to the largest loaded, idle size seen.
        after_failure: Factor from the peak of a failed run to the least that may be enough.
        refuted_by: After this many pages of its size were read with less, a failure no longer counts.
        steepest: Beyond the largest page seen, the line rises at most this many times as fast as the seed: two pages
            of nearly the same size say nothing about one ten times as large.
        far: A page that took this many times the usual (for its size) is an outlier …
        rare: … and does not count at a first attempt while it is the only one of its size, or one in this many.
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


@dataclass
class Failure:
    """At size `x`, `reached` bytes were not enough; since then, `refutations` pages needed less."""

    x: float
    reached: float
    refutations: int = 0


@dataclass(frozen=True)
class _Fit:
    """The line above the points; their scatter below it, in bytes; and the largest size among them."""

    line: Line
    scale: float
    largest: float


def _scale(points: Sequence[Point], line: Line) -> float:
    gap = fmean(max(0.0, line.at(x) - peak) for x, peak in points)
    return gap / sum(1 / rank for rank in range(2, len(points) + 1))


class PeakCurve:
    """Peaks of one kind of memory by size of work."""

    def __init__(self, seed: Line, config: EstimatorConfig) -> None:
        self._seed = seed
        self._config = config
        self.points: deque[Point] = deque(maxlen=WINDOW)
        self.failures: list[Failure] = []
        self._fits: dict[bool, _Fit | None] = {}

    def at(self, x: float, *, climbed: bool) -> int:
        """The need of a page at its first attempt, or after it has climbed: then everything seen counts."""
        alike = self._count_alike(x)
        seeded = self._seed.at(x) if alike < self._config.few else 0.0
        usual = max(self._learned_peak(x, alike, everything=False), seeded)
        return ceil(
            max(usual, self._learned_peak(x, alike, everything=True), self._least_peak(x)) if climbed else usual
        )

    def modestly_at(self, x: float) -> int:
        """The least that may be enough: the seed, or the median of the pages read if that is less."""
        share = min(1.0, self._middle()) if self._count_alike(x) >= self._config.few else 1.0
        return ceil(share * self._seed.at(x))

    def _count_alike(self, x: float) -> int:
        return sum(seen >= x / 2 for seen, _ in self.points)

    def _middle(self) -> float:
        """The median of what pages took, as a share of the seed."""
        if len(self.points) < self._config.few:
            return 1.0
        return median(peak / max(1.0, self._seed.at(x)) for x, peak in self.points)

    def _usual_points(self) -> Sequence[Point]:
        """All points except rare ones far above the usual."""
        usual = self._config.far * self._middle()
        far = [(x, peak) for x, peak in self.points if peak > usual * max(1.0, self._seed.at(x))]
        rare = {
            x
            for x, _ in far
            if sum(other >= x / 2 for other, _ in far) <= max(1, self._count_alike(x) // self._config.rare)
        }
        left_out = {(x, peak) for x, peak in far if x in rare}
        return [point for point in self.points if point not in left_out]

    def add(self, x: float, peak: float) -> None:
        """Add a page of this size that was read, with its peak in bytes."""
        self.points.append((x, peak))
        self._fits.clear()
        for failure in self.failures:
            failure.refutations += x >= failure.x and peak < failure.reached
        self.failures = [failure for failure in self.failures if failure.refutations < self._config.refuted_by]

    def add_failure(self, x: float, reached: float) -> None:
        """Keep the failure unless a smaller size needed as much; drop failures that it makes redundant."""
        if any(known.x <= x and known.reached >= reached for known in self.failures):
            return
        kept = [known for known in self.failures if known.x < x or known.reached > reached]
        self.failures = [*kept, Failure(x, reached)]

    def restore(self, points: Iterable[Point], failures: Iterable[tuple[float, float, int]]) -> None:
        """Replace everything learned; each failure is a size, the bytes reached and its refutations."""
        self.points.clear()
        self.points.extend(points)
        self.failures = [Failure(*failure) for failure in failures]
        self._fits.clear()

    def _learned_peak(self, x: float, alike: int, *, everything: bool) -> float:
        """The line, and a doubt that shrinks with the number of similar pages (at least half as large).

        Beyond the largest page seen, the line rises at least as fast as the seed, and at most `steepest` times as fast.
        """
        if (fit := self._cached_fit(everything=everything)) is None:
            return 0.0
        slope = min(fit.line.slope, self._config.steepest * max(self._seed.slope, _IMAGE))
        unseen = max(0.0, x - fit.largest) * max(self._seed.slope, slope)
        level = fit.line.at(min(x, fit.largest)) + unseen
        scale = max(fit.scale, self._config.variation * level)
        return level + scale * max(0.0, log(self._config.one_in / (alike + 1)))

    def _cached_fit(self, *, everything: bool) -> "_Fit | None":
        if everything not in self._fits:
            self._fits[everything] = self._fit(tuple(self.points) if everything else self._usual_points())
        return self._fits[everything]

    def _fit(self, points: Sequence[Point]) -> "_Fit | None":
        if not points:
            return None
        exceptions = max(0, (len(points) + 1) // self._config.one_in - 1)
        line = envelope(points, exceptions=exceptions)
        scale = _scale(points, line) if len(points) >= self._config.few else 0.0
        return _Fit(line, scale, max(x for x, _ in points))

    def _least_peak(self, x: float) -> float:
        reached = max((failure.reached for failure in self.failures if failure.x <= x), default=0.0)
        return reached * self._config.after_failure
