"""What never fits: what a device could not hold even if nothing else used it. One rule for requests and the pool."""

from collections.abc import Mapping
from dataclasses import dataclass

from pagemill.domain.errors import NeverFits
from pagemill.domain.memory import CPU, MIB, Ceiling, DeviceId, MemoryNeed, demands, in_mib


@dataclass(frozen=True)
class Lack:
    """A device that can never hold what the work needs."""

    device: DeviceId
    needed_bytes: int
    ceiling: Ceiling

    @property
    def missing_bytes(self) -> int:
        """How much is missing in its limit."""
        return self.ceiling.limit_for(self.needed_bytes) - self.ceiling.limit_bytes

    @property
    def error(self) -> NeverFits:
        """The error, with the numbers and the limit that would be enough."""
        ceiling, name = self.ceiling, "host memory" if self.device == CPU else f"memory of {self.device}"
        enough_mb = in_mib(ceiling.limit_for(self.needed_bytes))
        return NeverFits(
            f"This needs {in_mib(self.needed_bytes)} MiB of {name}, but Pagemill can reserve at most "
            f"{ceiling.size_bytes // MIB} MiB: the limit of {in_mib(ceiling.limit_bytes)} MiB, less "
            f"{in_mib(ceiling.margin_bytes)} MiB kept free and {in_mib(ceiling.own_bytes)} MiB for the "
            f"server itself. Raise the limit to {enough_mb} MiB or more.",
            device=self.device,
            needed_bytes=self.needed_bytes,
            capacity_bytes=ceiling.size_bytes,
            limit_bytes=ceiling.limit_bytes,
            enough_mb=enough_mb,
        )


def least_need(error: NeverFits) -> MemoryNeed:
    """The memory that a device must be able to provide, by the error of one that cannot; nothing without numbers."""
    size_bytes = int(error.details.get("needed_bytes") or 0)
    return MemoryNeed(size_bytes) if error.details.get("device") == CPU else MemoryNeed(0, size_bytes)


def within_ceilings(
    device: DeviceId, need: MemoryNeed, modest: MemoryNeed, ceilings: Mapping[DeviceId, Ceiling]
) -> MemoryNeed:
    """The need; if a device can never hold it but could hold a modest one, all that Pagemill can reserve of the device.

    Pagemill learns needs from other pages, and other pages must not decide that a page never fits: it is tried.
    """
    modestly = demands(device, modest)

    def cut(name: DeviceId, asked_bytes: int) -> int:
        size_bytes = ceilings[name].size_bytes if name in ceilings else asked_bytes
        return size_bytes if modestly.get(name, 0) <= size_bytes < asked_bytes else asked_bytes

    gpu_bytes = need.gpu_bytes if device == CPU else cut(device, need.gpu_bytes)
    return MemoryNeed(cut(CPU, need.ram_bytes), gpu_bytes)


def find_lack(device: DeviceId, need: MemoryNeed, ceilings: Mapping[DeviceId, Ceiling]) -> Lack | None:
    """The first device that can never hold its part of the need; None if all can once they are free."""
    lacks = (
        Lack(name, asked, ceilings[name])
        for name, asked in demands(device, need).items()
        if asked > ceilings[name].size_bytes
    )
    return next(lacks, None)
