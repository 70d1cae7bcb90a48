"""The tables of `proofs.samples`."""

from collections.abc import Mapping, Sequence
from statistics import median

from proofs.sending import Fate
from proofs.watching import WorkerWatch
from rich.console import Console
from rich.table import Table

WIDTH = 160


def print_fates(fates: Sequence[Fate]) -> None:
    """Print how each document ended."""
    table = Table("file", "end", "s", "peak", "reserved", "reason", title="Strangers' documents (MiB)")
    for fate in fates:
        numbers = (f"{fate.seconds:.1f}", _mib(fate.peak_mib), _mib(fate.reserved_mib))
        table.add_row(fate.name, fate.end, *numbers, " ".join((fate.complaint.upper(), fate.reason))[:160].strip())
    Console(width=WIDTH).print(table)


def print_honest(alone: Mapping[str, float], meanwhile: Sequence[Fate]) -> None:
    """Print each document's seconds alone and during the run."""
    title = f"Honest documents, {len(meanwhile)} sent meanwhile"
    table = Table("document", "sent", "alone s", "median s", "ratio", "worst s", "ratio", title=title)
    for name in dict.fromkeys(fate.name for fate in meanwhile):
        seconds = [fate.seconds for fate in meanwhile if fate.name == name]
        middle, worst = median(seconds), max(seconds)
        numbers = (alone[name], middle, middle / alone[name], worst, worst / alone[name])
        table.add_row(name, str(len(seconds)), *(f"{number:.1f}" for number in numbers))
    Console(width=WIDTH).print(table)


def print_summary(*, before_mib: float, after_mib: float, watch: WorkerWatch) -> None:
    """Print the memory of the server and of its workers."""
    print(f"server's own memory: {before_mib:.0f} MiB before, {after_mib:.0f} MiB after")
    for name, (held, reserved) in sorted(watch.highest.items()):
        print(f"{name}: at most {held} MiB, with {reserved} MiB reserved")


def _mib(size: int | None) -> str:
    return "" if size is None else str(size)
