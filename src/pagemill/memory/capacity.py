"""How many services of each kind fit on each device, and why no more: for `pagemill doctor`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pagemill.domain.memory import CPU, MIB, DeviceId, MemoryNeed, demands
from pagemill.domain.ports import MemoryEstimator
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.memory.admission import Account

A4_PIXELS = 1654 * 2339
"""An A4 page at 200 dpi."""


@dataclass(frozen=True)
class Capacity:
    """How many services of one kind fit on one device.

    Attributes:
        key: Engine, profile and device.
        pixels: Pixels of the page in this calculation.
        need: The peak of one service on such a page.
        now: How many more can start now.
        at_most: How many could run if nothing else did.
        reason: The calculation, in one sentence.
    """

    key: ModelSetKey
    pixels: int
    need: MemoryNeed
    now: int
    at_most: int
    reason: str


def capacities(
    specs: Iterable[EngineSpec],
    accounts: Mapping[DeviceId, Account],
    estimator: MemoryEstimator,
    *,
    pixels: int = A4_PIXELS,
) -> Sequence[Capacity]:
    """One entry for each profile of each engine on each device it can use."""
    return [
        _capacity(
            ModelSetKey(spec.name, profile.name, (), device), accounts, estimator, min(pixels, profile.max_pixels)
        )
        for spec in specs
        for profile in spec.profiles
        for device in accounts
        if device.partition(":")[0] in spec.device_kinds
    ]


def _capacity(
    key: ModelSetKey, accounts: Mapping[DeviceId, Account], estimator: MemoryEstimator, pixels: int
) -> Capacity:
    need = estimator.peak(key, pixels=pixels)
    asked = {device: size for device, size in demands(key.device, need).items() if size}
    at_most = min(accounts[device].ceiling.size_bytes // size for device, size in asked.items())
    now = min(accounts[device].free_bytes // size for device, size in asked.items())
    narrowest = min(asked, key=lambda device: accounts[device].ceiling.size_bytes // asked[device])
    return Capacity(key, pixels, need, now, at_most, _reason(narrowest, accounts[narrowest], asked[narrowest]))


def _reason(device: DeviceId, account: Account, size_bytes: int) -> str:
    name = "host memory" if device == CPU else f"memory of {device}"
    sizes = (account.ceiling.size_bytes, account.limit_bytes, account.margin_bytes, account.own_bytes, size_bytes)
    capacity, limit, margin, own, need = (round(size / MIB) for size in sizes)
    return (
        f"Pagemill can reserve {capacity} MiB of {name} ({limit} less {margin} kept free and {own} for the server "
        f"itself), and one service takes up to {need} MiB."
    )
