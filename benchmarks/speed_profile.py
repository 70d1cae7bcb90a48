"""Where the time of a page goes in the engine: `python -m benchmarks.speed_profile`.

Every page is read once to have its kernels ready, then all are read again under Python's profiler, two threads. Time is
that of the main thread: what the networks compute while it cuts out the next line is not counted twice.
"""

import argparse
import cProfile
import pstats
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contenders import IMAGES, page_image
from benchmarks.throughput import lay_out
from rich.console import Console
from rich.table import Table

from pagemill.domain.work.engine_spec import Engine, EngineConfig
from pagemill.engines.rapidocr import load

_THREADS = 2
_PARTS = {
    "recognition network": ("wait", "start_async"),
    "detection network": ("infer",),
    "cutting out, resizing and normalising": (
        "warpPerspective", "resize", "cvtColor", "blobFromImage", "copyMakeBorder",
    ),
    "lines from the map of detection": (
        "findContours", "dilate", "minAreaRect", "fillPoly", "mean", "boxes_from_bitmap", "box_score_fast", "unclip",
    ),
    "looking for what was overlooked": ("connectedComponentsWithStats", "adaptiveThreshold"),
    "giving memory back": ("release_memory", "trim"),
    "decoding the image": ("imread",),
}  # fmt: skip
"""By names of the functions whose own time counts."""


def main() -> None:
    """Profile and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed_profile", description=__doc__.split("\n\n")[0])
    parser.add_argument("--pages", type=int, default=14, help="pages to make (default 14, every layout twice)")
    parser.add_argument("--folder", type=Path, help="read these images instead; NNN.csv beside NNN.jpg is its truth")
    arguments = parser.parse_args()
    engine = load(EngineConfig(profile="accurate", threads=_THREADS))
    with tempfile.TemporaryDirectory() as name:
        lay_out(Path(name), arguments)
        pages = sorted(path for path in (Path(name) / "pages").iterdir() if path.suffix.lower() in IMAGES)
        _read(engine, pages)
        profile = cProfile.Profile()
        profile.runcall(_read, engine, pages)
    _print(pstats.Stats(profile), len(pages))


def _read(engine: Engine, pages: Sequence[Path]) -> None:
    for page in pages:
        engine.read(page_image(page), number=1, rotation=None, batch_size=None)
        engine.trim()


def _print(stats: pstats.Stats, pages: int) -> None:
    by_name: dict[str, float] = {}
    functions = stats.get_stats_profile().func_profiles
    for name, function in functions.items():
        by_name[_plain_name(name)] = by_name.get(_plain_name(name), 0.0) + function.tottime
    total = sum(by_name.values())
    table = Table("part", "ms a page", "share", title=f"Where the time of {pages} pages goes")
    rest = total
    for part, names in _PARTS.items():
        seconds = sum(by_name.get(name, 0.0) for name in names)
        rest -= seconds
        table.add_row(part, f"{1000 * seconds / pages:.1f}", f"{seconds / total:.1%}")
    table.add_row("everything else", f"{1000 * rest / pages:.1f}", f"{rest / total:.1%}")
    table.add_row("all", f"{1000 * total / pages:.1f}", "100 %")
    Console().print(table)


def _plain_name(name: str) -> str:
    """`wait` of `<built-in method openvino._pyopenvino.wait>` and `resize` of `{resize}`."""
    return name.strip("{}<> ").split("'")[0].split(" of ")[0].split(" ")[-1].split(".")[-1]


if __name__ == "__main__":
    main()
