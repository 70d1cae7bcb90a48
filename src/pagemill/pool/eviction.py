"""Decides which idle model sets to unload, from values alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pagemill.domain.work.recognition import ModelSetKey


@dataclass(frozen=True)
class Candidate:
    """An idle model set.

    Attributes:
        gives_back_bytes: What its exit should free on the device in need.
        reload_s: Seconds it took to load.
        demand: How often it was used lately (`Demand.of`).
        idle_s: Seconds since its last use.
    """

    worker_id: str
    gives_back_bytes: int
    reload_s: float
    demand: float
    idle_s: float

    @property
    def cost(self) -> float:
        """Seconds of reloading to expect if it goes."""
        return self.reload_s * self.demand


def choose_evictions(candidates: Iterable[Candidate], at_least_bytes: int | None) -> Sequence[Candidate]:
    """The cheapest that together give back enough; all of them if that is not enough or `at_least_bytes` is None.

    Take the cheapest first until there is enough. Then keep those that are not needed, the most expensive first.
    """
    by_cost = sorted(candidates, key=lambda candidate: (candidate.cost, -candidate.idle_s, candidate.worker_id))
    if at_least_bytes is None:
        return by_cost
    chosen: list[Candidate] = []
    for candidate in by_cost:
        if _bytes(chosen) >= at_least_bytes:
            break
        chosen.append(candidate)
    for candidate in reversed(tuple(chosen)):
        if _bytes(chosen) - candidate.gives_back_bytes >= at_least_bytes:
            chosen.remove(candidate)
    return chosen


def _bytes(candidates: Iterable[Candidate]) -> int:
    return sum(candidate.gives_back_bytes for candidate in candidates)


@dataclass(frozen=True)
class Demand:
    """How often model sets were used lately. Every use counts half as much after each `half_life_s`.

    Attributes:
        counts: The count of each key, and the monotonic seconds at which it held.
    """

    half_life_s: float = 300.0
    counts: Mapping[ModelSetKey, tuple[float, float]] = field(default_factory=dict)

    def of(self, key: ModelSetKey, at: float) -> float:
        """The count at that time."""
        count, since = self.counts.get(key, (0.0, at))
        return float(count * 0.5 ** ((at - since) / self.half_life_s))

    def after_use(self, key: ModelSetKey, at: float) -> "Demand":
        """The counts with one more use."""
        return replace(self, counts={**self.counts, key: (self.of(key, at) + 1.0, at)})
