"""What is concluded from the witnesses' journal."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from proofs.journal import Interruption, Readings, busy_workers, engine_workers, judge

READ = ("1.0 loaded - 7", "2.0 began aa 7", "2.5 ended aa 7")
ANOTHER = ("2.6 began bb 7", "2.9 ended bb 7")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def write(journal: Path, *lines: str) -> Path:
    journal.write_text("".join(f"{line}\n" for line in lines))
    return journal


@pytest.mark.parametrize(
    ("lines", "interruptions", "expected"),
    [
        (READ, (), Readings(pages=1, redone=0, beyond=0)),
        ((*READ[:2], "9.0 began aa 8", "9.5 ended aa 8"), (), Readings(pages=1, redone=1, beyond=0)),
        ((*READ, "9.0 began aa 8", "9.5 ended aa 8"), (), Readings(pages=1, redone=1, beyond=0)),
        ((*READ, *ANOTHER, "9.0 began aa 8"), (), Readings(pages=2, redone=1, beyond=1)),
        ((*READ, *ANOTHER, "9.0 began aa 8"), ((2.6, 2.6),), Readings(pages=2, redone=1, beyond=0)),
        ((*READ, *ANOTHER, "9.0 began aa 8"), ((1.0, 1.9),), Readings(pages=2, redone=1, beyond=1)),
        ((*READ, *ANOTHER, "9.0 began aa 8"), ((4.0, 8.0),), Readings(pages=2, redone=1, beyond=1)),
        ((*READ, *ANOTHER, "9.0 began aa 7", "9.5 ended aa 7"), (), Readings(pages=2, redone=1, beyond=1)),
        ((), (), Readings(pages=0, redone=0, beyond=0)),
    ],
    ids=[
        "read once",
        "its worker died on the page",
        "its worker died right after the page",
        "read again without need",
        "the server was killed before it was stored",
        "the server was killed before it was begun",
        "the database went away when it was long stored",
        "read again by the same worker",
        "nothing read",
    ],
)
def test_a_page_may_be_read_again_only_where_it_was_in_flight(
    journal: Path, lines: Sequence[str], interruptions: Sequence[tuple[float, float]], expected: Readings
) -> None:
    assert judge(write(journal, *lines), [Interruption(*each) for each in interruptions]) == expected


def test_workers_are_told_by_what_they_wrote(journal: Path) -> None:
    assert engine_workers(journal) == busy_workers(journal) == set()
    write(journal, *READ, "3.0 loaded - 8", "4.0 began cc 8")
    assert engine_workers(journal) == {7, 8}
    assert busy_workers(journal) == {8}
