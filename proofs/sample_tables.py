"""The tables of `proofs.samples`."""

from collections.abc import Mapping, Sequence
from statistics import median

from proofs.sending import Fate
from proofs.watching import WorkerWatch
from rich.console import Console
from rich.table import Table

WIDTH = 160


def print_fates(fates: Sequence[Fate]) -> None:
    """What became of each document."""
    table = Table("file", "end", "s", "peak", "reserved", "reason", title="Strangers' documents (MiB)")
    for fate in fates:
        numbers = (f"{fate.seconds:.1f}", _mib(fate.peak_mib), _mib(fate.reserved_mib))
        table.add_row(fate.name, fate.end, *numbers, " ".join((fate.complaint.upper(), fate.reason))[:160].strip())
    Console(width=WIDTH).print(table)


def print_honest(alone: Mapping[str, float], meanwhile: Sequence[Fate]) -> list[tuple[str, float]]:
    """Seconds alone and meanwhile; of each document, its name and the ratio of its median."""
    title = f"Honest documents, {len(meanwhile)} sent meanwhile"
    table = Table("document", "sent", "alone s", "median s", "ratio", "worst s", "ratio", title=title)
    ratios = []
    for name in dict.fromkeys(fate.name for fate in meanwhile):
        seconds = [fate.seconds for fate in meanwhile if fate.name == name]
        before = alone[name]
        ratios.append((name, median(seconds) / before))
        numbers = (before, median(seconds), ratios[-1][1], max(seconds), max(seconds) / before)
        table.add_row(name, str(len(seconds)), *(f"{number:.1f}" for number in numbers))
    Console(width=WIDTH).print(table)
    every = [fate.seconds / alone[fate.name] for fate in meanwhile]
    if every:
        within = sum(ratio <= 3 for ratio in every) / len(every)
        print(f"ratio: median {median(every):.1f}, worst {max(every):.1f}; {within:.0%} within 3")
    return ratios


def print_summary(*, before_mib: float, after_mib: float, watch: WorkerWatch) -> None:
    """Memory of the server and of its workers."""
    print(f"server's own memory: {before_mib:.0f} MiB before, {after_mib:.0f} MiB after")
    for name, (held, reserved) in sorted(watch.highest.items()):
        print(f"{name}: {held} MiB at most, reserved were {reserved} MiB")


def _mib(size: int | None) -> str:
    return "" if size is None else str(size)
