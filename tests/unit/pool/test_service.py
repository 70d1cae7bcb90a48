"""How far a service goes for its work."""

import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType

import pytest
from tests.fixtures.pool import Outcomes, chunk, make_yard

from pagemill.domain.memory import CPU
from pagemill.domain.work.recognition import READER
from pagemill.pool import model_manager
from pagemill.pool.messages import Export, Inspect, Inspected, Made, Render
from pagemill.pool.service import OCRService
from pagemill.testing.engines import FAULTY
from pagemill.testing.processes import FakePlacement

LIMIT = timedelta(seconds=5)


@contextmanager
def entries_into_the_manager() -> Iterator[list[str]]:
    """The functions of its module that other modules call or wake while the block runs."""
    entered: list[str] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        caller = frame.f_back
        is_inside = caller is not None and caller.f_code.co_filename == model_manager.__file__
        if event == "call" and frame.f_code.co_filename == model_manager.__file__ and not is_inside:
            entered.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        yield entered
    finally:
        sys.setprofile(None)


Work = Callable[[OCRService], Awaitable[object]]
WORKS: dict[str, tuple[str, Work]] = {
    "process": (FAULTY.name, lambda service: service.process("task", chunk(Path("a"), 1, 2), Outcomes())),
    "inspect": (READER, lambda service: service.ask(Inspect(path="a"), Inspected, limit=LIMIT)),
    "render": (
        READER,
        lambda service: service.ask(
            Render(document="a", page=1, dpi=72, max_pixels=9, rotation=0, path="b"), Made, limit=LIMIT
        ),
    ),
    "export": (READER, lambda service: service.ask(Export(document="a", pages="b", output="c"), Made, limit=LIMIT)),
}


@pytest.mark.parametrize("work", WORKS)
async def test_work_goes_from_the_service_to_its_worker_and_enters_the_manager_only_before_and_after(work: str) -> None:
    engine, do = WORKS[work]
    yard = make_yard(placement=FakePlacement())
    await yard.pool.release(await yard.pool.acquire(device=CPU, engine=engine))
    with entries_into_the_manager() as entered:
        service = await yard.pool.acquire(device=CPU, engine=engine)
        assert entered == ["acquire"]
        await do(service)
        assert entered == ["acquire"]
        await yard.pool.release(service)
    assert entered == ["acquire", "release"]
    await yard.models.stop()
