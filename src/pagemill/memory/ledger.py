"""Keeps all reservations, by owner; `admission` decides whether one is allowed."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from pagemill.domain.errors import DeviceUnavailable
from pagemill.domain.memory import (
    CPU,
    DeviceId,
    MemoryLevel,
    MemoryNeed,
    MemoryReading,
    Reservation,
    demands,
)
from pagemill.domain.work.fitting import find_lack
from pagemill.memory.admission import Account, WorkerUse, admits, level_admits, others_after


@dataclass(frozen=True)
class Measurement:
    """All devices and all workers, measured together: workers first, so that growth in between errs on the safe side.

    Attributes:
        readings: By device.
        uses: By owner (worker_id).
        own_bytes: Host memory of the server process itself.
    """

    readings: Mapping[DeviceId, MemoryReading]
    uses: Mapping[str, WorkerUse] = field(default_factory=dict)
    own_bytes: int = 0


def _always_normal(_device: DeviceId) -> MemoryLevel:
    return MemoryLevel.NORMAL


class MemoryLedger:
    """Reservations by owner, separate for host and GPU memory, atomic over both. Any thread may call it.

    Runs in the server process. It calls `measure` and `level` for every decision; `margin` is the share of every limit
    that is never reserved.
    """

    def __init__(
        self,
        measure: Callable[[], Measurement],
        *,
        level: Callable[[DeviceId], MemoryLevel] = _always_normal,
        margin: float = 0.1,
    ) -> None:
        self._measure = measure
        self._level = level
        self._margin = margin
        self._reservations: dict[str, Reservation] = {}
        self._own_bytes: int | None = None
        self._others: dict[DeviceId, int | None] = {}
        self._numbers = count(1)
        self._lock = threading.RLock()

    def reserve(self, owner: str, device: DeviceId, need: MemoryNeed) -> Reservation | None:
        """Reserve memory, on the host and the GPU or on neither; None if it does not fit now.

        Raises:
            NeverFits: It would not fit even if nothing else used the device; the error has the numbers.
            DeviceUnavailable: There is no such device.
        """
        with self._lock:
            accounts = self._accounts()
            _check_ever_fits(accounts, device, need)
            if not self._admits(accounts, owner, demands(device, need)):
                return None
            reservation = Reservation(f"reservation-{next(self._numbers)}", owner, device, need)
            self._reservations[reservation.reservation_id] = reservation
            return reservation

    def resize(self, reservation: Reservation, need: MemoryNeed) -> Reservation | None:
        """Change a reservation; shrinking always succeeds.

        Returns:
            The new reservation; None if growth does not fit now, or the reservation was released before.

        Raises:
            NeverFits: It would not fit even if nothing else used the device, so do not wait; the error has the numbers.
        """
        with self._lock:
            held = self._reservations.get(reservation.reservation_id)
            if held is None:
                return None
            more = MemoryNeed(need.ram_bytes - held.need.ram_bytes, need.gpu_bytes - held.need.gpu_bytes)
            if max(more.ram_bytes, more.gpu_bytes) > 0:
                accounts = self._accounts()
                if held.device in accounts:
                    _check_ever_fits(accounts, held.device, need)
                if not self._admits(accounts, held.owner, demands(held.device, more)):
                    return None
            resized = replace(held, need=need)
            self._reservations[held.reservation_id] = resized
            return resized

    def release(self, reservation: Reservation) -> None:
        """Release the reservation; releasing twice is not an error."""
        with self._lock:
            self._reservations.pop(reservation.reservation_id, None)

    def accounts(self) -> Mapping[DeviceId, Account]:
        """The account of every device, measured now."""
        with self._lock:
            return self._accounts()

    def note(self, measured: Measurement) -> Mapping[DeviceId, Account]:
        """Learn from a measurement that was made for another purpose what other programs and the server use.

        Returns:
            The accounts according to it.
        """
        with self._lock:
            return self._accounts(measured)

    def promised_bytes(self, device: DeviceId) -> int:
        """All reservations of that device together."""
        with self._lock:
            return sum(self._promised_bytes(device).values())

    def _admits(self, accounts: Mapping[DeviceId, Account], owner: str, more: Mapping[DeviceId, int]) -> bool:
        return all(
            device in accounts and self._level_admits(device, owner) and admits(accounts[device], owner, more_bytes)
            for device, more_bytes in more.items()
            if more_bytes > 0
        )

    def _level_admits(self, device: DeviceId, owner: str) -> bool:
        owners = self._promised_bytes(device)
        return level_admits(self._level(device), is_load=owner not in owners, holds_nothing=not owners)

    def _accounts(self, measured: Measurement | None = None) -> dict[DeviceId, Account]:
        measured = measured or self._measure()
        own = measured.own_bytes
        self._own_bytes = own if self._own_bytes is None else min(self._own_bytes, own)
        return {device: self._account(reading, measured) for device, reading in measured.readings.items()}

    def _account(self, reading: MemoryReading, measured: Measurement) -> Account:
        held = {owner: use.bytes_alone(reading.device) for owner, use in measured.uses.items()}
        account = Account(
            limit_bytes=reading.limit_bytes,
            used_bytes=reading.used_bytes,
            own_bytes=(self._own_bytes or 0) if reading.device == CPU else 0,
            margin_bytes=round(reading.limit_bytes * self._margin),
            promised=self._promised_bytes(reading.device),
            held=held,
            resident={owner: use.resident(reading.device) for owner, use in measured.uses.items()},
        )
        others = others_after(self._others.get(reading.device), account)
        self._others[reading.device] = others
        return replace(account, others_bytes=others)

    def _promised_bytes(self, device: DeviceId) -> dict[str, int]:
        promised: dict[str, int] = {}
        for reservation in self._reservations.values():
            asked = demands(reservation.device, reservation.need).get(device, 0)
            if asked:
                promised[reservation.owner] = promised.get(reservation.owner, 0) + asked
        return promised


def _check_ever_fits(accounts: Mapping[DeviceId, Account], device: DeviceId, need: MemoryNeed) -> None:
    if device not in accounts:
        known = ", ".join(sorted(accounts))
        raise DeviceUnavailable(f"There is no device {device!r} now; available: {known}.", device=device)
    lack = find_lack(device, need, {name: account.ceiling for name, account in accounts.items()})
    if lack is not None:
        raise lack.error
