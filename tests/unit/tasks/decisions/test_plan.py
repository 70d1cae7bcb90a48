import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.domain.memory import CPU
from pagemill.domain.work.backlog import Backlog, PageKind
from pagemill.domain.work.recognition import Stage
from pagemill.tasks.decisions.plan import READER_LANE, ChunkLimits, plan

LIMITS = ChunkLimits(text=32, ocr=4)


def backlog(
    task_id: str,
    *,
    ocr: int = 0,
    text: int = 0,
    priority: int = 0,
    sequence: int = 0,
    alone: int = 0,
    caller: str = "",
    structure: bool = False,
) -> Backlog:
    waiting = {
        PageKind(Stage.OCR, alone=False, device=CPU): ocr,
        PageKind(Stage.TEXT, alone=False, device=CPU): text,
        PageKind(Stage.OCR, alone=True, device=CPU): alone,
    }
    return Backlog(task_id, priority, sequence, waiting, leased=0, caller=caller, structure=structure)


def serve_rounds(backlogs: list[Backlog], *, places: int, rounds: int) -> dict[str, int]:
    """Pages each task gets when `places` are free in every round and no task ever runs out."""
    totals = {backlog.task_id: 0 for backlog in backlogs}
    times: dict[str, float] = {}
    for _ in range(rounds):
        planned = plan(backlogs, {CPU: places}, capacity={CPU: places}, limits=LIMITS, virtual_times=times)
        times = dict(planned.virtual_times)
        for assignment in planned.assignments:
            totals[assignment.task_id] += assignment.pages
    return totals


def test_a_long_document_takes_every_free_place() -> None:
    planned = plan([backlog("long", ocr=300)], {CPU: 3}, capacity={CPU: 3}, limits=LIMITS, virtual_times={})
    assert [(a.task_id, a.pages) for a in planned.assignments] == [("long", 4)] * 3


def test_a_short_document_is_cut_so_that_every_place_gets_some() -> None:
    planned = plan([backlog("short", ocr=4)], {CPU: 2}, capacity={CPU: 2}, limits=LIMITS, virtual_times={})
    assert [a.pages for a in planned.assignments] == [2, 2]


def test_two_documents_share_evenly_however_long_they_are() -> None:
    totals = serve_rounds([backlog("a", ocr=300), backlog("b", ocr=100, sequence=1)], places=1, rounds=20)
    assert totals == {"a": 40, "b": 40}


def test_ten_points_of_priority_double_the_share() -> None:
    totals = serve_rounds(
        [backlog("usual", ocr=900), backlog("urgent", ocr=900, priority=10, sequence=1)], places=1, rounds=30
    )
    assert totals["urgent"] == pytest.approx(2 * totals["usual"], abs=8)


def test_a_low_priority_is_never_starved() -> None:
    totals = serve_rounds(
        [backlog("low", ocr=900, priority=-10), backlog("high", ocr=900, priority=10)], places=1, rounds=40
    )
    assert totals["low"] > 0


def test_a_newcomer_neither_waits_for_the_past_of_others_nor_is_paid_for_its_absence() -> None:
    times = {"old": 500.0}
    backlogs = [backlog("old", ocr=100), backlog("new", ocr=100, sequence=1)]
    planned = plan(backlogs, {CPU: 2}, capacity={CPU: 2}, limits=LIMITS, virtual_times=times)
    assert {a.task_id for a in planned.assignments} == {"old", "new"}


def test_text_layers_go_to_the_readers_and_images_to_the_device() -> None:
    planned = plan(
        [backlog("mixed", ocr=10, text=100)],
        {CPU: 1, READER_LANE: 1},
        capacity={CPU: 1, READER_LANE: 1},
        limits=LIMITS,
        virtual_times={},
    )
    assert {(a.lane, a.kind.stage, a.pages) for a in planned.assignments} == {
        (CPU, Stage.OCR, 4),
        (READER_LANE, Stage.TEXT, 32),
    }


def test_a_lane_that_is_not_free_gets_nothing() -> None:
    planned = plan([backlog("a", ocr=10)], {READER_LANE: 1}, capacity={READER_LANE: 1}, limits=LIMITS, virtual_times={})
    assert planned.assignments == ()


def test_tasks_that_are_over_leave_no_virtual_time_behind() -> None:
    planned = plan([backlog("a", ocr=1)], {}, capacity={}, limits=LIMITS, virtual_times={"gone": 7.0, "a": 1.0})
    assert dict(planned.virtual_times) == {"a": 1.0}


def test_a_solitary_page_starts_only_when_its_device_is_empty_and_then_alone() -> None:
    hungry, other = backlog("hungry", alone=2), backlog("other", ocr=50, sequence=1)
    times = {"hungry": 0.0, "other": 1.0}

    def starts(free: int, *callers: str) -> list[tuple[str, int, bool]]:
        planned = plan(
            [hungry, other], {CPU: free}, capacity={CPU: 2}, at_work={CPU: callers}, limits=LIMITS, virtual_times=times
        )
        return [(a.task_id, a.pages, a.kind.alone) for a in planned.assignments]

    assert starts(free=2) == [("hungry", 1, True)]
    assert starts(1, "") == []
    assert starts(2, "") == [], "a chunk is at its last page"


def test_a_solitary_page_waits_for_its_turn_and_its_task_s_other_pages_do_not_wait_for_it() -> None:
    hungry, other = backlog("hungry", ocr=4, alone=1), backlog("other", ocr=50, sequence=1)
    times = {"hungry": 0.0, "other": 0.5}
    planned = plan([hungry, other], {CPU: 2}, capacity={CPU: 2}, limits=LIMITS, virtual_times=times)
    assert [(a.task_id, a.kind.alone) for a in planned.assignments] == [("hungry", False), ("other", False)]


