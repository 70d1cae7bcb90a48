"""The out-of-memory ladder: how a page that did not fit is tried next. Pure decisions.

    usual ─▶ smaller batch ─▶ fresh process ─▶ alone on the device ─▶ another device ─▶ lower resolution ─▶ quarantine

A batch is the text lines in one run of an engine's recognition model; the engines that come with Pagemill read many at
once on a GPU only, so that on the CPU the first rung is a fresh process.

Every failure for want of memory climbs to the next rung that can change anything for this page; endless retries are a
trap. Each rung keeps what the ones below it changed. How much memory is promised is not decided here: the estimator
learns from every failure that more is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pagemill.domain.memory import CPU, DeviceId
from pagemill.domain.task.task import Rung

LOWEST_DPI = 100
"""Below this, print of the usual size is no longer read."""


@dataclass(frozen=True)
class Situation:
    """What decides which rungs can help.

    Attributes:
        device: Where the page failed.
        devices: All devices its engine can use.
        batch_size: Most lines that were in one run of the engine.
        dpi: Resolution it was rendered at; None for an image, which is as it is.
        may_lower_resolution: The caller allowed it.
    """

    device: DeviceId
    devices: Sequence[DeviceId]
    batch_size: int
    dpi: int | None
    may_lower_resolution: bool

    @property
    def fallback(self) -> DeviceId | None:
        """The CPU, for work that failed on a GPU: host memory is the largest and the last to run out."""
        return CPU if self.device != CPU and CPU in self.devices else None


@dataclass(frozen=True)
class Footing:
    """How a page on a rung is to be worked; that it runs alone from `Rung.ALONE` on is seen to by the plan.

    Attributes:
        batch_size: Most lines in one run of the engine.
        fresh: In a process that has done nothing before.
        dpi: Resolution to render at.
    """

    batch_size: int
    fresh: bool
    dpi: int


def next_rung(rung: Rung, situation: Situation) -> Rung | None:
    """The next rung that can help; None where there is none and the page is to be quarantined."""
    return next((above for above in Rung if above > rung and _helps(above, situation)), None)


def footing(rung: Rung, *, batch_size: int, reduction: float, dpi: int) -> Footing:
    """How to work a page on a rung.

    Args:
        rung: Where it stands.
        batch_size: The batch it would have on the lowest rung.
        reduction: What a batch is multiplied by for every rung climbed.
        dpi: The resolution that was asked for.
    """
    return Footing(
        batch_size=max(1, int(batch_size * reduction**rung)),
        fresh=rung >= Rung.FRESH_PROCESS,
        dpi=max(min(LOWEST_DPI, dpi), dpi // 2) if rung >= Rung.LOWER_RESOLUTION else dpi,
    )


def _helps(rung: Rung, situation: Situation) -> bool:
    if rung is Rung.SMALLER_BATCH:
        return situation.batch_size > 1
    if rung is Rung.OTHER_DEVICE:
        return situation.fallback is not None
    if rung is Rung.LOWER_RESOLUTION:
        return situation.may_lower_resolution and situation.dpi is not None and situation.dpi > LOWEST_DPI
    return True
