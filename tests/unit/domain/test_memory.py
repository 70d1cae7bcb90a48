import pytest

from pagemill.domain.memory import CPU, DeviceId, MemoryNeed, demands

GPU = DeviceId("cuda:1")


@pytest.mark.parametrize("gpu_bytes", [0, 7])
@pytest.mark.parametrize("device", [CPU, GPU])
def test_what_a_need_asks_of_a_device_is_what_counts_there(device: DeviceId, gpu_bytes: int) -> None:
    need = MemoryNeed(5, gpu_bytes)
    assert need.on(device) == demands(device, need)[device] == (5 if device == CPU else gpu_bytes)
