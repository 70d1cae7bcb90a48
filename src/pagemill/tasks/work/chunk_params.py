"""The parameters of a chunk for its service: a pure decision, from the lease and the learned batch sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pagemill.domain.memory import DeviceId
from pagemill.domain.page.page import PageWarning, WarningKind
from pagemill.domain.task.task import PageLease, Rung
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec, find_profile
from pagemill.domain.work.recognition import ChunkParams, ModelSetKey, Stage
from pagemill.tasks.decisions.assistance import remedy_for
from pagemill.tasks.decisions.ladder import Footing, footing
from pagemill.tasks.work.batch_sizes import BatchSizes


@dataclass(frozen=True)
class ChunkRules:
    """Rules for every chunk.

    Attributes:
        page_timeout: Longest time for one page.
        reduction: Factor for the batch size on every rung of the out-of-memory ladder.
    """

    page_timeout: timedelta = timedelta(seconds=120)
    reduction: float = 0.5


class ChunkParamsMaker:
    """Makes the parameters of chunks."""

    def __init__(self, rules: ChunkRules, *, engines: Mapping[str, EngineSpec], sizes: BatchSizes) -> None:
        self._rules = rules
        self._engines = engines
        self._sizes = sizes

    def make(self, lease: PageLease, device: DeviceId) -> ChunkParams:
        """The parameters of a chunk on a device."""
        if lease.stage is Stage.TEXT:
            return self._params(lease, None)
        return self._params(lease, self.footing(lease, device))

    def footing(self, lease: PageLease, device: DeviceId) -> Footing:
        """How to read the lease's pages, according to the highest rung among them."""
        options = lease.options
        batch_size = self._sizes.limit(self._key(lease, device), lease.pixels, self._usual_size(lease))
        rung = max(lease.rungs, default=Rung.USUAL)
        return footing(rung, batch_size=batch_size, reduction=self._rules.reduction, dpi=options.dpi)

    def learn(self, lease: PageLease, device: DeviceId) -> None:
        """Note that a page of this lease was read; if it needed a smaller batch, its shape starts with that."""
        if any(lease.rungs):
            batch_size = self.footing(lease, device).batch_size
            self._sizes.remember_fit(self._key(lease, device), lease.pixels, batch_size)

    def _batch_size(self, footed: Footing | None, lease: PageLease) -> int | None:
        """The batch size to request; None leaves it to the engine if nothing has failed."""
        usual = self._usual_size(lease)
        return footed.batch_size if footed is not None and footed.batch_size < usual else None

    def _usual_size(self, lease: PageLease) -> int:
        return self._profile(lease).batch_size

    def _key(self, lease: PageLease, device: DeviceId) -> ModelSetKey:
        return ModelSetKey.of(lease.options, device, self._profile(lease))

    def _profile(self, lease: PageLease) -> EngineProfile:
        _, profile = find_profile(self._engines, lease.options.engine, lease.options.profile)
        return profile

    def _params(self, lease: PageLease, footed: Footing | None) -> ChunkParams:
        dpi = footed.dpi if footed is not None else lease.options.dpi
        lowered = dpi < lease.options.dpi
        return ChunkParams(
            document=lease.document.path,
            pages=lease.pages,
            stage=lease.stage,
            options=lease.options.model_copy(update={"dpi": dpi}),
            batch_size=self._batch_size(footed, lease),
            page_timeout_s=self._rules.page_timeout.total_seconds(),
            pixels=lease.pixels,
            climbed=any(lease.rungs),
            remedy=remedy_for(self._engines, lease.options) if footed is not None else "",
            notes=(_lower_resolution_warning(dpi, lease.options.dpi),) if lowered else (),
        )


def _lower_resolution_warning(dpi: int, wanted: int) -> PageWarning:
    message = f"Memory ran out, so this page was read at {dpi} dpi instead of {wanted} dpi."
    return PageWarning(kind=WarningKind.LOWER_RESOLUTION, message=message)
