from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.domain.clocks import SLEW, SteadyClock

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Machine:
    """A machine whose wall clock can be set."""

    wall: datetime = START
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.passes(timedelta(seconds=seconds))

    def passes(self, time: timedelta) -> None:
        self.wall += time
        self.seconds += time.total_seconds()


def test_it_says_what_the_machine_says() -> None:
    machine = Machine()
    clock = SteadyClock(machine)
    for _ in range(3):
        machine.passes(timedelta(seconds=0.7))
        assert clock.now() == machine.wall
        assert clock.monotonic() == machine.seconds


@pytest.mark.parametrize("jump", [3 * HOUR, -3 * HOUR])
def test_a_jump_makes_no_duration_longer_or_shorter_than_by_a_tenth(jump: timedelta) -> None:
    machine = Machine()
    clock = SteadyClock(machine)
    machine.wall += jump
    assert clock.now() == START
    machine.passes(timedelta(seconds=100))
    assert abs((clock.now() - START).total_seconds() - 100) == pytest.approx(10)
    machine.passes(31 * HOUR)
    assert clock.now() == machine.wall


@given(st.lists(st.tuples(st.sampled_from([-5.0, 0.0, 5.0]), st.sampled_from([0.0, 1.0, 60.0])), max_size=8))
def test_it_never_runs_backwards_nor_faster_than_it_may(steps: list[tuple[float, float]]) -> None:
    machine = Machine()
    clock = SteadyClock(machine)
    before = clock.now()
    for jump, passed in steps:
        machine.wall += jump * HOUR
        machine.passes(timedelta(seconds=passed))
        now = clock.now()
        assert passed * (1 - SLEW) - 1e-5 <= (now - before).total_seconds() <= passed * (1 + SLEW) + 1e-5
        before = now
