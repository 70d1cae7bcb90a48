"""Whether memory can be reserved: functions from values to values.

For one device, `L` is its limit, `U` the present use by all programs, `S` what this server itself needs (its least
measured use), `m` the margin that is never reserved. Worker `i` has reserved `N_i`, and `u_i` is the memory
that it alone holds now. A reservation is sound as long as both of these hold:

    U + Σ max(0, N_i - r_i) ≤ L - m     the measured use and the rest of our workers' reservations fit. Only the rest
                                        counts, so nothing counts twice; U includes the use of others, and of workers
                                        beyond their reservation.
    S + Σ N_i               ≤ L - m     the reservations fit by themselves, whatever is measured: a reading that is too
                                        low or too old never allows reservations beyond the limit.

A need never fits if, and only if, it breaks the second line by itself, because that line does not contain the use of
other programs. The first line does; but other programs may end, so work that does not fit because of them waits.

`r_i` is resident memory, which N_i reserves: U cannot grow by more than the r_i do, so N_i - r_i is the most that
worker `i` may still add to it, whatever libraries it maps. `u_i` is anonymous memory, which is the worker's alone.
If a driver does not report the use of processes (a GPU in a container), the use beyond `O` counts as ours up to our
reservations, which makes the first line max(U, O + Σ N_i) ≤ L - m. `O` is what others used when that was last known:
while none of our workers existed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pagemill.domain.memory import CPU, Ceiling, DeviceId, MemoryLevel, MemoryReading


@dataclass(frozen=True)
class WorkerUse:
    """The memory of one worker.

    Attributes:
        device: Its device.
        rss_bytes: Resident size, with shared libraries; its reservation limits this.
        anonymous_bytes: The part that it alone holds.
        gpu_bytes: Memory of its GPU; None if the driver does not report it.
    """

    device: DeviceId
    rss_bytes: int
    anonymous_bytes: int
    gpu_bytes: int | None = 0

    def bytes_alone(self, device: DeviceId) -> int | None:
        """The memory of that device that it alone holds; None if the driver does not report it."""
        if device == CPU:
            return self.anonymous_bytes
        return self.gpu_bytes if device == self.device else 0

    def resident(self, device: DeviceId) -> int:
        """The part of its reservation on that device that it uses; 0 if the driver does not report it."""
        return self.rss_bytes if device == CPU else self.bytes_alone(device) or 0


@dataclass(frozen=True)
class Account:
    """The account of one device at one moment. All in bytes; reservations and use by owner.

    Attributes:
        limit_bytes: L.
        used_bytes: U.
        own_bytes: S.
        margin_bytes: m.
        promised: N.
        held: u. A missing owner holds nothing: its worker does not exist yet, or is gone. None: unknown.
        resident: r; for a missing owner, u.
        others_bytes: O; None if it was never known. Then no use counts as that of workers whose use is unknown.
    """

    limit_bytes: int
    used_bytes: int
    own_bytes: int = 0
    margin_bytes: int = 0
    promised: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int | None] = field(default_factory=dict)
    resident: Mapping[str, int] = field(default_factory=dict)
    others_bytes: int | None = None

    @property
    def ceiling(self) -> Ceiling:
        """The most that could be reserved if nothing else used the device."""
        return Ceiling(self.limit_bytes, self.margin_bytes, self.own_bytes)

    @property
    def promised_bytes(self) -> int:
        """All reservations together."""
        return sum(self.promised.values())

    @property
    def untaken_bytes(self) -> int:
        """The part of the reservations that our workers do not use yet."""
        known = {owner: self.held.get(owner, 0) for owner in self.promised}
        taken = {owner: max(held, self.resident.get(owner, 0)) for owner, held in known.items() if held is not None}
        untaken = sum(max(0, self.promised[owner] - taken_bytes) for owner, taken_bytes in taken.items())
        unknown = sum(self.promised[owner] for owner, held in known.items() if held is None)
        others = self.used_bytes if self.others_bytes is None else self.others_bytes
        seen = max(0, self.used_bytes - others - sum(held or 0 for held in self.held.values()))
        return untaken + unknown - min(unknown, seen)

    @property
    def free_bytes(self) -> int:
        """What a new owner can reserve now."""
        measured = self.limit_bytes - self.margin_bytes - self.used_bytes - self.untaken_bytes
        return max(0, min(measured, self.ceiling.size_bytes - self.promised_bytes))

    @property
    def is_short(self) -> bool:
        """Whether other programs use so much that our workers cannot all get what they have reserved.

        Use of a worker beyond its reservation does not count as others'. Half of the margin is for the kernel, which
        kills shortly before all memory is used.
        """
        resident = {owner: max(held or 0, self.resident.get(owner, 0)) for owner, held in self.held.items()}
        excess = sum(max(0, taken - self.promised.get(owner, 0)) for owner, taken in resident.items())
        return self.used_bytes - excess + self.untaken_bytes > self.limit_bytes - self.margin_bytes // 2

    def with_promise(self, owner: str, more_bytes: int) -> "Account":
        """The account after reserving this many more bytes (fewer, if negative) for that owner."""
        return replace(self, promised={**self.promised, owner: self.promised.get(owner, 0) + more_bytes})

    @property
    def is_sound(self) -> bool:
        """Whether both inequalities of this module hold."""
        measured = self.used_bytes + self.untaken_bytes <= self.limit_bytes - self.margin_bytes
        return measured and self.promised_bytes <= self.ceiling.size_bytes


def admits(account: Account, owner: str, more_bytes: int) -> bool:
    """Whether that owner may reserve this many more bytes; always true for 0 and less."""
    return more_bytes <= 0 or account.with_promise(owner, more_bytes).is_sound


def others_after(before: int | None, account: Account) -> int | None:
    """O after another measurement: the use of others; unchanged if the use of one of our workers is unknown."""
    if None in account.held.values():
        return before
    return max(0, account.used_bytes - sum(held or 0 for held in account.held.values()))


def cap_reading(reading: MemoryReading, cap_bytes: int, own_bytes: int) -> MemoryReading:
    """The reading of a device if Pagemill itself may use at most `cap_bytes` of it, and now uses `own_bytes`."""
    limit = min(reading.limit_bytes, cap_bytes)
    free = min(reading.free_bytes, max(0, cap_bytes - own_bytes))
    source = reading.source if reading.free_bytes <= free else "settings"
    slack = min(reading.slack_bytes, max(0, cap_bytes - own_bytes))
    return MemoryReading(reading.device, limit, limit - min(limit, free), source, unwritten_bytes=slack - free)


def level_admits(level: MemoryLevel, *, is_load: bool, holds_nothing: bool) -> bool:
    """Whether a level allows a reservation at all.

    Soft: no new loads, unless nothing of ours is loaded (a machine that others fill to four fifths must still do some
    work). Hard and above: start nothing.
    """
    if level >= MemoryLevel.HARD:
        return False
    return level < MemoryLevel.SOFT or not is_load or holds_nothing
