"""Who waits lawfully: the judge of the plan, which never asks it."""

from collections.abc import Collection

import pytest

from pagemill.domain.memory import CPU, DeviceId
from pagemill.domain.work.backlog import Backlog, PageKind
from pagemill.domain.work.recognition import Stage
from pagemill.tasks.decisions.line import Line
from pagemill.tasks.decisions.plan import READER_LANE

LANES = (CPU, READER_LANE)


def backlog(task_id: str, *kinds: PageKind, sequence: int = 0) -> Backlog:
    return Backlog(task_id, 0, sequence, dict.fromkeys(kinds, 1), leased=0)


def on(device: str = CPU, stage: Stage = Stage.OCR) -> PageKind:
    return PageKind(stage, alone=False, device=DeviceId(device))


def line(*backlogs: Backlog, times: dict[str, float], begun: int = 0, closed: Collection[str] = ()) -> Line:
    looked = Line(LANES)
    looked.look(backlogs, times, closed=closed, begun=begun)
    return looked


def test_who_is_behind_others_waits_and_who_is_first_does_not() -> None:
    looked = line(backlog("a", on()), backlog("b", on()), times={"a": 1.0, "b": 0.0})
    assert (looked.has("a", working={}), looked.has("b", working={})) == (True, False)


def test_equals_are_served_in_the_order_they_came() -> None:
    looked = line(backlog("b", on(), sequence=1), backlog("a", on(), sequence=2), times={})
    assert (looked.has("a", working={}), looked.has("b", working={})) == (True, False)


@pytest.mark.parametrize(("number", "waits"), [(4, True), (5, False), (6, False)])
def test_who_is_first_waits_for_places_that_were_taken_before_its_turn_came(number: int, *, waits: bool) -> None:
    looked = line(backlog("a", on()), times={}, begun=5)
    assert looked.has("a", working={CPU: [number]}) is waits
    assert not looked.has("a", working={READER_LANE: [number]})


def test_the_turn_begins_anew_when_another_was_first_meanwhile() -> None:
    looked = line(backlog("a", on()), backlog("b", on()), times={"b": 1.0}, begun=5)
    looked.look([backlog("a", on()), backlog("b", on())], {"a": 2.0, "b": 1.0}, closed=(), begun=7)
    assert looked.has("b", working={CPU: [6]})
    looked.look([backlog("a", on()), backlog("b", on())], {"a": 2.0, "b": 1.0}, closed=(), begun=9)
    assert not looked.has("b", working={CPU: [8]}), "it was passed over"


def test_who_waits_for_memory_waits() -> None:
    assert line(backlog("a", on()), times={}, closed=[CPU]).has("a", working={})
    assert not line(backlog("a", on(stage=Stage.TEXT)), times={}, closed=[CPU]).has("a", working={})


def test_one_lane_of_several_is_enough() -> None:
    both = backlog("a", on(), on(stage=Stage.TEXT))
    assert line(both, backlog("b", on()), times={"a": 1.0}).has("a", working={})


@pytest.mark.parametrize("pages", [0, 1])
def test_who_is_in_no_line_does_not_wait(pages: int) -> None:
    looked = line(Backlog("a", 0, 0, {on("cuda:7"): pages}, leased=0), times={})
    assert not looked.has("a", working={CPU: [0]})
    assert not looked.has("unknown", working={CPU: [0]})
