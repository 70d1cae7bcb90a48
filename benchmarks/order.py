"""Measures reading order on composed pages that it was not built on: `python -m benchmarks.order`.

Scores are those of `ObservedPage.score`, a page each. `--against` names a revision whose reading order is tried on the
very same pages, from git. The time is that of a page of 500 lines, on this machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

from benchmarks.layout_boxes import ObservedPage, observe_page

from pagemill.domain.page.page import Block, Line
from pagemill.domain.page.reading_order import blocks_in_reading_order

FIRST_UNSEEN = 600_000
"""Seeds from here on judge; those below were used to build."""

UNSEEN = 300
BEFORE = "b3105b9"
"""The last revision with one recursive cut for all pages."""

_TIMED_LINES = 500
_ROOT = Path(__file__).parents[1]

Scores = Mapping[int, float]


@dataclass(frozen=True)
class Summary:
    """What scores amount to: their mean, the mean of the worst tenth, and the least of the other nine."""

    mean: float
    worst_tenth: float
    tenth: float

    @classmethod
    def of(cls, scores: Sequence[float]) -> "Summary":
        """From at least one."""
        ranked = sorted(scores)
        tenth = max(1, len(ranked) // 10)
        return cls(fmean(ranked), fmean(ranked[:tenth]), ranked[min(tenth, len(ranked) - 1)])

    @property
    def cells(self) -> str:
        """As the table has it."""
        return f" {self.mean:.3f} | {self.worst_tenth:.3f} | {self.tenth:.3f} |"


def scores_now(pages: Sequence[ObservedPage]) -> Scores:
    """The scores of the reading order that is installed, by seed."""
    return {page.seed: page.score(_order) for page in pages}


def scores_at(revision: str, first: int, count: int) -> Scores:
    """The scores of an earlier revision's reading order: the same pages, in a process that imports its sources."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", revision, "src"], cwd=_ROOT, check=True, capture_output=True)  # noqa: S607
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)  # noqa: S607
        command = [sys.executable, "-m", "benchmarks.order", "--json", "--first", str(first), "--seeds", str(count)]
        environment = {**os.environ, "PYTHONPATH": f"{folder}/src{os.pathsep}{_ROOT}"}
        read = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return {int(seed): score for seed, score in json.loads(read.stdout).items()}


def table(pages: Sequence[ObservedPage], before: Scores, now: Scores) -> str:
    """Kinds of page, the worst first; all of them last."""
    heads = " mean | worst tenth | 9 of 10 reach |"
    rows = [f"| kind of page | pages | before:{heads} now:{heads}", "|---|---:|" + "---:|" * 6]
    seeds: dict[str, list[int]] = {}
    for page in pages:
        seeds.setdefault(page.kind, []).append(page.seed)
    worst_first = sorted(seeds, key=lambda kind: fmean(now[seed] for seed in seeds[kind]))
    rows += [_row(kind, seeds[kind], before, now) for kind in worst_first]
    rows.append(_row("**all**", [page.seed for page in pages], before, now))
    return "\n".join(rows)


def _row(name: str, seeds: Sequence[int], before: Scores, now: Scores) -> str:
    cells = (Summary.of([scores[seed] for seed in seeds]).cells for scores in (before, now))
    return f"| {name} | {len(seeds)} |" + "".join(cells)


def milliseconds_of_500_lines(pages: Sequence[ObservedPage]) -> float:
    """Median over the pages with the most lines, scaled to 500 lines; CPU time."""
    fullest = sorted(pages, key=lambda page: -len(page.lines))[:10]
    return median(_cpu_ms(page) * _TIMED_LINES / len(page.lines) for page in fullest)


def _cpu_ms(page: ObservedPage) -> float:
    began = time.process_time()
    for _ in range(3):
        _order(page.lines, page.width_px, page.height_px)
    return 1000 * (time.process_time() - began) / 3


def _order(lines: Sequence[Line], width_px: int, height_px: int) -> Sequence[Block]:
    return blocks_in_reading_order(lines, width_px=width_px, height_px=height_px)


def report(revision: str = BEFORE, *, first: int = FIRST_UNSEEN, count: int = UNSEEN) -> str:
    """The whole part, as Markdown."""
    pages = [observe_page(seed) for seed in range(first, first + count)]
    now, before = scores_now(pages), scores_at(revision, first, count)
    return f"{table(pages, before, now)}\n\n500 lines take {milliseconds_of_500_lines(pages):.0f} ms."


def main() -> None:
    """Print the table, or the scores as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.order", description=__doc__.split("\n\n")[0])
    parser.add_argument("--against", default=BEFORE, help="revision to compare with")
    parser.add_argument("--first", type=int, default=FIRST_UNSEEN, help="first seed")
    parser.add_argument("--seeds", type=int, default=UNSEEN, help="how many seeds")
    parser.add_argument("--json", action="store_true", help="only scores by seed")
    arguments = parser.parse_args()
    if arguments.json:
        pages = [observe_page(seed) for seed in range(arguments.first, arguments.first + arguments.seeds)]
        print(json.dumps(scores_now(pages)))
        return
    print(report(arguments.against, first=arguments.first, count=arguments.seeds))


if __name__ == "__main__":
    main()
