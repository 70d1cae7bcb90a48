"""The out-of-memory ladder: how to retry a page that did not fit. Pure decisions.

    usual ─▶ smaller batch ─▶ fresh process ─▶ alone on the device ─▶ another device
                                    ▲                                      │
                                    └────────── on a larger node ◀─────────┴─▶ lower resolution ─▶ quarantine

A batch is the text lines in one run of an engine's recognition model. Pagemill's engines read many lines at once only
on a GPU, so on the CPU the first rung is a fresh process.

Every out-of-memory failure takes the page to the next rung that can change anything for it, so retries always end. Each
rung keeps the changes of the lower ones. The size of the reservation is not decided here: the estimator learns from
every failure that the page needs more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pagemill.domain.memory import CPU, DeviceId
from pagemill.domain.task.task import Rung

LOWEST_DPI = 100
"""Below this resolution, engines cannot read print of normal size."""


@dataclass(frozen=True)
class Situation:
    """The facts that decide which rungs can help.

    Attributes:
        device: Where the page failed.
        devices: All devices that its engine can use.
        batch_size: Maximum lines in one run of the engine.
        dpi: Resolution of the rendered page; None for an image, whose resolution is fixed.
        may_lower_resolution: Whether the caller allowed a lower resolution.
        has_larger_node: Another node has notably more memory.
    """

    device: DeviceId
    devices: Sequence[DeviceId]
    batch_size: int
    dpi: int | None
    may_lower_resolution: bool
    has_larger_node: bool = False

    @property
    def fallback(self) -> DeviceId | None:
        """The CPU, for work that failed on a GPU: host memory is the largest and the last to run out."""
        return CPU if self.device != CPU and CPU in self.devices else None


@dataclass(frozen=True)
class Footing:
    """How to read a page on a rung. From `Rung.ALONE` on, the plan lets it run alone.

    Attributes:
        batch_size: Maximum lines in one run of the engine.
        fresh: In a process that has not read anything before.
        dpi: Resolution for rendering.
    """

    batch_size: int
    fresh: bool
    dpi: int


def next_rung(rung: Rung, situation: Situation) -> Rung | None:
    """The next rung that can help; None if there is none, and the page goes to quarantine."""
    return next((above for above in Rung if above > rung and _helps(above, situation)), None)


def footing(rung: Rung, *, batch_size: int, reduction: float, dpi: int) -> Footing:
    """How to read a page on a rung.

    Args:
        rung: The rung of the page.
        batch_size: The batch size on the lowest rung.
        reduction: Factor for the batch size for every rung climbed.
        dpi: The requested resolution.
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
    if rung is Rung.LARGER_NODE:
        return situation.has_larger_node
    if rung is Rung.LOWER_RESOLUTION:
        return situation.may_lower_resolution and situation.dpi is not None and situation.dpi > LOWEST_DPI
    return True
