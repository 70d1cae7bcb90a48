"""Reads what the witnesses wrote, and judges which pages were read more than once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SETTLED_WITHIN_S = 1.0
"""A page that was read this long ago is stored, unless the server or its database was interrupted."""


_END_BYTES = 4096
_FIELDS = 4


@dataclass(frozen=True)
class Interruption:
    """A time in which the server could store nothing; its death is one without length.

    Attributes:
        since_s: On the monotonic clock.
        until_s: Likewise.
    """

    since_s: float
    until_s: float


@dataclass(frozen=True)
class Reading:
    """One time that an engine received an image.

    Attributes:
        ended_s: When it had been read; None if its worker died first.
        was_last: Its worker wrote nothing after it.
    """

    image: str
    pid: int
    began_s: float
    ended_s: float | None
    was_last: bool

    def was_in_flight(self, interruptions: Iterable[Interruption]) -> bool:
        """Whether its result may be lost: the worker or the server was interrupted before it could be stored."""
        if self.ended_s is None or self.was_last:
            return True
        stored_by = self.ended_s + SETTLED_WITHIN_S
        return any(each.since_s <= stored_by and each.until_s >= self.began_s for each in interruptions)


@dataclass(frozen=True)
class Readings:
    """The images that engines received in a run.

    Attributes:
        pages: Different page images.
        redone: Times one of them was begun again.
        beyond: Of these, how often it had not been in flight when something was interrupted: work done twice.
    """

    pages: int
    redone: int
    beyond: int


def judge(journal: Path, interruptions: Sequence[Interruption]) -> Readings:
    """Count the pages that were read, read again, and read again without need."""
    by_image: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings(journal):
        by_image[reading.image].append(reading)
    again = [reading for each in by_image.values() for reading in each[:-1]]
    beyond = [reading for reading in again if not reading.was_in_flight(interruptions)]
    return Readings(pages=len(by_image), redone=len(again), beyond=len(beyond))


def engine_workers(journal: Path) -> set[int]:
    """Process numbers of all workers that ever loaded an engine."""
    return {pid for _, what, _, pid in _lines(journal) if what == "loaded"}


def busy_workers(journal: Path) -> set[int]:
    """Process numbers of the workers that are reading a page at the end of the journal."""
    if not journal.exists():
        return set()
    with journal.open("rb") as file:
        file.seek(max(0, journal.stat().st_size - _END_BYTES))
        whole = [fields for line in file if len(fields := line.decode().split()) == _FIELDS]
    last = {pid: what for _, what, _, pid in whole}
    return {int(pid) for pid, what in last.items() if what == "began"}


def readings(journal: Path) -> list[Reading]:
    """Every time an engine received an image, in order."""
    lines = _lines(journal)
    last_of = {pid: index for index, (_, _, _, pid) in enumerate(lines)}
    ends = {(image, pid, began): at for image, pid, began, at in _ends(lines)}
    found = []
    for at, what, image, pid in lines:
        if what == "began":
            ended = ends.get((image, pid, at))
            was_last = ended is None or lines[last_of[pid]][:3] == (ended, "ended", image)
            found.append(Reading(image, pid, at, ended, was_last))
    return found


def _ends(lines: Sequence[tuple[float, str, str, int]]) -> Iterable[tuple[str, int, float, float]]:
    """(image, process, when it began, when it ended)."""
    open_since: dict[int, tuple[str, float]] = {}
    for at, what, image, pid in lines:
        if what == "began":
            open_since[pid] = image, at
        elif what == "ended":
            yield image, pid, open_since[pid][1], at


def _lines(journal: Path) -> list[tuple[float, str, str, int]]:
    if not journal.exists():
        return []
    fields = (line.split() for line in journal.read_text().splitlines())
    return [(float(at), what, image, int(pid)) for at, what, image, pid in fields]
