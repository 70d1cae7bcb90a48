"""A page that no reader survives is the page's fault, and says so; what becomes of a reader by chance costs nobody."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.pool import PATIENCE, make_yard

from pagemill.domain.errors import PagemillError
from pagemill.domain.memory import CPU
from pagemill.pool.file_makers import PooledPageDrawer, PooledPdfMaker
from pagemill.pool.messages import Export, Failed, Render, Reply, Request
from pagemill.pool.pool_config import PoolConfig
from pagemill.testing.processes import FakePlacement, answer
from pagemill.web.problems import PROBLEMS

A_MOMENT = timedelta(milliseconds=50)
POOL = PoolConfig(services={CPU: 2})
STORIES: dict[str, tuple[Sequence[str], str | None]] = {
    "fine": (["fine"], None),
    "one chance death": (["crash", "fine"], None),
    "two deaths": (["crash", "crash"], "it crashes the program"),
    "no memory, then enough": (["OutOfMemory", "fine"], None),
    "no memory twice": (["OutOfMemory", "OutOfMemory"], "more memory than is allowed"),
    "a death, then no memory": (["crash", "OutOfMemory"], "more memory than is allowed"),
    "no memory, then a death": (["OutOfMemory", "crash"], "it crashes the program"),
    "too slow": (["nothing"], "takes too long"),
    "a death, then too slow": (["crash", "nothing"], "takes too long"),
    "damaged": (["PageUnreadable"], "It says why"),
}


@pytest.mark.parametrize("makes_pdf", [False, True], ids=["a picture", "a PDF"])
@pytest.mark.parametrize("story", STORIES)
async def test_two_readers_decide(story: str, *, makes_pdf: bool, tmp_path: Path) -> None:
    events, blame = STORIES[story]
    placement = FakePlacement()
    asked: list[str] = []

    def answers(request: Request) -> Sequence[Reply]:
        if not isinstance(request, Render | Export):
            return answer(request)
        asked.append(event := events[len(asked)])
        if event == "crash":
            asyncio.get_running_loop().call_soon(placement.end_all)
        if event in ("crash", "nothing"):
            return []
        return answer(request) if event == "fine" else [Failed(error=event, message="It says why.")]

    placement._answers = answers
    limit = A_MOMENT if "nothing" in events else PATIENCE
    outcome: PagemillError | None = None
    yard = make_yard(pool=POOL, placement=placement)
    await yard.pool.start()
    try:
        if makes_pdf:
            maker = PooledPdfMaker(yard.pool, wait=PATIENCE, limit=limit)
            await maker.make("a", pages=tmp_path / "pages", page_count=0, output=tmp_path / "out", inert=False)
        else:
            drawer = PooledPageDrawer(yard.pool, wait=PATIENCE, limit=limit)
            await drawer.draw("a", 1, rotation=0, path=tmp_path / "out")
    except PagemillError as error:
        outcome = error
    finally:
        await yard.pool.stop()
    assert yard.admission.reservations == ()
    assert asked == list(events)
    if blame is None:
        assert outcome is None
        return
    assert outcome is not None
    assert blame in outcome.message
    assert not outcome.retryable
    assert 400 <= PROBLEMS[outcome.code][0] < 500
