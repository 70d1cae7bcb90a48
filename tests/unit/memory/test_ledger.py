from dataclasses import dataclass, field

import pytest

from pagemill.domain.errors import DeviceUnavailable, NeverFits
from pagemill.domain.memory import CPU, MIB, DeviceId, MemoryLevel, MemoryNeed, MemoryReading
from pagemill.memory.admission import WorkerUse
from pagemill.memory.ledger import Measurement, MemoryLedger

GPU = DeviceId("cuda:0")


@dataclass
class Gauge:
    """A machine of 1000 MiB host and 400 MiB GPU memory whose use can be turned."""

    used: dict[DeviceId, int] = field(default_factory=lambda: {CPU: 100, GPU: 0})
    uses: dict[str, WorkerUse] = field(default_factory=dict)
    own: int = 100

    def measure(self) -> Measurement:
        limits = {CPU: 1000, GPU: 400}
        return Measurement(
            {name: MemoryReading(name, limits[name] * MIB, used * MIB, "test") for name, used in self.used.items()},
            self.uses,
            self.own * MIB,
        )


def need(ram: int, gpu: int = 0) -> MemoryNeed:
    return MemoryNeed(ram * MIB, gpu * MIB)


@pytest.fixture
def gauge() -> Gauge:
    return Gauge()


@pytest.fixture
def ledger(gauge: Gauge) -> MemoryLedger:
    return MemoryLedger(gauge.measure, margin=0.1)


def test_promises_end_at_the_margin(ledger: MemoryLedger) -> None:
    assert ledger.reserve("v", CPU, need(500)) is not None
    assert ledger.reserve("w", CPU, need(301)) is None
    assert ledger.reserve("w", CPU, need(300)) is not None
    assert ledger.promised_bytes(CPU) == 800 * MIB


def test_what_can_never_fit_is_refused_with_the_numbers(ledger: MemoryLedger) -> None:
    with pytest.raises(NeverFits, match="801 MiB of host memory, but Pagemill can reserve at most 800 MiB") as caught:
        ledger.reserve("w", CPU, need(801))
    assert caught.value.details == {
        "device": "cpu",
        "needed_bytes": 801 * MIB,
        "capacity_bytes": 800 * MIB,
        "limit_bytes": 1000 * MIB,
        "enough_mb": 1002,
    }
    assert ledger.promised_bytes(CPU) == 0


def test_use_by_others_that_may_end_makes_wait_and_never_refuses(ledger: MemoryLedger, gauge: Gauge) -> None:
    ledger.accounts()
    gauge.used[CPU] = 850
    assert ledger.reserve("w", CPU, need(500)) is None
    gauge.used[CPU] = 100
    assert ledger.reserve("w", CPU, need(500)) is not None


def test_host_and_gpu_are_promised_together_or_not_at_all(ledger: MemoryLedger) -> None:
    assert ledger.reserve("v", GPU, need(100, 300)) is not None
    assert ledger.reserve("w", GPU, need(100, 100)) is None
    assert ledger.promised_bytes(CPU) == 100 * MIB
    assert ledger.reserve("w", GPU, need(700, 60)) is not None
    assert (ledger.promised_bytes(CPU), ledger.promised_bytes(GPU)) == (800 * MIB, 360 * MIB)


def test_a_full_gpu_hinders_nobody_on_the_host(ledger: MemoryLedger, gauge: Gauge) -> None:
    gauge.used[GPU] = 400
    assert ledger.reserve("w", CPU, need(100)) is not None


def test_the_used_part_of_a_promise_is_not_counted_twice(ledger: MemoryLedger, gauge: Gauge) -> None:
    assert ledger.reserve("v", CPU, need(400)) is not None
    gauge.used[CPU] = 450
    gauge.uses["v"] = WorkerUse(CPU, rss_bytes=380 * MIB, anonymous_bytes=350 * MIB)
    assert ledger.reserve("w", CPU, need(401)) is None
    assert ledger.reserve("w", CPU, need(400)) is not None


def test_shrinking_always_succeeds_and_growing_only_where_it_fits(ledger: MemoryLedger, gauge: Gauge) -> None:
    held, other = ledger.reserve("w", CPU, need(400)), ledger.reserve("v", CPU, need(1))
    assert held is not None
    assert other is not None
    assert ledger.resize(held, need(800)) is None
    ledger.release(other)
    grown = ledger.resize(held, need(800))
    assert grown is not None
    assert grown.need == need(800)
    gauge.used[CPU] = 1000
    shrunk = ledger.resize(grown, need(50))
    assert shrunk is not None
    assert ledger.promised_bytes(CPU) == 50 * MIB


def test_growing_to_what_can_never_fit_is_refused_and_not_waited_for(ledger: MemoryLedger) -> None:
    held = ledger.reserve("w", CPU, need(400))
    assert held is not None
    with pytest.raises(NeverFits, match="801 MiB of host memory, but Pagemill can reserve at most 800 MiB"):
        ledger.resize(held, need(801))
    assert ledger.promised_bytes(CPU) == 400 * MIB


def test_resizing_goes_by_what_is_promised_now_and_not_by_an_old_copy(ledger: MemoryLedger) -> None:
    old = ledger.reserve("w", CPU, need(700))
    assert old is not None
    ledger.resize(old, need(100))
    assert ledger.reserve("v", CPU, need(650)) is not None
    assert ledger.resize(old, need(700)) is None


def test_released_twice_is_released_once(ledger: MemoryLedger) -> None:
    first, second = ledger.reserve("v", CPU, need(100)), ledger.reserve("w", CPU, need(200))
    assert first is not None
    assert second is not None
    ledger.release(first)
    ledger.release(first)
    assert ledger.promised_bytes(CPU) == 200 * MIB
    assert ledger.resize(first, need(10)) is None


def test_a_device_that_is_gone_is_named(ledger: MemoryLedger, gauge: Gauge) -> None:
    held = ledger.reserve("w", GPU, need(10, 10))
    assert held is not None
    del gauge.used[GPU]
    with pytest.raises(DeviceUnavailable, match="cuda:0"):
        ledger.reserve("v", GPU, need(10, 10))
    assert ledger.resize(held, need(10, 20)) is None
    assert ledger.resize(held, need(10, 5)) is not None


def test_levels_stop_loads_then_everything_but_never_shrinking(gauge: Gauge) -> None:
    level = {CPU: MemoryLevel.NORMAL}
    ledger = MemoryLedger(gauge.measure, level=lambda device: level.get(device, MemoryLevel.NORMAL))
    held = ledger.reserve("w", CPU, need(100))
    assert held is not None
    level[CPU] = MemoryLevel.SOFT
    assert ledger.reserve("v", CPU, need(100)) is None
    assert ledger.resize(held, need(200)) is not None
    level[CPU] = MemoryLevel.HARD
    assert ledger.resize(held, need(201)) is None
    assert ledger.resize(held, need(100)) is not None


def test_with_nothing_loaded_one_worker_may_start_at_the_soft_level(gauge: Gauge) -> None:
    ledger = MemoryLedger(gauge.measure, level=lambda _device: MemoryLevel.SOFT)
    assert ledger.reserve("v", CPU, need(100)) is not None
    assert ledger.reserve("w", CPU, need(100)) is None