def spare_of(*backlogs: Backlog, at_work: str, free: int = 0) -> list[tuple[str, bool]]:
    """Who gets a place, and whether it may use the spare one, while a caller has work in a full lane."""
    planned = plan(
        backlogs,
        {CPU: free},
        capacity={CPU: 1},
        at_work={CPU: {at_work}},
        spare=() if free else (CPU,),
        limits=LIMITS,
        virtual_times={"ahead": 1.0, "behind": 0.0},
    )
    return [(a.task_id, a.may_use_spare) for a in planned.assignments]


def test_a_caller_with_nothing_in_progress_goes_in_line_for_the_spare_place() -> None:
    idle, busy = backlog("behind", ocr=9, caller="idle", sequence=1), backlog("ahead", ocr=9, caller="busy")
    new = backlog("new", ocr=9, caller="idle", sequence=2)
    assert spare_of(busy, idle, at_work="busy") == [("behind", True)]
    assert spare_of(busy, new, at_work="busy") == [("new", True)], "one that just came has not had its share"
    assert spare_of(busy, at_work="busy") == []
    assert spare_of(idle, at_work="busy", free=1) == [("behind", True)], "it may have to wait for a last page"
    assert spare_of(busy, at_work="busy", free=1) == [("ahead", False)]


def test_who_has_had_more_than_its_share_waits_for_its_turn() -> None:
    """Else a low priority would get as much as a high one, chunk by chunk."""
    idle, busy = backlog("ahead", ocr=9, caller="idle", sequence=1), backlog("behind", ocr=9, caller="busy")
    assert spare_of(busy, idle, at_work="busy") == []


def test_only_one_goes_in_line() -> None:
    idle = [backlog(name, ocr=9, caller=name, sequence=number) for number, name in enumerate(("a", "b", "c"))]
    assert spare_of(*idle, at_work="busy") == [("a", True)]


def test_nothing_starts_beside_a_solitary_page_or_before_one_whose_turn_it_is() -> None:
    hungry = backlog("behind", alone=1, caller="busy")
    other = backlog("new", ocr=9, caller="idle", sequence=1)
    assert spare_of(hungry, other, at_work="busy") == []
    assert spare_of(backlog("ahead", alone=1, caller="idle"), at_work="busy") == []


def test_a_page_in_the_spare_place_counts_for_its_task() -> None:
    backlogs = [backlog("new", ocr=9, caller="idle")]
    planned = plan(
        backlogs,
        {CPU: 0},
        capacity={CPU: 1},
        at_work={CPU: {"busy"}},
        spare=(CPU,),
        limits=LIMITS,
        virtual_times={},
    )
    assert dict(planned.virtual_times) == {"new": 4.0}


small = st.integers(0, 5)


@given(
    st.lists(st.tuples(small, small, st.sampled_from([-10, 0, 10])), max_size=4), st.integers(0, 4), st.integers(0, 2)
)
def test_no_page_is_assigned_twice_and_no_place_is_filled_twice(
    tasks: list[tuple[int, int, int]], places: int, readers: int
) -> None:
    backlogs = [
        backlog(f"t{i}", ocr=ocr, text=text, priority=priority, sequence=i)
        for i, (ocr, text, priority) in enumerate(tasks)
    ]
    free = {CPU: places, READER_LANE: readers}
    planned = plan(backlogs, free, capacity={CPU: 4, READER_LANE: 2}, limits=LIMITS, virtual_times={})
    for lane, room in free.items():
        assert sum(a.lane == lane for a in planned.assignments) <= room
    for given_backlog in backlogs:
        for kind, waiting in given_backlog.waiting.items():
            mine = [a.pages for a in planned.assignments if (a.task_id, a.kind) == (given_backlog.task_id, kind)]
            assert sum(mine) <= waiting
            assert all(pages > 0 for pages in mine)


@given(st.lists(small, min_size=1, max_size=4), st.integers(1, 4))
def test_free_places_are_not_left_empty_while_pages_wait(pages: list[int], places: int) -> None:
    backlogs = [backlog(f"t{i}", ocr=count, sequence=i) for i, count in enumerate(pages)]
    planned = plan(backlogs, {CPU: places}, capacity={CPU: places}, limits=LIMITS, virtual_times={})
    assigned = sum(a.pages for a in planned.assignments)
    assert assigned == sum(pages) or len(planned.assignments) == places


@pytest.mark.parametrize("places", [1, 2, 3])
def test_nine_tasks_of_one_caller_get_together_what_one_of_another_gets(places: int) -> None:
    greedy = [backlog(f"greedy-{number}", ocr=1000, caller="greedy") for number in range(9)]
    totals = serve_rounds([*greedy, backlog("modest", ocr=1000, caller="modest")], places=places, rounds=120)
    assert totals["modest"] == pytest.approx(sum(totals.values()) / 2, abs=9 * LIMITS.ocr)


def test_text_layers_whose_structure_is_wanted_leave_the_readers_free() -> None:
    places = {CPU: 1, READER_LANE: 1}
    backlogs = [backlog("plain", text=100), backlog("structured", text=100, structure=True, sequence=1)]
    planned = plan(backlogs, places, capacity=places, limits=LIMITS, virtual_times={})
    assert {(one.task_id, one.lane, one.pages) for one in planned.assignments} == {
        ("plain", READER_LANE, LIMITS.text),
        ("structured", CPU, LIMITS.ocr),
    }
