from collections.abc import Mapping
from dataclasses import replace

import pytest

from pagemill.domain.memory import CPU, DeviceId, MemoryLevel, MemoryNeed, MemoryReading
from pagemill.domain.reports.snapshot import WatchedWorker
from pagemill.domain.work.outcomes import LossCause
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.memory.admission import WorkerUse
from pagemill.memory.guard_decisions import (
    GuardRules,
    Kill,
    Look,
    Memory,
    Orders,
    choose_kills,
    choose_victim,
    decide,
    fill_rate,
    is_over_reservation,
)

GPU = DeviceId("cuda:0")
RULES = GuardRules()
NORMAL, SOFT, HARD, EMERGENCY = MemoryLevel


def worker(
    worker_id: str, *, busy_since: float | None = 1.0, ram: int = 100, gpu: int = 0, device: DeviceId = CPU
) -> WatchedWorker:
    key = ModelSetKey("rapidocr", "accurate", (), device)
    return WatchedWorker(worker_id, 4711, key, MemoryNeed(ram, gpu), busy_since, None)


def use(rss: int = 100, gpu: int | None = 0, device: DeviceId = CPU) -> WorkerUse:
    return WorkerUse(device, rss, rss, gpu)


def look(at: float, used: int, *workers: WatchedWorker, uses: Mapping[str, WorkerUse] | None = None) -> Look:
    found = {one.worker_id: use() for one in workers} if uses is None else uses
    return Look(at, {CPU: MemoryReading(CPU, 1000, used, "test")}, workers, found)


def steps(*looks: Look) -> list[Orders]:
    memory, orders = Memory(), []
    for one in looks:
        memory, order = decide(memory, one, RULES)
        orders.append(order)
    return orders


@pytest.mark.parametrize(
    ("reserved", "held", "expected"),
    [
        ((100, 0), (125, 0), False),
        ((100, 0), (126, 0), True),
        ((0, 0), (10**9, 0), False),
        ((100, 40), (100, 51), True),
        ((100, 40), (100, 50), False),
        ((100, 40), (100, None), False),
    ],
)
def test_over_reservation_is_a_quarter_more_than_promised(
    reserved: tuple[int, int], held: tuple[int, int | None], *, expected: bool
) -> None:
    busy = worker("w", ram=reserved[0], gpu=reserved[1], device=GPU)
    assert is_over_reservation(busy, use(*held), 1.25) is expected
    assert not is_over_reservation(replace(busy, busy_since=None), use(*held), 1.25)


def test_the_victim_is_the_newest_batch() -> None:
    workers = [worker("c", busy_since=2.0), worker("b", busy_since=9.0), worker("a", busy_since=5.0)]
    victim = choose_victim(workers, {one.worker_id: use(80) for one in workers}, CPU)
    assert victim is not None
    assert victim.worker_id == "b"


def test_one_over_its_promise_dies_before_a_newer_one_that_keeps_it() -> None:
    workers = [worker("z", busy_since=9.0), worker("y", busy_since=2.0)]
    victim = choose_victim(workers, {"z": use(100), "y": use(101)}, CPU)
    assert victim is not None
    assert victim.worker_id == "y"


def test_one_that_cannot_be_killed_is_not_killed_again_in_an_emergency() -> None:
    stuck, other = replace(worker("a", busy_since=9.0), unkillable=True), worker("b", busy_since=2.0)
    uses = {"a": use(500), "b": use(50)}
    kills = choose_kills({CPU: EMERGENCY}, look(0.0, 990, stuck, other, uses=uses), (), RULES)
    assert [kill.worker.worker_id for kill in kills] == ["b"]
    assert choose_kills({CPU: EMERGENCY}, look(0.0, 990, stuck, uses=uses), (), RULES) == ()


def test_with_nobody_busy_the_largest_idle_one_dies() -> None:
    workers = [worker("b", busy_since=None), worker("a", busy_since=None)]
    victim = choose_victim(workers, {"b": use(30), "a": use(60)}, CPU)
    assert victim is not None
    assert victim.worker_id == "a"


def test_on_a_gpu_only_its_own_workers_help() -> None:
    on_gpu, on_host = worker("a", busy_since=1.0, device=GPU), worker("b", busy_since=9.0)
    uses = {"a": use(device=GPU), "b": use()}
    assert choose_victim([on_gpu, on_host], uses, GPU) == on_gpu
    assert choose_victim([on_gpu, on_host], uses, CPU) == on_host
    assert choose_victim([on_host], uses, GPU) is None


