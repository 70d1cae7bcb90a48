"""How long unfinished tasks have still to go: a pure estimate for people, from the pace of the last hour.

Tasks that were let in share the places, so each is slowed by as many pages of every other as it has itself (processor
sharing); one that waits comes after all that stands before it. A guess: nobody knows what is sent next.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate

from pagemill.domain.reports.service_status import Forecast
from pagemill.domain.reports.snapshot import TaskInLine


def forecasts(line: Sequence[TaskInLine], *, page_seconds: float | None, places: int) -> tuple[Forecast, ...]:
    """What each of the tasks can expect, in their order.

    Args:
        line: Those let in, then those that wait, in the order they come.
        page_seconds: Time a worker spends on a page; None where none was read lately, and nothing can be said.
        places: Services that work at the same time.
    """
    inside = [task for task in line if not task.waits]
    outside = [task for task in line if task.waits]
    before = sum(task.pages_left for task in inside)
    ahead = [sum(min(task.pages_left, other.pages_left) for other in inside) for task in inside]
    ahead += [before + pages for pages in accumulate(task.pages_left for task in outside)]
    positions = [0] * len(inside) + list(range(1, len(outside) + 1))
    pace = None if page_seconds is None else page_seconds / max(1, places)
    return tuple(
        Forecast(task.task_id, position, task.pages_left, None if pace is None else timedelta(seconds=pages * pace))
        for task, position, pages in zip((*inside, *outside), positions, ahead, strict=True)
    )
