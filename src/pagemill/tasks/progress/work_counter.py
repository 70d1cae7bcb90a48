"""Counts the work of this server process since its start."""

from bisect import bisect_left
from collections import Counter

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.reports.service_status import Durations, WorkDone
from pagemill.domain.task.task import Rung
from pagemill.domain.work.outcomes import LossCause
from pagemill.domain.work.recognition import Stage

SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 120.0)
"""Upper bounds of the classes of page durations: text layers take milliseconds, recognition about a second."""


class WorkCounter:
    """Counters. Runs in the server's event loop."""

    def __init__(self) -> None:
        self._classes = {stage: [0] * (len(SECONDS) + 1) for stage in Stage}
        self._total_s = dict.fromkeys(Stage, 0.0)
        self._failed: Counter[TaskFailureReason] = Counter()
        self._retried = 0
        self._stalled = 0
        self._rungs: Counter[Rung | None] = Counter()
        self._losses: Counter[LossCause] = Counter()

    def page_read(self, stage: Stage, seconds: float) -> None:
        """A worker has read a page."""
        self._classes[stage][bisect_left(SECONDS, seconds)] += 1
        self._total_s[stage] += seconds

    def page_retried(self) -> None:
        """A page's work failed, and it is queued again."""
        self._retried += 1

    def page_given_up(self, reason: TaskFailureReason) -> None:
        """A page's work failed for good."""
        self._failed[reason] += 1

    def out_of_memory(self, rung: Rung | None) -> None:
        """A page ran out of memory and moved to this rung; None: it failed."""
        self._rungs[rung] += 1

    def worker_lost(self, cause: LossCause) -> None:
        """A worker died while it held a page."""
        self._losses[cause] += 1

    def task_stalled(self) -> None:
        """The watchdog ended a task in which nothing happened."""
        self._stalled += 1

    def work_done(self) -> WorkDone:
        """The counts so far."""
        return WorkDone(
            pages_read={
                stage: Durations(SECONDS, tuple(self._classes[stage]), self._total_s[stage]) for stage in Stage
            },
            pages_retried=self._retried,
            tasks_stalled=self._stalled,
            oom_recoveries=dict(self._rungs),
            worker_losses=dict(self._losses),
            failed_for=dict(self._failed),
        )
