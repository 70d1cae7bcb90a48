"""A disk without a free byte: no worker can be given a document, which is said, costs no page, and passes by itself."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from proofs.volume import Volume, small_volume
from tests.fixtures.pool import PAGES, PATIENCE, Outcomes, Yard, chunk, make_yard

from pagemill.domain.errors import PoolExhausted
from pagemill.domain.memory import CPU
from pagemill.domain.work.recognition import READER, Stage
from pagemill.pool.file_makers import PooledPageDrawer
from pagemill.pool.inspection import PooledInspector
from pagemill.pool.placement import LocalPlacement
from pagemill.pool.pool_config import PoolConfig
from pagemill.pool.sandbox.desks import Sandbox

POOL = PoolConfig(services={CPU: 1}, inspect_limit=PATIENCE, inspect_wait=PATIENCE)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    """For desks only: the document lies elsewhere, so that it must be copied to them."""
    with small_volume(tmp_path, size_mib=8) as made:
        if made.why_not:
            pytest.skip(made.why_not)
        yield made


@asynccontextmanager
async def on_volume(volume: Volume) -> AsyncIterator[Yard]:
    yard = make_yard(pool=POOL, placement=LocalPlacement(sandbox=Sandbox(volume.folder / "data")))
    await yard.pool.start()
    try:
        yield yard
    finally:
        await yard.pool.stop()
        assert yard.admission.reservations == ()


async def read(yard: Yard, document: Path) -> list[int]:
    """The pages that a reader reads of it."""
    reader = await yard.pool.acquire(device=CPU, engine=READER, wait=PATIENCE)
    pages = Outcomes()
    try:
        await reader.process("task", chunk(document, 1, 2, stage=Stage.TEXT), pages)
    finally:
        await yard.pool.release(reader)
    return pages.numbers


def copy_to(document: Path, to: Path) -> Path:
    """One that lies on no desk yet."""
    to.write_bytes(document.read_bytes())
    return to


@pytest.mark.parametrize("has_worker", [True, False], ids=["a worker is there", "none is there"])
@pytest.mark.parametrize("use", ["read", "inspect", "draw"])
async def test_work_waits_for_room_and_then_is_done(
    volume: Volume, document: Path, tmp_path: Path, use: str, *, has_worker: bool
) -> None:
    async with on_volume(volume) as yard:
        inspector = PooledInspector(POOL, yard.pool)
        drawer = PooledPageDrawer(yard.pool, wait=PATIENCE, limit=PATIENCE)

        async def work() -> object:
            match use:
                case "read":
                    return await read(yard, document)
                case "inspect":
                    return (await inspector.inspect(str(document))).page_count
                case _:
                    await drawer.draw(str(document), 1, rotation=0, path=tmp_path / "picture")
                    return await asyncio.to_thread((tmp_path / "picture").is_file)

        if has_worker:
            await work()
            document = await asyncio.to_thread(copy_to, document, tmp_path / "other.pdf")
        workers = [one.pid for one in yard.pool.snapshot().model_sets]
        volume.fill()
        with pytest.raises(PoolExhausted, match="The disk is full") as caught:
            await work()
        assert caught.value.details["retry_after_s"]
        assert [one.pid for one in yard.pool.snapshot().model_sets] == workers, "no worker is lost by it"
        volume.empty()
        assert await work() in ([1, 2], PAGES, True)
