"""Which pages to read next: a pure decision.

Fair shares come from start-time fair queueing (Goyal, Vin, Chen 1996). Every task has a virtual time, which a chunk
advances by pages ÷ weight, and the task furthest behind goes first. A new task starts at the virtual time of the task
furthest behind, so it neither waits for the past of others nor gets credit for its own absence.

The tasks of a caller share one weight: nine tasks of one caller together get as much as one task of another. The bound:
at equal priority, callers with work never differ from equal shares by more than a chunk of each of their tasks.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
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
    """Most pages of one chunk, by stage. Reading a text layer costs a hundredth of recognising a page."""

    text: int = 32
    ocr: int = 4

    def of(self, stage: Stage, *, structure: bool = False) -> int:
        """The limit of a stage; finding structure takes about as long as recognition does."""
        return self.text if stage is Stage.TEXT and not structure else self.ocr


@dataclass(frozen=True)
class Assignment:
    """Some pages of a kind, of one task, for one place in a lane; or one page, for the whole of it (`kind.alone`)."""

    task_id: str
    kind: PageKind
    lane: str
    pages: int


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
    occupied: Collection[str] = (),
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
        occupied: Lanes with a chunk in progress, even one that is about to end and has left its place.
        limits: Most pages of one chunk.
        virtual_times: The tasks' virtual times from the previous plan; tasks that no longer run drop out.

    Returns:
        Assignments in the order in which to start them.
    """
    times = _admitted(backlogs, virtual_times)
    tasks_of = Counter(backlog.caller for backlog in backlogs)
    waiting = {backlog.task_id: backlog for backlog in backlogs}
    assignments: list[Assignment] = []
    for lane, places in free.items():
        for place in range(places):
            chosen = _furthest_behind(waiting.values(), lane, times)
            if chosen is None:
                break
            backlog, kind = chosen
            if kind.alone and (place or lane in occupied):
                break
            assignment = _cut(backlog, kind, lane=lane, places=capacity[lane], limits=limits)
            assignments.append(assignment)
            waiting[backlog.task_id] = _without(backlog, assignment)
            times[backlog.task_id] += assignment.pages * tasks_of[backlog.caller] / weight_of(backlog.priority)
            if kind.alone:
                break
    return Plan(tuple(assignments), times)


def _admitted(backlogs: Sequence[Backlog], before: Mapping[str, float]) -> dict[str, float]:
    known = [before[backlog.task_id] for backlog in backlogs if backlog.task_id in before]
    start = min(known, default=0.0)
    return {backlog.task_id: before.get(backlog.task_id, start) for backlog in backlogs}


def _furthest_behind(
    waiting: Iterable[Backlog], lane: str, times: Mapping[str, float]
) -> tuple[Backlog, PageKind] | None:
    """The task whose turn it is in a lane, and the kind of its pages: pages that run alone come last in their task."""
    candidates = (
        (backlog, kind)
        for backlog in waiting
        for kind, pages in backlog.waiting.items()
        if pages > 0 and lane_of(kind, structure=backlog.structure) == lane
    )
    return min(candidates, key=lambda found: (times[found[0].task_id], found[0].sequence, found[1].alone), default=None)


def _cut(backlog: Backlog, kind: PageKind, *, lane: str, places: int, limits: ChunkLimits) -> Assignment:
    if kind.alone:
        return Assignment(backlog.task_id, kind, lane, 1)
    waiting = backlog.waiting[kind]
    fair_cut = math.ceil((waiting + backlog.leased) / places)
    most = limits.of(kind.stage, structure=backlog.structure)
    return Assignment(backlog.task_id, kind, lane, min(fair_cut, waiting, most))


def _without(backlog: Backlog, assignment: Assignment) -> Backlog:
    left = backlog.waiting[assignment.kind] - assignment.pages
    waiting = {**backlog.waiting, assignment.kind: left}
    return replace(backlog, waiting=waiting, leased=backlog.leased + assignment.pages)
