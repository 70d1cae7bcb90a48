"""Services start in order and stop in the reverse order, however far they came."""

from dataclasses import dataclass

import pytest

from pagemill.app.services import run_services

NAMES = ("b", "a", "c")


@dataclass(frozen=True)
class Noting:
    """A service that notes what it is asked; one of them cannot start."""

    name: str
    seen: list[str]
    fails: bool = False

    async def start(self) -> None:
        self.seen.append(f"start {self.name}")
        if self.fails:
            raise OSError(self.name)

    async def stop(self) -> None:
        self.seen.append(f"stop {self.name}")


async def test_they_stop_in_the_reverse_order() -> None:
    seen: list[str] = []
    async with run_services([Noting(name, seen) for name in NAMES]):
        seen.append("-")
    assert seen == ["start b", "start a", "start c", "-", "stop c", "stop a", "stop b"]


@pytest.mark.parametrize("number", range(len(NAMES)))
async def test_where_one_cannot_start_those_before_it_stop(number: int) -> None:
    seen: list[str] = []
    services = [Noting(name, seen, fails=name == NAMES[number]) for name in NAMES]
    with pytest.raises(OSError, match=NAMES[number]):
        async with run_services(services):
            seen.append("-")
    begun = [f"start {name}" for name in NAMES[: number + 1]]
    ended = [f"stop {name}" for name in reversed(NAMES[:number])]
    assert seen == begun + ended
