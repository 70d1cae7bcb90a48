"""The out-of-memory ladder: how a page that did not fit is tried next. Pure decisions.

    usual ─▶ smaller batch ─▶ fresh process ─▶ alone on the device ─▶ another device ─▶ lower resolution ─▶ quarantine

Every failure for want of memory climbs to the next rung that can change anything for this page; endless retries are a
trap. Each rung keeps what the ones below it changed. How much memory is promised is not decided here: the estimator
learns from every failure that more is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from pagemill.domain.memory import CPU, DeviceId

LOWEST_DPI = 100
"""Below this, print of the usual size is no longer read."""


class Rung(IntEnum):
    """How far a page has climbed."""

    USUAL = 0
    SMALLER_BATCH = 1
    FRESH_PROCESS = 2
    ALONE = 3
    OTHER_DEVICE = 4
    LOWER_RESOLUTION = 5


@dataclass(frozen=True)
class Situation:
    """What decides which rungs can help.

    Attributes:
        device: Where the page failed.
        devices: All devices its engine can use.
        dpi: Resolution it was rendered at; None for an image, which is as it is.
        may_lower_resolution: The caller allowed it.
    """

    device: DeviceId
    devices: Sequence[DeviceId]
    dpi: int | None
    may_lower_resolution: bool


@dataclass(frozen=True)
class Footing:
    """How a page on a rung is to be worked.

    Attributes:
        batch_size: Most lines in one run of the engine.
        fresh: In a process that has done nothing before.
        alone: With no other work on the device.
        device: Where.
        dpi: Resolution to render at; None as it is.
    """

    batch_size: int
    fresh: bool
    alone: bool
    device: DeviceId
    dpi: int | None


def next_rung(rung: Rung, situation: Situation) -> Rung | None:
    """The next rung that can help; None where there is none and the page is to be quarantined."""
    return next((above for above in Rung if above > rung and _helps(above, situation)), None)


def footing(rung: Rung, situation: Situation, *, batch_size: int, reduction: float) -> Footing:
    """How to work a page on a rung.

    Args:
        rung: Where it stands.
        situation: As it was planned at first.
        batch_size: The engine's usual batch.
        reduction: What a batch is multiplied by for every rung climbed.
    """
    return Footing(
        batch_size=max(1, int(batch_size * reduction**rung)),
        fresh=rung >= Rung.FRESH_PROCESS,
        alone=rung >= Rung.ALONE,
        device=_device(rung, situation),
        dpi=_dpi(rung, situation),
    )


def _helps(rung: Rung, situation: Situation) -> bool:
    if rung is Rung.OTHER_DEVICE:
        return _other_device(situation) is not None
    if rung is Rung.LOWER_RESOLUTION:
        return situation.may_lower_resolution and situation.dpi is not None and situation.dpi > LOWEST_DPI
    return True


def _other_device(situation: Situation) -> DeviceId | None:
    """The CPU, for work that failed on a GPU: host memory is the largest and the last to run out."""
    return CPU if situation.device != CPU and CPU in situation.devices else None


def _device(rung: Rung, situation: Situation) -> DeviceId:
    other = _other_device(situation) if rung >= Rung.OTHER_DEVICE else None
    return other or situation.device


def _dpi(rung: Rung, situation: Situation) -> int | None:
    if rung < Rung.LOWER_RESOLUTION or situation.dpi is None:
        return situation.dpi
    return max(LOWEST_DPI, situation.dpi // 2)
