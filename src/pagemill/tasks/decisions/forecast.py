"""How long unfinished tasks will still take: a pure estimate for users, from the pace of the last hour.

Running tasks share the places equally (processor sharing): while a task reads its pages, every other running task reads
as many, or all it has left. A waiting task starts after everything before it. Later requests may change the result.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate

from pagemill.domain.reports.service_status import Forecast
from pagemill.domain.reports.snapshot import TaskInLine


def forecasts(line: Sequence[TaskInLine], *, page_seconds: float | None, places: int) -> tuple[Forecast, ...]:
    """The forecast of each task, in their order.

    Args:
        line: Running tasks, then waiting ones in their order.
        page_seconds: Time of a worker on a page; None if none was read lately, and no forecast is possible.
        places: Services that can work at the same time.
    """
    inside = [task for task in line if not task.waits]
    outside = [task for task in line if task.waits]
    before = sum(task.pages_left for task in inside)
    ahead = [sum(min(task.pages_left, other.pages_left) for other in inside) for task in inside]
    ahead += [before + pages for pages in accumulate(task.pages_left for task in outside)]
    positions = [0] * len(inside) + list(range(1, len(outside) + 1))
    pace = None if page_seconds is None else page_seconds / max(1, places)
    return tuple(
        Forecast(
            task.task_id,
            position,
            task.pages_left,
            None if pace is None else timedelta(seconds=pages * pace),
            task.caller,
        )
        for task, position, pages in zip((*inside, *outside), positions, ahead, strict=True)
    )
