"""Compares the memory of Pagemill with the old way: an engine for every task, never unloaded.

    python -m benchmarks.memory [peak|flight|settle|estimate]...

peak      most memory at 4 concurrent tasks, both ways computing with the same number of threads
flight    most tasks in flight under one memory limit, all of them completing
settle    memory after the last task, when idle, and after the idle timeout, against before the first
estimate  how well estimates match peaks after 30 pages

Memory over hours is `make soak`.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import memory_estimate, memory_settle
from benchmarks.memory_documents import make_documents
from benchmarks.memory_runs import Run, run_old_way, run_pagemill

from pagemill.domain.memory import MIB


@dataclass(frozen=True)
class Options:
    """The options of the command line.

    Attributes:
        threads: Threads both ways compute with, altogether.
        folder: Page images and PDFs of one's own for `estimate`; None makes pages.
        engine: Whose estimates are judged.
    """

    tasks: int
    pages: int
    threads: int
    rounds: int
    limit_mb: int
    flight_pages: int
    least_tasks: int
    most_tasks: int
    folder: Path | None
    engine: str


def peak(options: Options, scratch: Path) -> None:
    """Run both ways in turn for some rounds, with the same documents sent all at once."""
    documents = make_documents(scratch, count=options.tasks, pages=options.pages)
    print(
        f"\nPeak memory, {options.tasks} tasks of {options.pages} pages at once, {options.threads} threads in all, MiB"
    )
    print(f"{'':22}{'sum of PSS':>12}{'kernel':>12}{'seconds':>10}{'completed':>11}")
    ratios = []
    for _ in range(options.rounds):
        old = run_old_way(documents, threads_per_engine=max(1, options.threads // options.tasks))
        new = run_pagemill(documents, settings=_one_service(options.threads))
        for name, run in (("old way", old), ("Pagemill", new)):
            print(
                f"{name:22}{run.peak_pss_bytes / MIB:12.0f}{run.peak_cgroup_bytes / MIB:12.0f}{run.seconds:10.1f}"
                f"{run.completed:11}"
            )
        ratios.append(
            (
                _saved_share(old.peak_pss_bytes, new.peak_pss_bytes),
                _saved_share(old.peak_cgroup_bytes, new.peak_cgroup_bytes),
            )
        )
    for name, of_rounds in (("sum of PSS", [pss for pss, _ in ratios]), ("kernel", [kernel for _, kernel in ratios])):
        print(f"less by {name}: {', '.join(f'{share:.1%}' for share in of_rounds)} (target: 75 %)")


def flight(options: Options, scratch: Path) -> None:
    """Run more and more tasks at once, until some do not complete.

    A task is in flight once a page of it is read and until its last is; to be counted together, they must take a while.
    """
    limit = options.limit_mb * MIB
    threads = max(1, options.threads // options.tasks)
    print(f"\nTasks in flight under one limit of {options.limit_mb} MiB, {options.flight_pages} pages each")
    print(f"{'':12}{'tasks':>7}{'in flight':>11}{'completed':>11}{'oom kills':>11}{'peak MiB':>10}{'seconds':>9}")
    documents = make_documents(scratch, count=options.most_tasks, pages=options.flight_pages)

    def old_way(tasks: int) -> Run:
        return run_old_way(documents[:tasks], threads_per_engine=threads, limit_bytes=limit)

    def pagemill(tasks: int) -> Run:
        settings = _one_service(options.threads) | {"TASKS__PAGES_PER_BATCH": "1"}
        return run_pagemill(documents[:tasks], settings=settings, limit_bytes=limit)

    old = _find_most("old way", old_way, range(options.least_tasks, options.most_tasks + 1))
    steps = sorted({min(4 * old * 2**step, options.most_tasks) for step in range(5)}) if old else [options.most_tasks]
    new = _find_most("Pagemill", pagemill, steps)
    at_least = "at least " if new == options.most_tasks else ""
    print(
        f"old way {old}, Pagemill {at_least}{new}: {new / old if old else float('inf'):.1f} times as many (target: 4)"
    )


def _find_most(name: str, run: Callable[[int], Run], steps: Sequence[int]) -> int:
    most = 0
    for tasks in steps:
        result = run(tasks)
        print(
            f"{name:12}{tasks:7}{result.in_flight:11}{result.completed:11}{result.oom_kills or 0:11}"
            f"{result.peak_cgroup_bytes / MIB:10.0f}{result.seconds:9.0f}",
            flush=True,
        )
        if not result.is_good:
            return most
        most = tasks
    return most


def settle(options: Options, scratch: Path) -> None:
    """See `memory_settle`."""
    documents = make_documents(scratch, count=options.tasks, pages=options.pages)
    memory_settle.report(documents, settings=_one_service(options.threads))


def estimate(options: Options, scratch: Path) -> None:
    """See `memory_estimate`."""
    settings = _one_service(options.threads)
    memory_estimate.report(scratch, folder=options.folder, engine=options.engine, settings=settings)


PARTS: Mapping[str, Callable[[Options, Path], None]] = {
    "peak": peak,
    "flight": flight,
    "settle": settle,
    "estimate": estimate,
}


def main() -> None:
    """Run the parts that were named, all by default."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if left out")
    arguments.add_argument("--tasks", type=int, default=4)
    arguments.add_argument("--pages", type=int, default=2, help="of each document")
    arguments.add_argument("--threads", type=int, default=4, help="both ways compute with, in all")
    arguments.add_argument("--rounds", type=int, default=2)
    arguments.add_argument("--limit-mb", type=int, default=2560, help="of the cgroup in `flight`")
    arguments.add_argument("--flight-pages", type=int, default=4, help="of each document in `flight`")
    arguments.add_argument("--least-tasks", type=int, default=1, help="where `flight` begins looking, the old way")
    arguments.add_argument("--most-tasks", type=int, default=32, help="where `flight` ends looking")
    arguments.add_argument("--folder", type=Path, help="page images and PDFs of one's own, for `estimate`")
    arguments.add_argument("--engine", default="rapidocr", help="whose estimates are judged")
    given = vars(arguments.parse_args())
    parts = given.pop("parts") or list(PARTS)
    unknown = set(parts) - set(PARTS)
    if unknown:
        sys.exit(f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="pagemill-memory-") as scratch:
            PARTS[part](Options(**given), Path(scratch))


def _one_service(threads: int) -> dict[str, str]:
    return {"POOL__SERVICES_PER_DEVICE": "1", "POOL__THREADS_PER_SERVICE": str(threads)}


def _saved_share(before: int, after: int) -> float:
    return 1 - after / before if before else 0.0


if __name__ == "__main__":
    main()
