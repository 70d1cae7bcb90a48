from collections.abc import Mapping

import pytest

from pagemill.domain.errors import DeviceUnavailable, NeverFits
from pagemill.domain.memory import CPU, MIB, DeviceId, DeviceMemory, MemoryLevel, MemoryNeed, MemorySeed
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.tasks.device_choice import select_device

GPU, GPU_1 = DeviceId("cuda:0"), DeviceId("cuda:1")
PROFILES = (EngineProfile("accurate", MemorySeed(MemoryNeed(100 * MIB))),)
BOTH = EngineSpec("both", "x:y", PROFILES, device_kinds=("cpu", "cuda"))
CPU_ONLY = EngineSpec("cpu_only", "x:y", PROFILES)
NEEDS = {
    CPU: MemoryNeed(700 * MIB, 0),
    GPU: MemoryNeed(900 * MIB, 500 * MIB),
    GPU_1: MemoryNeed(900 * MIB, 500 * MIB),
}


def device(
    name: str, limit_mb: int, *, reserved_mb: int = 0, used_mb: int = 0, margin_mb: int = 0, own_mb: int = 0
) -> DeviceMemory:
    return DeviceMemory(
        DeviceId(name),
        limit_mb * MIB,
        used_mb * MIB,
        reserved_mb * MIB,
        MemoryLevel.NORMAL,
        margin_bytes=margin_mb * MIB,
        own_bytes=own_mb * MIB,
    )


HOST = device("cpu", 8000)


@pytest.mark.parametrize(
    ("requested", "spec", "devices", "chosen"),
    [
        (None, CPU_ONLY, [HOST, device("cuda:0", 8000)], "cpu"),
        (None, BOTH, [HOST, device("cuda:0", 8000)], "cuda:0"),
        (None, BOTH, [HOST, device("cuda:0", 8000, reserved_mb=7000), device("cuda:1", 8000)], "cuda:1"),
        (None, BOTH, [HOST, device("cuda:0", 8000, used_mb=7000), device("cuda:1", 8000)], "cuda:1"),
        (None, BOTH, [HOST, device("cuda:0", 400)], "cpu"),
        (None, BOTH, [HOST, device("cuda:0", 500, margin_mb=1)], "cpu"),
        (None, BOTH, [HOST, device("cuda:0", 500)], "cuda:0"),
        (None, BOTH, [device("cpu", 800), device("cuda:0", 8000)], "cpu"),
        ("cpu", BOTH, [HOST, device("cuda:0", 8000)], "cpu"),
    ],
)
def test_the_gpu_with_most_free_memory_is_taken_and_the_cpu_where_no_gpu_can_ever_hold_it(
    requested: str | None, spec: EngineSpec, devices: list[DeviceMemory], chosen: str
) -> None:
    assert select_device(requested, spec, devices, NEEDS) == chosen


@pytest.mark.parametrize(("requested", "spec"), [("cuda:3", BOTH), ("cuda:0", CPU_ONLY), ("gpu", BOTH), ("", BOTH)])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(requested: str, spec: EngineSpec) -> None:
    with pytest.raises(DeviceUnavailable, match="it can use: cpu"):
        select_device(requested, spec, [HOST, device("cuda:0", 8000)], NEEDS)


def test_an_engine_for_devices_that_are_not_there_is_refused() -> None:
    gpu_only = EngineSpec("gpu_only", "x:y", PROFILES, device_kinds=("cuda",))
    with pytest.raises(DeviceUnavailable, match=r"it can use: no device\. It runs on cuda only; choose an engine"):
        select_device(None, gpu_only, [HOST], NEEDS)


@pytest.mark.parametrize(
    ("requested", "needs", "says"),
    [
        (
            None,
            {CPU: MemoryNeed(700 * MIB)},
            "This needs 700 MiB of host memory, but Pagemill can reserve at most 690 MiB",
        ),
        ("cuda:0", NEEDS, "This needs 900 MiB of host memory"),
        ("cuda:0", {GPU: MemoryNeed(MIB, 500 * MIB)}, "of memory of cuda:0, but Pagemill can reserve at most 360 MiB"),
        (None, NEEDS, "800 MiB, less 80 MiB kept free and 30 MiB for the server itself. Raise the limit to 812 MiB"),
    ],
)
def test_what_can_never_fit_is_refused_with_the_numbers(
    requested: str | None, needs: Mapping[DeviceId, MemoryNeed], says: str
) -> None:
    spec = BOTH if GPU in needs else CPU_ONLY
    devices = [device("cpu", 800, margin_mb=80, own_mb=30), device("cuda:0", 400, margin_mb=40)]
    with pytest.raises(NeverFits, match=says):
        select_device(requested, spec, devices, needs)
