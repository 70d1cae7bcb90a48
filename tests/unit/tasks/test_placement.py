import pytest

from pagemill.domain.engines import EngineProfile, EngineSpec
from pagemill.domain.errors import DeviceUnavailable, NeverFits
from pagemill.domain.memory import CPU, MIB, DeviceId, DeviceMemory, MemoryLevel, MemoryNeed, MemorySeed
from pagemill.tasks.placement import select_device

PROFILES = (EngineProfile("accurate", MemorySeed(MemoryNeed(100 * MIB))),)
BOTH = EngineSpec("both", "x:y", PROFILES, device_kinds=("cpu", "cuda"))
CPU_ONLY = EngineSpec("cpu_only", "x:y", PROFILES)
NEED = MemoryNeed(ram_bytes=700 * MIB, gpu_bytes=500 * MIB)


def device(name: str, limit_mb: int, reserved_mb: int = 0) -> DeviceMemory:
    return DeviceMemory(DeviceId(name), limit_mb * MIB, 0, reserved_mb * MIB, MemoryLevel.NORMAL)


HOST = device("cpu", 8000)


@pytest.mark.parametrize(
    ("requested", "spec", "devices", "chosen"),
    [
        (None, CPU_ONLY, [HOST, device("cuda:0", 8000)], "cpu"),
        (None, BOTH, [HOST, device("cuda:0", 8000)], "cuda:0"),
        (None, BOTH, [HOST, device("cuda:0", 8000, reserved_mb=7000), device("cuda:1", 8000)], "cuda:1"),
        (None, BOTH, [HOST, device("cuda:0", 400)], "cpu"),
        ("cpu", BOTH, [HOST, device("cuda:0", 8000)], "cpu"),
    ],
)
def test_the_roomiest_device_that_fits_is_taken(
    requested: str | None, spec: EngineSpec, devices: list[DeviceMemory], chosen: str
) -> None:
    assert select_device(requested, spec, devices, NEED) == chosen


@pytest.mark.parametrize(("requested", "spec"), [("cuda:3", BOTH), ("cuda:0", CPU_ONLY), ("gpu", BOTH), ("", BOTH)])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(requested: str, spec: EngineSpec) -> None:
    with pytest.raises(DeviceUnavailable, match="it can use: cpu"):
        select_device(requested, spec, [HOST, device("cuda:0", 8000)], NEED)


def test_an_engine_for_devices_that_are_not_there_is_refused() -> None:
    gpu_only = EngineSpec("gpu_only", "x:y", PROFILES, device_kinds=("cuda",))
    with pytest.raises(DeviceUnavailable, match="cannot run on any device here; it can use: no device"):
        select_device(None, gpu_only, [HOST], NEED)


def test_what_can_never_fit_is_refused_with_the_numbers() -> None:
    with pytest.raises(NeverFits, match=r"about 700 MiB, more than any device could give \(cpu 600 MiB\)"):
        select_device(None, CPU_ONLY, [device(CPU, 600)], NEED)
