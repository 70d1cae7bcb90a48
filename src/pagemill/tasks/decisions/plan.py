"""Which pages to read next: a pure decision.

Fair shares come from start-time fair queueing (Goyal, Vin, Chen 1996). Every task has a virtual time, which a chunk
advances by pages ÷ weight, and the task furthest behind goes first. A new task starts at the virtual time of the task
furthest behind, so it neither waits for the past of others nor gets credit for its own absence.

The tasks of a caller share one weight: nine tasks of one caller together get as much as one task of another. The bound:
at equal priority, callers with work never differ from equal shares by more than a chunk of each of their tasks.

A caller with nothing in progress also goes in line for the spare place of a full lane if it has not had more than its
share, so that the long pages of others do not keep it waiting.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from pagemill.domain.work.backlog import Backlog, PageKind
from pagemill.domain.work.recognition import Stage

READER_LANE = "reader"


def lane_of(kind: PageKind, *, structure: bool = False) -> str:
    """The lane whose places a chunk takes: the readers' for text layers, otherwise its device's.

    Text layers with structure take a place on the CPU, because finding structure computes; readers stay free.
    """
    return READER_LANE if kind.stage is Stage.TEXT and not structure else kind.works_on


@dataclass(frozen=True)
class ChunkLimits:
    """Maximum pages of one chunk, by stage. Reading a text layer costs a hundredth of recognising a page."""

    text: int = 32
    ocr: int = 4

    def of(self, stage: Stage, *, structure: bool = False) -> int:
        """The limit of a stage; finding structure takes about as long as recognition does."""
        return self.text if stage is Stage.TEXT and not structure else self.ocr


@dataclass(frozen=True)
class Assignment:
    """Pages of one task and kind for one place in a lane; or, with `kind.alone`, one page for the whole lane.

    Attributes:
        may_use_spare: Its caller has nothing else in progress in this lane.
    """

    task_id: str
    kind: PageKind
    lane: str
    pages: int
    caller: str = ""
    may_use_spare: bool = False


@dataclass(frozen=True)
class Plan:
    """What to start now, and the virtual times after it."""

    assignments: tuple[Assignment, ...]
    virtual_times: Mapping[str, float]


def weight_of(priority: int) -> float:
    """A task's share against others: ten points of priority double it, so nothing starves."""
    return float(2 ** (priority / 10))


def plan(
    backlogs: Sequence[Backlog],
    free: Mapping[str, int],
    *,
    capacity: Mapping[str, int],
    at_work: Mapping[str, Collection[str]] | None = None,
    spare: Collection[str] = (),
    limits: ChunkLimits,
    virtual_times: Mapping[str, float],
) -> Plan:
    """Fill the free places of every lane.

    A page that needs its lane to itself starts once the lane is empty. From its task's turn until then, nothing else
    starts in that lane.

    Args:
        backlogs: Running tasks with pages that can run now.
        free: Free places by lane.
        capacity: All places by lane; a long document is divided so that every place gets a part.
        at_work: By lane, the callers of all chunks in progress, even of one that is at its last page and has left its
            place.
        spare: Full lanes whose spare place is free.
        limits: Maximum pages of one chunk.
        virtual_times: The tasks' virtual times from the previous plan; tasks that no longer run drop out.

    Returns:
        Assignments in the order in which to start them.
    """
    filling = _Filling(backlogs, virtual_times, capacity=capacity, at_work=at_work or {}, limits=limits)
    for lane, places in free.items():
        for _ in range(places):
            if not filling.fill(lane):
                break
    for lane in spare:
        filling.fill_spare(lane)
    return Plan(tuple(filling.assignments), filling.times)


class _Filling:
    """An unfinished plan."""

    def __init__(
        self,
        backlogs: Sequence[Backlog],
        virtual_times: Mapping[str, float],
        *,
        capacity: Mapping[str, int],
        at_work: Mapping[str, Collection[str]],
        limits: ChunkLimits,
    ) -> None:
        self.times = _start_times(backlogs, virtual_times)
        self.assignments: list[Assignment] = []
        self._waiting = {backlog.task_id: backlog for backlog in backlogs}
        self._tasks_of = Counter(backlog.caller for backlog in backlogs)
        self._at_work = {lane: set(callers) for lane, callers in at_work.items()}
        self._solitary: set[str] = set()
        self._capacity = capacity
        self._limits = limits

    def fill(self, lane: str) -> bool:
        """Give a place to the task whose turn it is; returns False if no task may have one now."""
        chosen = self._furthest_behind(lane)
        if chosen is None or lane in self._solitary or (chosen[1].alone and self._at_work.get(lane)):
            return False
        self._assign(lane, *chosen)
        return True

    def fill_spare(self, lane: str) -> None:
        """Give the spare place to a caller that has nothing in progress in the lane and has not exceeded its share."""
        first = self._furthest_behind(lane)
        chosen = self._furthest_behind(lane, but=self._at_work.get(lane, ()))
        if first is None or chosen is None or lane in self._solitary or first[1].alone or chosen[1].alone:
            return
        if self.times[chosen[0].task_id] <= self.times[first[0].task_id]:
            self._assign(lane, *chosen)

    def _furthest_behind(self, lane: str, *, but: Collection[str] = ()) -> tuple[Backlog, PageKind] | None:
        """The task whose turn it is, and the kind of its pages: pages that run alone come last in their task."""
        candidates = (
            (backlog, kind)
            for backlog in self._waiting.values()
            for kind, pages in backlog.waiting.items()
            if pages > 0 and backlog.caller not in but and lane_of(kind, structure=backlog.structure) == lane
        )
        return min(
            candidates,
            key=lambda found: (self.times[found[0].task_id], found[0].sequence, found[1].alone),
            default=None,
        )

    def _assign(self, lane: str, backlog: Backlog, kind: PageKind) -> None:
        at_work = self._at_work.setdefault(lane, set())
        pages = _cut(backlog, kind, places=self._capacity[lane], limits=self._limits)
        is_new = backlog.caller not in at_work
        self.assignments.append(Assignment(backlog.task_id, kind, lane, pages, backlog.caller, may_use_spare=is_new))
        self._waiting[backlog.task_id] = _without_pages(backlog, kind, pages)
        self.times[backlog.task_id] += pages * self._tasks_of[backlog.caller] / weight_of(backlog.priority)
        at_work.add(backlog.caller)
        if kind.alone:
            self._solitary.add(lane)


def _start_times(backlogs: Sequence[Backlog], before: Mapping[str, float]) -> dict[str, float]:
    known = [before[backlog.task_id] for backlog in backlogs if backlog.task_id in before]
    start = min(known, default=0.0)
    return {backlog.task_id: before.get(backlog.task_id, start) for backlog in backlogs}


def _cut(backlog: Backlog, kind: PageKind, *, places: int, limits: ChunkLimits) -> int:
    """How many pages of that kind the next chunk takes."""
    if kind.alone:
        return 1
    waiting = backlog.waiting[kind]
    fair_cut = math.ceil((waiting + backlog.leased) / places)
    return min(fair_cut, waiting, limits.of(kind.stage, structure=backlog.structure))


def _without_pages(backlog: Backlog, kind: PageKind, pages: int) -> Backlog:
    waiting = {**backlog.waiting, kind: backlog.waiting[kind] - pages}
    return replace(backlog, waiting=waiting, leased=backlog.leased + pages)
