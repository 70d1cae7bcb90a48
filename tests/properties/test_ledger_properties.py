"""Whatever is asked of the ledger, in whatever order: it never promises more than there is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from pagemill.domain.errors import NeverFits
from pagemill.domain.memory import CPU, DeviceId, MemoryNeed, MemoryReading, Reservation, demands
from pagemill.memory.admission import Account, WorkerUse, admits
from pagemill.memory.ledger import Measurement, MemoryLedger
from pagemill.memory.waiting import Waiter, after_serving, first_served

GPU = DeviceId("cuda:0")
LIMITS = {CPU: 100, GPU: 40}
MARGIN = {CPU: 10, GPU: 4}
OWNERS = ("c", "b", "a")
SIZES = st.sampled_from([0, 1, 10, 30, 36, 45, 80, 90, 91])
NEEDS = st.builds(MemoryNeed, SIZES, SIZES)


@dataclass
class Gauge:
    """Use by others and by each worker, as anybody likes."""

    others: int = 0
    own: int = 5
    held: dict[str, tuple[int, int | None]] = field(default_factory=dict)

    def measure(self) -> Measurement:
        used = {
            CPU: self.others + self.own + sum(ram for ram, _ in self.held.values()),
            GPU: sum(gpu or 0 for _, gpu in self.held.values()),
        }
        readings = {device: MemoryReading(device, LIMITS[device], used[device], "test") for device in LIMITS}
        uses = {owner: WorkerUse(GPU, ram, ram, gpu) for owner, (ram, gpu) in self.held.items()}
        return Measurement(readings, uses, self.own)


class LedgerMachine(RuleBasedStateMachine):
    """A ledger under any sequence of calls and any use."""

    reservations = Bundle("reservations")

    def __init__(self) -> None:
        super().__init__()
        self.gauge = Gauge()
        self.ledger = MemoryLedger(self.gauge.measure, margin=0.1)
        self.expected: dict[str, Reservation] = {}
        self.least_own = self.gauge.own

    @rule(others=st.sampled_from([0, 10, 50, 100]))
    def others_use(self, others: int) -> None:
        self.gauge.others = others

    @rule(own=st.sampled_from([0, 1, 5, 10]))
    def server_uses(self, own: int) -> None:
        self.gauge.own = own
        self.ledger.note(self.gauge.measure())
        self.least_own = min(self.least_own, own)

    @rule(owner=st.sampled_from(OWNERS), ram=SIZES, gpu=st.none() | SIZES)
    def worker_uses(self, owner: str, ram: int, gpu: int | None) -> None:
        self.gauge.held[owner] = (ram, gpu)

    @rule(owner=st.sampled_from(OWNERS))
    def worker_exits(self, owner: str) -> None:
        self.gauge.held.pop(owner, None)

    @rule(target=reservations, owner=st.sampled_from(OWNERS), device=st.sampled_from([CPU, GPU]), need=NEEDS)
    def reserve(self, owner: str, device: DeviceId, need: MemoryNeed) -> Reservation | None:
        before = self.sum_promised()
        try:
            reservation = self.ledger.reserve(owner, device, need)
        except NeverFits:
            assert not self.ever_fits(device, need)
            assert self.sum_promised() == before
            return None
        assert self.ever_fits(device, need)
        if reservation is None:
            assert self.sum_promised() == before
        else:
            self.expected[reservation.reservation_id] = reservation
        return reservation

    @rule(reservation=reservations, need=NEEDS)
    def resize(self, reservation: Reservation | None, need: MemoryNeed) -> None:
        if reservation is None:
            return
        held = self.expected.get(reservation.reservation_id)
        try:
            resized = self.ledger.resize(reservation, need)
        except NeverFits:
            assert held is not None
            assert not self.ever_fits(held.device, need)
            assert need.ram_bytes > held.need.ram_bytes or need.gpu_bytes > held.need.gpu_bytes
            return
        if held is None:
            assert resized is None
        elif need.ram_bytes <= held.need.ram_bytes and need.gpu_bytes <= held.need.gpu_bytes:
            assert resized is not None
        if resized is not None:
            assert resized.need == need
            self.expected[resized.reservation_id] = resized

    @rule(reservation=consumes(reservations))
    def release(self, reservation: Reservation | None) -> None:
        if reservation is not None:
            self.ledger.release(reservation)
            self.expected.pop(reservation.reservation_id, None)

    @rule(device=st.sampled_from([CPU, GPU]), need=NEEDS)
    def everybody_leaves(self, device: DeviceId, need: MemoryNeed) -> None:
        """What was never refused is granted, whoever was there before."""
        for reservation in self.expected.values():
            self.ledger.release(reservation)
        self.expected.clear()
        self.gauge.held.clear()
        self.gauge.others, self.gauge.own = 0, self.least_own
        if self.ever_fits(device, need):
            granted = self.ledger.reserve("last", device, need)
            assert granted is not None
            self.ledger.release(granted)

    @invariant()
    def promises_never_exceed_what_there_is(self) -> None:
        for device, promised in self.sum_promised().items():
            assert promised <= self.ceiling(device)

    @invariant()
    def promises_are_those_that_were_made(self) -> None:
        held = self.expected.values()
        assert self.sum_promised() == {
            CPU: sum(reservation.need.ram_bytes for reservation in held),
            GPU: sum(reservation.need.gpu_bytes for reservation in held if reservation.device == GPU),
        }

    def ceiling(self, device: DeviceId) -> int:
        return LIMITS[device] - MARGIN[device] - (self.least_own if device == CPU else 0)

    def ever_fits(self, device: DeviceId, need: MemoryNeed) -> bool:
        return all(asked <= self.ceiling(name) for name, asked in demands(device, need).items())

    def sum_promised(self) -> Mapping[DeviceId, int]:
        return {device: self.ledger.promised_bytes(device) for device in LIMITS}


TestLedger = LedgerMachine.TestCase


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    owners = draw(st.lists(st.sampled_from(OWNERS), unique=True))
    return Account(
        limit_bytes=100,
        used_bytes=draw(SIZES),
        own_bytes=draw(st.sampled_from([0, 10, 30])),
        margin_bytes=draw(st.sampled_from([0, 10])),
        promised={owner: draw(SIZES) for owner in owners},
        held={owner: draw(st.none() | SIZES) for owner in draw(st.lists(st.sampled_from(OWNERS), unique=True))},
        others_bytes=draw(st.none() | st.sampled_from([0, 10, 50])),
    )


@given(accounts(), SIZES)
def test_free_is_exactly_what_a_newcomer_is_admitted_with(account: Account, size: int) -> None:
    assert admits(account, "newcomer", size) == (size == 0 or size <= account.free_bytes)


@given(accounts(), st.sampled_from(OWNERS), SIZES)
def test_giving_back_restores_the_books(account: Account, owner: str, size: int) -> None:
    restored = account.with_promise(owner, size).with_promise(owner, -size)
    assert restored.free_bytes == account.free_bytes
    assert restored.promised_bytes == account.promised_bytes


@given(accounts(), SIZES, SIZES)
def test_free_never_grows_with_use_or_promises(account: Account, used: int, size: int) -> None:
    known = {owner: held for owner, held in account.held.items() if held is not None}
    less_used = replace(account, held=known)
    more_used = replace(less_used, used_bytes=account.used_bytes + used)
    assert more_used.free_bytes <= less_used.free_bytes
    assert account.with_promise("newcomer", size).free_bytes <= account.free_bytes


@given(st.permutations([("a", 30), ("b", 45), ("c", 10)]), accounts())
def test_what_fits_together_fits_in_any_order(order: Sequence[tuple[str, int]], account: Account) -> None:
    together = account
    for owner, size in sorted(order):
        together = together.with_promise(owner, size)
    if together.is_sound:
        for owner, size in order:
            assert admits(account, owner, size)
            account = account.with_promise(owner, size)
        assert account.free_bytes == together.free_bytes


@given(st.lists(st.sampled_from([1, 3, 6]), min_size=1, max_size=12), st.integers(0, 3))
def test_nobody_is_passed_more_often_than_allowed(sizes: Sequence[int], most_passes: int) -> None:
    line = [Waiter(number, "w", CPU, MemoryNeed(size)) for number, size in enumerate(sizes)]
    held: list[int] = []
    passed = [0] * len(sizes)

    def fits(waiter: Waiter) -> bool | None:
        return waiter.need.ram_bytes + sum(held) <= 6 or None

    while line:
        served = first_served(line, fits, most_passes=most_passes)
        if served is None:
            assert held, "nobody holds anything, and still nobody is served"
            held.pop()
            continue
        line = after_serving(line, served[0])
        held.append(served[0].need.ram_bytes)
        for waiter in line:
            passed[waiter.number] += waiter.number < served[0].number
    assert max(passed) <= most_passes
