"""Whether memory may be promised: functions from values to values.

For one device, `L` is its limit, `U` what anybody uses of it now, `S` what this server itself needs (the least that was
measured), `m` the margin that is never promised. Worker `i` was promised `N_i` and uses `u_i` by itself now. A promise
is sound as long as both of these hold:

    U + Σ max(0, N_i - r_i) ≤ L - m     what is measured, and what our workers may still take of their promises, fit.
                                        Counting only the part not yet taken counts nothing twice; use by others, and by
                                        workers beyond their promise, is in U.
    S + Σ N_i               ≤ L - m     the promises fit by themselves, whatever is measured: a reading that is too low
                                        or too old never lets more be promised than there is.

A need that breaks the second line by itself never fits, and only such a need: nothing in it is anybody else's. What
others use is in the first line alone. They may go, so whatever does not fit because of them waits.

`r_i` is resident memory, which N_i is a promise of: U cannot grow by more than the r_i do, so N_i - r_i is the most
worker `i` may still add to it, whatever libraries it maps. `u_i` is anonymous memory, its alone.
Where a driver does not say what a process uses (a GPU in a container), the use beyond `O` is taken as ours up to what
was promised, which makes the first line max(U, O + Σ N_i) ≤ L - m. `O` is what others used when that could last be
told: while none of our workers was there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pagemill.domain.memory import CPU, Ceiling, DeviceId, MemoryLevel, MemoryReading


@dataclass(frozen=True)
class WorkerUse:
    """What one worker holds.

    Attributes:
        device: Where it works.
        rss_bytes: Resident, shared libraries included: what its reservation is held against.
        anonymous_bytes: Of that, its alone.
        gpu_bytes: Of its GPU; None where the driver does not say.
    """

    device: DeviceId
    rss_bytes: int
    anonymous_bytes: int
    gpu_bytes: int | None = 0

    def alone(self, device: DeviceId) -> int | None:
        """What it alone holds of that device."""
        if device == CPU:
            return self.anonymous_bytes
        return self.gpu_bytes if device == self.device else 0

    def resident(self, device: DeviceId) -> int:
        """What it has taken of what it was promised of that device; 0 where the driver does not say."""
        return self.rss_bytes if device == CPU else self.alone(device) or 0


@dataclass(frozen=True)
class Account:
    """The books of one device at one moment. All bytes; promises and use by owner.

    Attributes:
        limit_bytes: L.
        used_bytes: U.
        own_bytes: S.
        margin_bytes: m.
        promised: N.
        held: u; an owner that is missing holds nothing (its worker is not there yet, or gone), None is not known.
        resident: r; for an owner that is missing, u.
        others_bytes: O; None where it could never be told, and then nothing counts as taken by those not known.
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
        """The most that could be promised if nobody else were there."""
        return Ceiling(self.limit_bytes, self.margin_bytes, self.own_bytes)

    @property
    def promised_bytes(self) -> int:
        """What is promised altogether."""
        return sum(self.promised.values())

    @property
    def untaken_bytes(self) -> int:
        """What our workers may still take of their promises."""
        known = {owner: self.held.get(owner, 0) for owner in self.promised}
        taken = {owner: max(held, self.resident.get(owner, 0)) for owner, held in known.items() if held is not None}
        untaken = sum(max(0, self.promised[owner] - taken_bytes) for owner, taken_bytes in taken.items())
        unknown = sum(self.promised[owner] for owner, held in known.items() if held is None)
        others = self.used_bytes if self.others_bytes is None else self.others_bytes
        seen = max(0, self.used_bytes - others - sum(held or 0 for held in self.held.values()))
        return untaken + unknown - min(unknown, seen)

    @property
    def free_bytes(self) -> int:
        """What can be promised to a new owner now."""
        measured = self.limit_bytes - self.margin_bytes - self.used_bytes - self.untaken_bytes
        return max(0, min(measured, self.ceiling.size_bytes - self.promised_bytes))

    @property
    def is_short(self) -> bool:
        """Whether others left so little that our workers cannot all take what they were promised.

        What a worker takes beyond its promise is not others' doing. Half of the margin is for the kernel, which kills a
        little before everything is taken.
        """
        resident = {owner: max(held or 0, self.resident.get(owner, 0)) for owner, held in self.held.items()}
        excess = sum(max(0, taken - self.promised.get(owner, 0)) for owner, taken in resident.items())
        return self.used_bytes - excess + self.untaken_bytes > self.limit_bytes - self.margin_bytes // 2

    def with_promise(self, owner: str, more_bytes: int) -> "Account":
        """The books after promising so many bytes more (or fewer) to that owner."""
        return replace(self, promised={**self.promised, owner: self.promised.get(owner, 0) + more_bytes})

    @property
    def is_sound(self) -> bool:
        """Whether both promises of this module's first lines are kept."""
        measured = self.used_bytes + self.untaken_bytes <= self.limit_bytes - self.margin_bytes
        return measured and self.promised_bytes <= self.ceiling.size_bytes


def admits(account: Account, owner: str, more_bytes: int) -> bool:
    """Whether that owner may be promised so much more. Nothing, or less than before, always may."""
    return more_bytes <= 0 or account.with_promise(owner, more_bytes).is_sound


def others_after(before: int | None, account: Account) -> int | None:
    """O after another look: the use that is not our workers'; what it was before where that of one is not known."""
    if None in account.held.values():
        return before
    return max(0, account.used_bytes - sum(held or 0 for held in account.held.values()))


def capped(reading: MemoryReading, cap_bytes: int, own_bytes: int) -> MemoryReading:
    """The reading of a device of which Pagemill itself may use no more than `cap_bytes`, and uses `own_bytes` now."""
    limit = min(reading.limit_bytes, cap_bytes)
    free = min(reading.free_bytes, max(0, cap_bytes - own_bytes))
    source = reading.source if reading.free_bytes <= free else "settings"
    slack = min(reading.slack_bytes, max(0, cap_bytes - own_bytes))
    return MemoryReading(reading.device, limit, limit - min(limit, free), source, unwritten_bytes=slack - free)


def level_admits(level: MemoryLevel, *, is_load: bool, holds_nothing: bool) -> bool:
    """Whether a level lets a promise be made at all.

    Soft: no new loads, unless nothing of ours is loaded (a machine that others fill to four fifths must still do some
    work). Hard and above: nothing is started.
    """
    if level >= MemoryLevel.HARD:
        return False
    return level < MemoryLevel.SOFT or not is_load or holds_nothing
