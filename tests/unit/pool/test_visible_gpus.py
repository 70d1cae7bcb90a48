import pytest

from pagemill.domain.memory import CPU, DeviceId
from pagemill.pool.visible_gpus import ONLY_GPU, Sight, sight

FIRST, SECOND = DeviceId("cuda:0"), DeviceId("cuda:1")
UUIDS = {FIRST: "GPU-b", SECOND: "GPU-a"}


@pytest.mark.parametrize(
    ("device", "uuids", "expected"),
    [
        (CPU, UUIDS, Sight("", CPU)),
        (CPU, {}, Sight("", CPU)),
        (FIRST, UUIDS, Sight("GPU-b", ONLY_GPU)),
        (SECOND, UUIDS, Sight("GPU-a", ONLY_GPU)),
        (SECOND, {FIRST: "GPU-b"}, Sight(None, SECOND)),
    ],
)
def test_a_worker_sees_its_own_gpu_and_no_other(device: DeviceId, uuids: dict[DeviceId, str], expected: Sight) -> None:
    assert sight(device, uuids) == expected
