"""What a device is said to hold at most is exactly what can be reserved of it: the guard's ledger, and the fake."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from pagemill.domain.errors import NeverFits
from pagemill.domain.memory import CPU, MIB, DeviceId, MemoryNeed, MemoryReading
from pagemill.domain.ports import MemoryAdmission
from pagemill.domain.reports.snapshot import WatchedWorker
from pagemill.memory.admission import WorkerUse
from pagemill.memory.guard import GuardConfig, MemoryGuard
from pagemill.testing.memory import FakeAdmission

GPU = DeviceId("cuda:0")
LIMITS = {CPU: 1000 * MIB, GPU: 400 * MIB}


class Machine:
    """Nobody is there but the server."""

    def read(self) -> Sequence[MemoryReading]:
        used = {CPU: 50 * MIB, GPU: 0}
        return [MemoryReading(device, limit, used[device], "test") for device, limit in LIMITS.items()]

    def uses(self, workers: Sequence[WatchedWorker]) -> Mapping[str, WorkerUse]:
        assert not workers
        return {}

    def own_bytes(self) -> int:
        return 50 * MIB

    def stalled_share(self) -> float:
        return 0.0

    def hold(self, pid: int) -> None:
        raise AssertionError(pid)


class StandingClock:
    """It is always now."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


@pytest.fixture(params=["fake", "guard"])
async def admission(request: pytest.FixtureRequest) -> MemoryAdmission:
    if request.param == "fake":
        return FakeAdmission(LIMITS)
    return MemoryGuard(GuardConfig(), machine=Machine(), clock=StandingClock())


@pytest.mark.parametrize("device", [CPU, GPU])
async def test_the_ceiling_can_be_reserved_and_not_a_byte_more(admission: MemoryAdmission, device: DeviceId) -> None:
    (most,) = (one.ceiling.size_bytes for one in admission.devices() if one.device == device)
    need = MemoryNeed(most) if device == CPU else MemoryNeed(0, most)
    more = MemoryNeed(most + 1) if device == CPU else MemoryNeed(0, most + 1)
    with pytest.raises(NeverFits) as refused:
        admission.reserve("w", device, more)
    assert (refused.value.details["device"], refused.value.details["capacity_bytes"]) == (device, most)
    granted = admission.reserve("w", device, need)
    assert granted is not None
    with pytest.raises(NeverFits):
        admission.resize(granted, more)
