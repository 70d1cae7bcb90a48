"""The whole machine as the memory guard sees it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from pagemill.domain.memory import CPU, DeviceId, MemoryReading
from pagemill.domain.reports.snapshot import WatchedWorker
from pagemill.memory.admission import WorkerUse
from pagemill.memory.probes.host import HostProbe
from pagemill.memory.probes.nvml import NvmlProbe
from pagemill.memory.probes.pressure import PressureProbe
from pagemill.memory.probes.process import ProcessHandle, ProcessProbe


class Killable(Protocol):
    """One process that can be ended."""

    def kill(self) -> None:
        """End it now; a dead process is not an error."""
        ...

    def close(self) -> None:
        """Release it."""
        ...


class Machine(Protocol):
    """What the guard can measure and do without the event loop."""

    def read(self) -> Sequence[MemoryReading]:
        """One reading for each device."""
        ...

    def uses(self, workers: Sequence[WatchedWorker]) -> Mapping[str, WorkerUse]:
        """The memory of each worker, by worker_id, without processes that hold none any more."""
        ...

    def own_bytes(self) -> int:
        """The memory of this server process."""
        ...

    def stalled_share(self) -> float:
        """The share of the last seconds in which some process waited for memory, 0 … 1."""
        ...

    def hold(self, pid: int) -> Killable | None:
        """A handle of a process; None if the process is gone."""
        ...


class MachineProbe:
    """The real machine: host and cgroups, processes, GPUs. Also a `MemoryProbe`."""

    def __init__(
        self, host: HostProbe, processes: ProcessProbe, gpus: NvmlProbe, *, pressure: PressureProbe | None = None
    ) -> None:
        self._host = host
        self._pressure = pressure or PressureProbe()
        self._processes = processes
        self._gpus = gpus

    @classmethod
    def of_this_machine(cls) -> "MachineProbe":
        """All probes with their defaults."""
        return cls(HostProbe(), ProcessProbe(), NvmlProbe())

    @property
    def gpus(self) -> NvmlProbe:
        """The GPUs, for their UUIDs."""
        return self._gpus

    def read(self) -> Sequence[MemoryReading]:
        """See `MemoryProbe.read`. The host, then every GPU that answers."""
        return [self._host.read(), *self._gpus.read()]

    def uses(self, workers: Sequence[WatchedWorker]) -> Mapping[str, WorkerUse]:
        """See `Machine.uses`."""
        devices = {worker.key.device for worker in workers} - {CPU}
        held = {device: self._gpus.held_by_processes(device) for device in devices}
        found = ((worker.worker_id, self._use(worker, held)) for worker in workers)
        return {worker_id: use for worker_id, use in found if use is not None}

    def gpu_bytes(self, pid: int, device: DeviceId) -> int | None:
        """The GPU memory of a process; None if the driver does not say."""
        return self._gpus.held_by_processes(device).get(pid)

    def own_bytes(self) -> int:
        """See `Machine.own_bytes`."""
        use = self._processes.use("self")
        return use.anonymous_bytes if use is not None else 0

    def stalled_share(self) -> float:
        """See `Machine.stalled_share`. Of the last ten seconds."""
        return self._pressure.stalled_share()

    def hold(self, pid: int) -> ProcessHandle | None:
        """See `Machine.hold`."""
        try:
            return ProcessHandle(pid)
        except OSError:
            return None

    def close(self) -> None:
        """Unload the GPU library."""
        self._gpus.close()

    def _use(self, worker: WatchedWorker, held: Mapping[DeviceId, Mapping[int, int]]) -> WorkerUse | None:
        use = self._processes.use(worker.pid)
        if use is None:
            return None
        on_gpu = 0 if worker.key.device == CPU else held[worker.key.device].get(worker.pid)
        return WorkerUse(worker.key.device, use.rss_bytes, use.anonymous_bytes, on_gpu)
