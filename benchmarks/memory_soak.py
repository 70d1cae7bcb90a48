"""Hundreds of mixed pages through one server: memory over time."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import linear_regression, median

from benchmarks.memory_documents import make_mixed_documents
from benchmarks.memory_meter import look
from benchmarks.memory_plot import write_plot
from benchmarks.memory_runs import newest_tasks, serving
from tests.fixtures.server import Server

from pagemill.domain.memory import MIB
from pagemill.domain.tasks import TaskStatus

PAGES_EACH = 10
AT_ONCE = 6
_EVERY_S = 1.0


@dataclass(frozen=True)
class Moment:
    """What was seen at one time.

    Attributes:
        pages: Pages read by then.
        tree_mib: PSS of all processes.
        server_mib: Anonymous memory of the server.
    """

    at_s: float
    pages: int
    tree_mib: float
    server_mib: float


def report(scratch: Path, *, pages: int, settings: Mapping[str, str], plot: Path) -> None:
    """Send documents, some at a time, until so many pages are read; print the slopes and draw the plot."""
    documents = make_mixed_documents(scratch, count=-(-pages // PAGES_EACH), pages=PAGES_EACH)
    with serving({**settings, "TASKS__MAX_QUEUE_SIZE": str(len(documents) + 1)}) as server:
        moments = _soak(server, documents)
        statuses = [task.status for task in newest_tasks(server, 200)]
    thirds = [moments[: len(moments) // 3], moments[-(len(moments) // 3) :]]
    succeeded = statuses.count(TaskStatus.SUCCEEDED)
    end = moments[-1]
    print(f"\nSoak: {end.pages} pages in {end.at_s:.0f} s, {succeeded} of {len(documents)} tasks succeeded")
    for name, values in (
        ("server", [[moment.server_mib for moment in third] for third in thirds]),
        ("all processes", [[moment.tree_mib for moment in third] for third in thirds]),
    ):
        first, last = (median(third) for third in values)
        print(f"{name:14} first third {first:7.1f} MiB, last third {last:7.1f} MiB, change {last - first:+.1f}")
    print(
        f"server's slope over the last two thirds: {_slope(moments[len(moments) // 3 :]):+.2f} MiB for each 1,000 pages"
    )
    lines = {
        "all processes": [(moment.at_s, moment.tree_mib) for moment in moments],
        "the server's own": [(moment.at_s, moment.server_mib) for moment in moments],
    }
    title = f"Memory over {moments[-1].pages} mixed pages, one server (all: sum of PSS; the server: anonymous)"
    write_plot(plot, lines, title=title, x_name="seconds", y_name="MiB")
    print(f"plot: {plot}")


def _soak(server: Server, documents: Sequence[Path]) -> list[Moment]:
    began, waiting, sent = time.monotonic(), list(documents), 0
    moments: list[Moment] = []
    for tick in count(1):
        tasks = newest_tasks(server, 200) if sent else []
        going = sum(not task.status.is_final for task in tasks)
        for document in waiting[: AT_ONCE - going]:
            server.api.submit(document)
            sent += 1
        waiting = waiting[max(0, AT_ONCE - going) :]
        done = sum(task.progress.pages_done + task.progress.pages_failed for task in tasks)
        seen = look(server.process.pid, since=began)
        moments.append(Moment(seen.at_s, done, seen.tree_bytes / MIB, seen.root_bytes / MIB))
        if done >= len(documents) * PAGES_EACH:
            break
        time.sleep(max(0.0, began + tick * _EVERY_S - time.monotonic()))
    return moments


def _slope(moments: Sequence[Moment]) -> float:
    slope, _ = linear_regression([moment.pages for moment in moments], [moment.server_mib for moment in moments])
    return 1000 * slope