def test_one_at_a_time_until_the_memory_is_seen_back() -> None:
    workers = (worker("a", busy_since=1.0), worker("b", busy_since=2.0), worker("c", busy_since=3.0))
    gone = {"a": use(), "b": use()}
    orders = steps(
        look(0.0, 960, *workers),
        look(0.02, 960, *workers),
        look(0.04, 960, *workers, uses=gone),
    )
    assert [[kill.worker.worker_id for kill in order.kills] for order in orders] == [["c"], [], ["b"]]
    assert all(kill.cause is LossCause.MEMORY_PRESSURE for order in orders for kill in order.kills)
    assert orders[0].wait_s == RULES.polling.shortest_s


def test_a_kill_that_does_not_take_is_not_waited_for_for_ever() -> None:
    workers = (worker("a", busy_since=1.0), worker("b", busy_since=2.0))
    orders = steps(*(look(at, 960, *workers) for at in (0.0, 0.02, 1.99, 2.0)))
    assert [len(order.kills) for order in orders] == [1, 0, 0, 1]


def test_all_over_their_reservation_die_and_no_innocent_with_them() -> None:
    workers = (worker("a"), worker("b"), worker("c", busy_since=9.0))
    uses = {"a": use(126), "b": use(500), "c": use(90)}
    kills = choose_kills({CPU: EMERGENCY}, look(0.0, 990, *workers, uses=uses), (), RULES)
    assert [(kill.worker.worker_id, kill.cause) for kill in kills] == [
        ("a", LossCause.OVER_RESERVATION),
        ("b", LossCause.OVER_RESERVATION),
    ]


def test_a_doomed_worker_is_not_killed_again() -> None:
    doomed = worker("a")
    pending = (Kill(doomed, LossCause.OVER_RESERVATION, 0.0),)
    assert choose_kills({CPU: NORMAL}, look(0.1, 10, doomed, uses={"a": use(500)}), pending, RULES) == ()


@pytest.mark.parametrize("level", [NORMAL, SOFT, HARD])
def test_nobody_is_killed_below_the_emergency(level: MemoryLevel) -> None:
    assert choose_kills({CPU: level}, look(0.0, 940, worker("a")), (), RULES) == ()


def test_the_rate_is_that_of_two_polls() -> None:
    earlier = (look(0.0, 100), look(0.5, 100))
    assert fill_rate((), look(1.0, 300), CPU) == 0.0
    assert fill_rate(earlier, look(1.0, 300), CPU) == pytest.approx(200.0)
    assert fill_rate(earlier, look(1.0, 50), CPU) == pytest.approx(-50.0)


def test_a_flood_is_an_emergency_long_before_the_limit() -> None:
    orders = steps(look(0.00, 100, worker("a")), look(0.02, 350, worker("a")), look(0.04, 600, worker("a")))
    assert [change.level for change in orders[2].changes] == [EMERGENCY]
    assert [kill.worker.worker_id for kill in orders[2].kills] == ["a"]


def test_a_single_step_is_no_flood() -> None:
    orders = steps(look(0.00, 100), look(1.00, 100), look(1.02, 700))
    assert not orders[2].changes


def test_relief_comes_with_each_rise_and_then_once_a_second() -> None:
    orders = steps(*(look(at, used) for at, used in [(0.0, 850), (0.5, 850), (0.9, 920), (1.5, 920), (2.0, 920)]))
    assert [[relief.level for relief in order.reliefs] for order in orders] == [[SOFT], [], [HARD], [], [HARD]]


def test_changes_are_told_once() -> None:
    orders = steps(look(0.0, 100), look(1.0, 850), look(2.0, 850), look(3.0, 100))
    told = [[(change.before, change.level) for change in order.changes] for order in orders]
    assert told == [[], [(NORMAL, SOFT)], [], [(SOFT, NORMAL)]]


def test_a_busy_worker_near_its_promise_is_looked_at_often() -> None:
    mib = 1024 * 1024
    reading = {CPU: MemoryReading(CPU, 100_000 * mib, 0, "test")}
    busy = worker("a", ram=400 * mib)
    far, near = (Look(0.0, reading, (busy,), {"a": use(rss * mib)}) for rss in (90, 480))
    assert steps(far)[0].wait_s == pytest.approx(0.1, rel=0.01)
    assert steps(near)[0].wait_s == RULES.polling.shortest_s
    assert steps(Look(0.0, reading))[0].wait_s == RULES.polling.longest_s


def test_stalls_are_a_hint_to_look_more_often_and_nothing_more() -> None:
    (calm,), (hinted,), (worst,) = (steps(replace(look(1.0, 100), stalled=share)) for share in (0.09, 0.1, 1.0))
    assert (calm.wait_s, hinted.wait_s) == (RULES.polling.longest_s, RULES.polling.shortest_s)
    assert (worst.kills, worst.changes, worst.reliefs) == ((), (), ())
