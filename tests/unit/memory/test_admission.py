from collections.abc import Mapping

import pytest

from pagemill.domain.memory import CPU, DeviceId, MemoryLevel, MemoryNeed, MemoryReading, demands
from pagemill.memory.admission import Account, WorkerUse, admits, cap_reading, level_admits, others_after

GPU = DeviceId("cuda:0")


@pytest.mark.parametrize(
    ("used", "promised", "held", "free"),
    [
        pytest.param(100, {}, {}, 800, id="nothing promised: limit less margin less use"),
        pytest.param(100, {"w": 300}, {}, 500, id="a promise nobody has begun to use"),
        pytest.param(300, {"w": 300}, {"w": 200}, 500, id="the used part is not counted twice"),
        pytest.param(400, {"w": 300}, {"w": 300}, 500, id="used up"),
        pytest.param(500, {"w": 300}, {"w": 400}, 400, id="used beyond the promise"),
        pytest.param(600, {"w": 300}, {}, 0, id="others have taken the rest"),
        pytest.param(700, {"w": 300}, {}, 0, id="others have taken more than the rest"),
        pytest.param(0, {"w": 300}, {"w": 300}, 500, id="a reading that is too low promises no more than there is"),
        pytest.param(300, {"w": 300}, {"w": None}, 500, id="not known: the use that is not others' is taken as ours"),
        pytest.param(600, {"w": 300}, {"w": None}, 300, id="not known, and more than was promised"),
        pytest.param(400, {"v": 200, "w": 300}, {"v": 200, "w": None}, 300, id="one known, one not"),
    ],
)
def test_free_is_what_neither_is_used_nor_promised(
    used: int, promised: Mapping[str, int], held: Mapping[str, int | None], free: int
) -> None:
    account = Account(1000, used, own_bytes=100, margin_bytes=100, promised=promised, held=held, others_bytes=100)
    assert account.free_bytes == free
    assert admits(account, "new", free)
    assert not admits(account, "new", free + 1)


@pytest.mark.parametrize(
    ("used", "promised", "resident", "is_short"),
    [
        pytest.param(950, {}, {}, False, id="others have all but what the kernel keeps, and nothing is promised"),
        pytest.param(950, {"w": 300}, {"w": 300}, False, id="all taken, as promised"),
        pytest.param(950, {"w": 301}, {"w": 300}, True, id="a byte that was promised cannot be taken any more"),
        pytest.param(650, {"w": 300}, {}, False, id="a worker that is dead could take its promise again"),
        pytest.param(651, {"w": 300}, {}, True, id="a worker that is dead could not"),
        pytest.param(1000, {"w": 300}, {"w": 350}, False, id="our own worker took it"),
        pytest.param(1000, {"w": 300}, {"w": 349}, True, id="our own worker and others took it"),
        pytest.param(1000, {"v": 300, "w": 300}, {"v": 600, "w": 50}, False, id="another worker of ours took it all"),
        pytest.param(1000, {"v": 300, "w": 300}, {"v": 400, "w": 50}, True, id="another worker of ours, and others"),
    ],
)
def test_it_is_short_where_others_left_less_than_was_promised(
    used: int, promised: Mapping[str, int], resident: Mapping[str, int], *, is_short: bool
) -> None:
    account = Account(1000, used, margin_bytes=100, promised=promised, held=resident, resident=resident)
    assert account.is_short is is_short


def test_giving_less_is_admitted_even_where_memory_is_gone() -> None:
    account = Account(1000, 1000, promised={"w": 500})
    assert not account.is_sound
    assert admits(account, "w", 0)
    assert admits(account, "w", -100)


def test_growing_into_what_a_worker_has_already_taken_needs_no_free_memory() -> None:
    account = Account(1000, 900, margin_bytes=100, promised={"w": 300}, held={"w": 500})
    assert account.free_bytes == 0
    assert admits(account, "w", 200)
    assert not admits(account, "w", 201)


def test_libraries_a_worker_maps_are_taken_of_its_promise_though_others_may_share_them() -> None:
    account = Account(
        1000, 450, own_bytes=100, margin_bytes=100, promised={"w": 300}, held={"w": 100}, resident={"w": 290}
    )
    assert admits(account, "w", 440)
    assert not admits(account, "w", 441)


@pytest.mark.parametrize(
    ("before", "used", "held", "expected"),
    [
        (None, 500, {}, 500),
        (None, 500, {"w": 200}, 300),
        (400, 500, {"w": 200}, 300),
        (400, 300, {}, 300),
        (100, 500, {}, 500),
        (100, 500, {"w": None}, 100),
        (100, 500, {"v": 200, "w": None}, 100),
        (None, 500, {"w": None}, None),
        (None, 100, {"w": 300}, 0),
    ],
)
def test_what_others_use_is_what_it_was_when_it_could_last_be_told(
    before: int | None, used: int, held: Mapping[str, int | None], expected: int | None
) -> None:
    assert others_after(before, Account(1000, used, held=held)) == expected


def test_where_use_by_others_could_never_be_told_nothing_is_taken_as_ours() -> None:
    account = Account(1000, 500, margin_bytes=100, promised={"w": 300}, held={"w": None})
    assert account.free_bytes == 100


@pytest.mark.parametrize(
    ("level", "is_load", "holds_nothing", "expected"),
    [
        (MemoryLevel.NORMAL, True, False, True),
        (MemoryLevel.SOFT, True, False, False),
        (MemoryLevel.SOFT, True, True, True),
        (MemoryLevel.SOFT, False, False, True),
        (MemoryLevel.HARD, False, False, False),
        (MemoryLevel.HARD, True, True, False),
        (MemoryLevel.EMERGENCY, False, True, False),
    ],
)
def test_soft_stops_loads_and_hard_stops_everything(
    level: MemoryLevel, *, is_load: bool, holds_nothing: bool, expected: bool
) -> None:
    assert level_admits(level, is_load=is_load, holds_nothing=holds_nothing) is expected


def test_a_gpu_need_asks_of_the_host_too() -> None:
    assert demands(GPU, MemoryNeed(1, 2)) == {CPU: 1, GPU: 2}
    assert demands(CPU, MemoryNeed(1, 2)) == {CPU: 1}


def test_a_worker_holds_gpu_memory_of_its_own_device_only() -> None:
    use = WorkerUse(GPU, rss_bytes=3, anonymous_bytes=2, gpu_bytes=5)
    assert [use.bytes_alone(device) for device in (CPU, GPU, DeviceId("cuda:1"))] == [2, 5, 0]
    assert [use.resident(device) for device in (CPU, GPU, DeviceId("cuda:1"))] == [3, 5, 0]


@pytest.mark.parametrize(
    ("cap", "own", "limit", "free", "source"),
    [
        (2000, 0, 1000, 400, "machine"),
        (500, 100, 500, 400, "machine"),
        (500, 300, 500, 200, "settings"),
        (500, 600, 500, 0, "settings"),
    ],
)
def test_a_cap_counts_only_our_own_use(cap: int, own: int, limit: int, free: int, source: str) -> None:
    reading = cap_reading(MemoryReading(CPU, 1000, 600, "machine"), cap, own)
    assert (reading.limit_bytes, reading.free_bytes, reading.source) == (limit, free, source)
