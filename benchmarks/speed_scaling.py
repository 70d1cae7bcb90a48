"""Pages a minute and memory by workers and threads: `python -m benchmarks.speed_scaling`.

The whole service reads the same pages with every number of workers and of threads in each, in turn, each time in a
process of its own. `--plot` draws a line for each number of workers, in the plane of memory and speed.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.memory_plot import write_plot
from benchmarks.throughput import Run, lay_out, run_contender
from rich.console import Console
from rich.table import Table

_MIB = 1024 * 1024
_CHOICES = ((1, 1), (1, 2), (1, 4), (2, 1), (2, 2))
"""Workers, and threads in each."""


def main() -> None:
    """Run every choice, print the table, draw the plot."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed_scaling", description=__doc__.split("\n\n")[0])
    parser.add_argument("--pages", type=int, default=14, help="pages to make (default 14, every layout twice)")
    parser.add_argument("--folder", type=Path, help="read these images instead; NNN.csv beside NNN.jpg is its truth")
    parser.add_argument("--plot", type=Path, help="where to draw the plot, as SVG")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        pages = len(lay_out(Path(name), arguments))
        runs = {choice: _run(Path(name), *choice) for choice in _CHOICES}
    _print(runs, pages)
    if arguments.plot is not None:
        _draw(arguments.plot, runs, pages)


def _run(folder: Path, workers: int, threads: int) -> Run:
    settings = {
        "PAGEMILL_POOL__SERVICES_PER_DEVICE": str(workers),
        "PAGEMILL_POOL__THREADS_PER_SERVICE": str(threads),
    }
    return run_contender(tuple(CONTENDERS)[-1], folder, settings=settings)


def _print(runs: Mapping[tuple[int, int], Run], pages: int) -> None:
    table = Table("workers", "threads in each", "pages/s", "peak MiB", "pages/s per GiB", title="Workers and threads")
    for (workers, threads), run in runs.items():
        speed, peak = pages / run.seconds, run.peak_bytes / _MIB
        table.add_row(str(workers), str(threads), f"{speed:.2f}", f"{peak:.0f}", f"{speed / peak * 1024:.2f}")
    Console().print(table)


def _draw(path: Path, runs: Mapping[tuple[int, int], Run], pages: int) -> None:
    lines = {}
    for workers in sorted({workers for workers, _ in runs}):
        mine = {threads: run for (count, threads), run in runs.items() if count == workers}
        name = f"{workers} worker{'s' * (workers > 1)}: {', '.join(map(str, mine))} threads"
        lines[name] = [(run.peak_bytes / _MIB, 60 * pages / run.seconds) for run in mine.values()]
    write_plot(path, lines, title="Speed and memory by workers and threads", x_name="peak, MiB", y_name="pages/min")


if __name__ == "__main__":
    main()
