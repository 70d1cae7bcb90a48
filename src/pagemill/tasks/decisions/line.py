"""Decides which tasks have a reason to wait: tasks ahead of them, or a place that was taken before their turn."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pagemill.domain.work.backlog import Backlog
from pagemill.tasks.decisions.plan import lane_of


@dataclass(frozen=True)
class _Turn:
    """The task whose turn it is in a lane, and the number of the first chunk that started after that."""

    task_id: str
    since: int


@dataclass
class Line:
    """Tracks, from the backlog alone, which tasks wait for a reason. It ignores the plan, so that it can check it.

    Attributes:
        lanes: The lanes that work here.
    """

    lanes: Collection[str]
    _turns: dict[str, _Turn] = field(default_factory=dict)
    _wanted: dict[str, set[str]] = field(default_factory=dict)
    _closed: frozenset[str] = frozenset()

    def look(
        self, backlogs: Sequence[Backlog], times: Mapping[str, float], *, closed: Collection[str], begun: int
    ) -> None:
        """Note which tasks wait.

        Args:
            backlogs: Running tasks.
            times: Their virtual times.
            closed: Lanes that may start nothing, for lack of memory.
            begun: How many chunks have started so far.
        """
        self._closed = frozenset(closed)
        self._wanted = {backlog.task_id: lanes_of(backlog) for backlog in backlogs}
        place = {backlog.task_id: (times.get(backlog.task_id, 0.0), backlog.sequence) for backlog in backlogs}
        for lane in self.lanes:
            waiting = [task_id for task_id, lanes in self._wanted.items() if lane in lanes]
            first = min(waiting, key=place.__getitem__, default=None)
            if first is None:
                self._turns.pop(lane, None)
            elif lane not in self._turns or self._turns[lane].task_id != first:
                self._turns[lane] = _Turn(first, begun)

    def has(self, task_id: str, *, working: Mapping[str, Collection[int]]) -> bool:
        """Whether the task has a reason to wait.

        Args:
            task_id: The task.
            working: By lane, the numbers of the chunks in progress.
        """
        return any(self._waits(task_id, lane, working.get(lane, ())) for lane in self._wanted.get(task_id, ()))

    def _waits(self, task_id: str, lane: str, numbers: Collection[int]) -> bool:
        if lane in self._closed:
            return True
        turn = self._turns.get(lane)
        return turn is not None and (turn.task_id != task_id or any(number < turn.since for number in numbers))


def lanes_of(backlog: Backlog) -> set[str]:
    """The lanes in which a task waits for places."""
    return {lane_of(kind, structure=backlog.structure) for kind, pages in backlog.waiting.items() if pages}
