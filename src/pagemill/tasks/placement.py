"""On which device a task is to run: a pure decision."""

from collections.abc import Sequence

from pagemill.domain.engines import EngineSpec
from pagemill.domain.errors import DeviceUnavailable, NeverFits
from pagemill.domain.memory import CPU, MIB, DeviceId, DeviceMemory, MemoryNeed


def select_device(
    requested: str | None, spec: EngineSpec, devices: Sequence[DeviceMemory], need: MemoryNeed
) -> DeviceId:
    """Choose a device that the engine can use and that could ever hold the need.

    A device that was asked for is taken or refused. Otherwise the GPU with most free memory, and the CPU where no GPU
    will do.

    Raises:
        DeviceUnavailable: The device asked for is not there, or the engine cannot use it, or none that is here.
        NeverFits: No device (or not the one asked for) is large enough, with the numbers.
    """
    usable = [device for device in devices if device.device.split(":")[0] in spec.device_kinds]
    if requested is not None:
        usable = [device for device in usable if device.device == requested]
    if not usable:
        raise DeviceUnavailable(_unavailable(requested, spec, devices), device=requested)
    fitting = [device for device in usable if _needed(device.device, need) <= device.limit_bytes]
    if not fitting:
        raise _never_fits(usable, need)
    gpus = [device for device in fitting if device.device != CPU]
    return max(gpus or fitting, key=lambda device: device.limit_bytes - device.reserved_bytes).device


def _needed(device: DeviceId, need: MemoryNeed) -> int:
    return need.ram_bytes if device == CPU else need.gpu_bytes


def _unavailable(requested: str | None, spec: EngineSpec, devices: Sequence[DeviceMemory]) -> str:
    there = ", ".join(device.device for device in devices if device.device.split(":")[0] in spec.device_kinds)
    wanted = "any device" if requested is None else repr(requested)
    return f"The engine {spec.name} cannot run on {wanted} here; it can use: {there or 'no device'}."


def _never_fits(usable: Sequence[DeviceMemory], need: MemoryNeed) -> NeverFits:
    limits = ", ".join(f"{device.device} {device.limit_bytes // MIB} MiB" for device in usable) or "none"
    needed = max(need.ram_bytes, need.gpu_bytes) // MIB
    return NeverFits(
        f"This document needs about {needed} MiB, more than any device could give ({limits}). "
        "Send it at a lower dpi, or in parts.",
        needed_mb=needed,
    )
