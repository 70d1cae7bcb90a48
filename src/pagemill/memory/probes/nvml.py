"""GPU memory through NVML. Unlike a framework's own query, it makes no CUDA context, so it costs no GPU memory."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import pynvml

from pagemill.domain.memory import DeviceId, MemoryReading

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

GpuError = pynvml.NVMLError
"""The errors of NVML for a lost GPU, a missing driver or a missing permission."""


class Nvml(Protocol):
    """The part of NVML that Pagemill uses. Every call may raise `GpuError`."""

    def start(self) -> None:
        """Load the driver's library."""
        ...

    def stop(self) -> None:
        """Unload it."""
        ...

    def count(self) -> int:
        """The number of GPUs in the machine."""
        ...

    def uuid(self, index: int) -> str:
        """The GPU's permanent name."""
        ...

    def memory(self, index: int) -> tuple[int, int]:
        """(total, free) bytes."""
        ...

    def processes(self, index: int) -> Mapping[int, int | None]:
        """Bytes of each process with a context there, by pid; None if the driver does not report it."""
        ...


class NvmlLibrary:
    """The real NVML, through nvidia-ml-py. It looks up handles for each call, because a reset makes them stale."""

    def start(self) -> None:
        """See `Nvml.start`."""
        pynvml.nvmlInit()

    def stop(self) -> None:
        """See `Nvml.stop`."""
        pynvml.nvmlShutdown()

    def count(self) -> int:
        """See `Nvml.count`."""
        return int(pynvml.nvmlDeviceGetCount())

    def uuid(self, index: int) -> str:
        """See `Nvml.uuid`. The "GPU-…" form."""
        return str(pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetHandleByIndex(index)))

    def memory(self, index: int) -> tuple[int, int]:
        """See `Nvml.memory`. What the driver keeps for itself counts as used."""
        info = pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(index))
        return int(info.total), int(info.free)

    def processes(self, index: int) -> Mapping[int, int | None]:
        """See `Nvml.processes`. Compute processes only; empty in a container that hides the host's process numbers."""
        running = pynvml.nvmlDeviceGetComputeRunningProcesses(pynvml.nvmlDeviceGetHandleByIndex(index))
        return {process.pid: process.usedGpuMemory for process in running}


@dataclass(frozen=True)
class Gpu:
    """A GPU found at the start.

    Attributes:
        device: Its name in Pagemill, "cuda:N" in NVML's order (PCI bus).
        index: N.
        uuid: The value for a worker's CUDA_VISIBLE_DEVICES, because CUDA's order may differ from NVML's.
    """

    device: DeviceId
    index: int
    uuid: str


class NvmlProbe:
    """Reads every GPU. Without a driver there are none, and the log says so once.

    It omits a GPU that it cannot read, with one warning until the GPU is back.
    """

    def __init__(self, nvml: Nvml | None = None) -> None:
        self._nvml = nvml or NvmlLibrary()
        self._silent: set[DeviceId] = set()
        self._started = False
        self._gpus = self._find()

    @property
    def gpus(self) -> Sequence[Gpu]:
        """The GPUs found at the start."""
        return self._gpus

    def read(self) -> Sequence[MemoryReading]:
        """See `MemoryProbe.read`. Only GPUs that answer."""
        return [reading for gpu in self._gpus if (reading := self._read(gpu)) is not None]

    def held_by_processes(self, device: DeviceId) -> Mapping[int, int]:
        """Bytes of the device by pid. The use of a process that is not listed is unknown, not zero."""
        gpu = next((gpu for gpu in self._gpus if gpu.device == device), None)
        known = self._ask(gpu, self._nvml.processes) if gpu is not None else None
        return {pid: used for pid, used in (known or {}).items() if used is not None}

    def close(self) -> None:
        """Unload NVML; closing twice is not an error."""
        if self._started:
            self._started = False
            self._gpus = ()
            self._nvml.stop()

    def _find(self) -> Sequence[Gpu]:
        try:
            self._nvml.start()
            self._started = True
            indexes = range(self._nvml.count())
        except GpuError as error:
            logger.info("No GPU devices: NVML says %r", str(error))
            return ()
        return [gpu for index in indexes if (gpu := self._identify(index)) is not None]

    def _identify(self, index: int) -> Gpu | None:
        device = DeviceId(f"cuda:{index}")
        try:
            return Gpu(device, index, self._nvml.uuid(index))
        except GpuError as error:
            logger.warning("%s is left out: NVML says %r", device, str(error))
            return None

    def _read(self, gpu: Gpu) -> MemoryReading | None:
        memory = self._ask(gpu, self._nvml.memory)
        if memory is None:
            return None
        self._silent.discard(gpu.device)
        total, free = memory
        return MemoryReading(gpu.device, total, total - free, "NVML")

    def _ask(self, gpu: Gpu, question: Callable[[int], Answer]) -> Answer | None:
        try:
            return question(gpu.index)
        except GpuError as error:
            if gpu.device not in self._silent:
                self._silent.add(gpu.device)
                logger.warning("%s cannot be read and is left out: NVML says %r", gpu.device, str(error))
            return None
