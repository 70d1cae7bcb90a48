"""Scans 30,000 pixels long, strips one pixel wide, long receipts: read whole, in the memory their engine promises."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image
from tests.data import make_pages
from tests.fixtures.server import Server

from pagemill.domain.memory import MIB
from pagemill.domain.task.task import TaskStatus
from pagemill.engines.registry import engine_specs, unusable_engines
from pagemill.wire.receipt_wire import ReceiptWire

LINES = make_pages.ENGLISH
RECEIPT = [f"{line} {number}" for number in range(12) for line in LINES]


def tall_receipt() -> Image.Image:
    return make_pages.text_page(RECEIPT, width=640, height=9000, size=24)


def wide_scan() -> Image.Image:
    return make_pages.text_page(LINES, width=30_000, height=3000, size=40).convert("1")


SHAPES: dict[str, tuple[Callable[[], Image.Image], int]] = {
    "a strip down": (lambda: make_pages.blank_page(1, 30_000), 0),
    "a strip across": (lambda: make_pages.blank_page(30_000, 1), 0),
    "a long receipt": (tall_receipt, len(RECEIPT)),
    "a long receipt on its side": (lambda: tall_receipt().rotate(90, expand=True), len(RECEIPT)),
    "30,000 rows": (lambda: make_pages.text_page(LINES, width=1200, height=30_000, size=40).convert("1"), len(LINES)),
    "30,000 columns, 90 megapixels": (wide_scan, len(LINES)),
}
"""The page, and how many lines stand on it."""


@pytest.fixture(scope="module", params=["rapidocr", "tesseract"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server with one worker, and the engine to be asked for."""
    engine = str(request.param)
    if reason := unusable_engines(engine_specs()).get(engine):
        pytest.skip(reason)
    with Server(tmp_path_factory.mktemp(engine) / "data", settings={"POOL__SERVICES_PER_DEVICE": "1"}) as server:
        yield server, engine


def find_promised(engine: str, image: Image.Image) -> float:
    """The most that a worker may hold with this page, bytes, before anything was learned of others."""
    profile = engine_specs()[engine].profiles[0]
    pixels = min(image.width * image.height, profile.max_pixels)
    return (profile.seed.base + profile.seed.fixed).ram_bytes + profile.seed.ram_per_pixel * pixels


def test_odd_shapes_are_read_in_the_memory_that_is_promised(served: tuple[Server, str], tmp_path: Path) -> None:
    server, engine = served
    own = psutil.Process(server.process.pid)
    own_bytes = own.memory_info().rss
    for name, (make, lines) in SHAPES.items():
        image = make()
        image.save(tmp_path / f"{name}.png")
        task = server.api.read(tmp_path / f"{name}.png", engine=engine)
        assert task.status is TaskStatus.SUCCEEDED, name
        read = [line for line in server.api.text(task.task_id).splitlines() if line.strip("\f ")]
        assert len(read) == lines, (name, read)
        receipt = ReceiptWire.model_validate_json(server.api.http.get(f"/tasks/{task.task_id}/receipt").content)
        assert (receipt.rungs, receipt.retries, receipt.workers_lost) == ([], {}, {}), name
        assert 0 < (task.actual_memory_mb or 0) * MIB <= find_promised(engine, image), name
    assert own.memory_info().rss - own_bytes < 30 * MIB
