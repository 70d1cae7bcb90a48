"""How fast the whole service is, against its targets: `python -m benchmarks.speed`.

The contenders of `benchmarks.throughput` run in turn, three times, and the median counts; then
`benchmarks.speed_service` takes the times of the real service with its real engine. Every figure printed was measured
in this run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

from benchmarks.contenders import CONTENDERS
from benchmarks.throughput import Run, lay_out, run_contender, scores_of
from rich.console import Console
from rich.table import Table

_GIB = 1024**3
_PLAIN, _BARE, _SERVICE = CONTENDERS


@dataclass(frozen=True)
class Row:
    """A line of the table: what was wanted and what was measured, and whether that is enough."""

    what: str
    target: str
    measured: str
    met: bool


def main() -> None:
    """Run everything and print the table."""
    arguments = _arguments()
    rows = [*_against_others(arguments), *_by_itself(_service(arguments))]
    table = Table("what", "target", "measured", "", title="Speed")
    for row in rows:
        table.add_row(row.what, row.target, row.measured, "met" if row.met else "missed")
    Console().print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.split("\n\n")[0])
    parser.add_argument("--pages", type=int, default=14, help="pages to make (default 14, every layout twice)")
    parser.add_argument("--folder", type=Path, help="read these images instead; NNN.csv beside NNN.jpg is its truth")
    parser.add_argument("--rounds", type=int, default=3, help="rounds for each contender; the median counts")
    parser.add_argument(
        "--long", type=int, default=300, help="pages of the long document (default 300; of few, a multiple of 8)"
    )
    return parser.parse_args()


def _against_others(arguments: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truths = lay_out(folder, arguments)
        rounds = [
            {contender: run_contender(contender, folder) for contender in CONTENDERS} for _ in range(arguments.rounds)
        ]
        runs = {contender: _median([done[contender] for done in rounds]) for contender in CONTENDERS}
        f1 = {name: 100 * fmean(page.word_f1 for page in scores_of(name, folder, truths)) for name in CONTENDERS}
    return _compare(runs, f1, pages=len(truths))


def _median(runs: list[Run]) -> Run:
    return Run(
        median(run.seconds for run in runs),
        median(run.again_seconds for run in runs),
        round(median(run.peak_bytes for run in runs)),
    )


def _compare(runs: Mapping[str, Run], f1: Mapping[str, float], *, pages: int) -> list[Row]:
    plain, bare, service = (runs[name] for name in (_PLAIN, _BARE, _SERVICE))
    faster, share = plain.seconds / service.seconds, bare.seconds / service.seconds
    again = plain.again_seconds / service.again_seconds
    better, memory = f1[_SERVICE] - f1[_PLAIN], service.peak_bytes / plain.peak_bytes
    each = {name: pages / run.seconds / (run.peak_bytes / _GIB) for name, run in runs.items()}
    thrifty = each[_SERVICE] / each[_PLAIN]
    return [
        Row("pages/s against RapidOCR()", "≥ 4 x", f"{faster:.2f} x ({pages / service.seconds:.2f}/s)", faster >= 4),
        Row("… the same pages again", "≥ 4 x", f"{again:.2f} x ({pages / service.again_seconds:.2f}/s)", again >= 4),
        Row("… word F1 against it, points", "≥ -0.1", f"{better:+.2f} ({f1[_SERVICE]:.2f})", better >= -0.1),
        Row("… peak memory against it", "≤ 1 x", f"{memory:.2f} x", memory <= 1),
        Row("pages/s against the bare engine", "≥ 0.97 x", f"{share:.2f} x", share >= 0.97),
        Row("pages/s per GiB against RapidOCR()", "≥ 5 x", f"{thrifty:.2f} x ({each[_SERVICE]:.2f})", thrifty >= 5),
    ]


def _service(arguments: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.speed_service", str(arguments.long)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _by_itself(figures: Mapping[str, float]) -> list[Row]:
    cold = figures["cold_s"] - figures["warm_s"]
    digital, models = figures["digital_pages_per_cpu_s"], figures["digital_models"]
    linear, behind = figures["long_s_per_page"] / figures["short_s_per_page"], figures["behind_s"] / figures["alone_s"]
    return [
        Row("first page after an idle unload, more than warm", "≤ 2 s", f"{cold:.2f} s", cold <= 2),
        Row("pages/s with a text layer, a core", "≥ 100", f"{digital:.0f}", digital >= 100 and models == 0),
        Row("a long scan's time a page against a short one's", "≤ 1.05 x", f"{linear:.2f} x", linear <= 1.05),
        Row("8 pages behind a long scan, against alone", "≤ 3 x", f"{behind:.2f} x", behind <= 3),
    ]


if __name__ == "__main__":
    main()
