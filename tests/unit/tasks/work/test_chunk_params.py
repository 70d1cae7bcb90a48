"""The batch a page is read with: smaller by rung, and from the start for pages of a shape that needed it."""

from datetime import UTC, datetime

import pytest

from pagemill.domain.memory import DeviceId, MemoryNeed, MemorySeed
from pagemill.domain.task.task import PageLease, Rung, StoredDocument
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.domain.work.recognition import RecognitionOptions, Stage
from pagemill.tasks.work.batch_sizes import BatchSizes
from pagemill.tasks.work.chunk_params import ChunkParamsMaker, ChunkRules

GPU = DeviceId("cuda:0")
OTHER_GPU = DeviceId("cuda:1")
A4 = 1654 * 2339
SPEC = EngineSpec("batching", "nowhere:nothing", (EngineProfile("accurate", MemorySeed(MemoryNeed(1), batch_size=8)),))


@pytest.fixture
def maker() -> ChunkParamsMaker:
    return ChunkParamsMaker(ChunkRules(), engines={SPEC.name: SPEC}, sizes=BatchSizes())


def lease(rung: Rung = Rung.USUAL, *, pixels: int = A4) -> PageLease:
    document = StoredDocument("/a", "a.pdf", 1, "0" * 64)
    options = RecognitionOptions(engine=SPEC.name)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return PageLease("a", 1, Stage.OCR, (7,), (0,), (0,), document, options, now, rungs=(rung,), pixels=pixels)


def batch_size(maker: ChunkParamsMaker, lease: PageLease, device: DeviceId = GPU) -> int | None:
    return maker.make(lease, device).batch_size


def test_an_engine_that_failed_at_nothing_is_left_its_own_batch(maker: ChunkParamsMaker) -> None:
    assert batch_size(maker, lease()) is None


def test_each_rung_halves_it(maker: ChunkParamsMaker) -> None:
    rungs = (Rung.SMALLER_BATCH, Rung.FRESH_PROCESS, Rung.ALONE, Rung.OTHER_DEVICE)
    assert [batch_size(maker, lease(rung)) for rung in rungs] == [4, 2, 1, 1]


def test_pages_of_a_shape_that_needed_a_smaller_one_start_with_it(maker: ChunkParamsMaker) -> None:
    maker.learn(lease(Rung.SMALLER_BATCH), GPU)
    assert batch_size(maker, lease()) == 4
    assert batch_size(maker, lease(Rung.SMALLER_BATCH)) == 2
    assert batch_size(maker, lease(pixels=4 * A4)) is None
    assert batch_size(maker, lease(), OTHER_GPU) is None


def test_what_a_page_needed_on_its_usual_rung_is_no_news(maker: ChunkParamsMaker) -> None:
    maker.learn(lease(), GPU)
    assert batch_size(maker, lease()) is None
