"""A worker sees its own GPU and no other, so every CUDA library numbers it 0 there.

the server           cuda:1 by NVML's order (PCI bus)      ─▶  its UUID in CUDA_VISIBLE_DEVICES
the worker           the only GPU CUDA shows, by any order  ─▶  cuda:0
a worker on the CPU  none: no library makes a context on a GPU without a reservation
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pagemill.domain.memory import CPU, DeviceId

ONLY_GPU = DeviceId("cuda:0")


@dataclass(frozen=True)
class Sight:
    """The GPUs that a worker sees.

    Attributes:
        visible: Its CUDA_VISIBLE_DEVICES, set before it loads anything; None leaves it as it is.
        device: The name of its device there.
    """

    visible: str | None
    device: DeviceId


def sight(device: DeviceId, uuids: Mapping[DeviceId, str]) -> Sight:
    """What a worker on that device sees. If a GPU's UUID is not known, its worker sees all GPUs."""
    if device == CPU:
        return Sight("", CPU)
    uuid = uuids.get(device)
    return Sight(None, device) if uuid is None else Sight(uuid, ONLY_GPU)
