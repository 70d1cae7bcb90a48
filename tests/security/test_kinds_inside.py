"""Every kind of document is opened inside the sandbox, within a reader's memory, whatever it is made of."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from tests.data.animations import FORMS, MANY, animate
from tests.data.heic import make_heic
from tests.data.pdfs import PdfPageSpec, make_pdf, text_at
from tests.fixtures.pool import WorkerMaker
from tests.fixtures.sandboxing import needs_the_kernel

from pagemill.domain.documents import DocumentKind
from pagemill.domain.errors import DocumentError, OutOfMemory, PageUnreadable
from pagemill.pool.chunk_memory import DECODING_BYTES, OPENING_BYTES
from pagemill.pool.messages import Inspect, Inspected, Load, Made, Render
from pagemill.pool.placement import LocalPlacement
from pagemill.pool.sandbox.desks import Sandbox
from pagemill.pool.worker import Worker

pytestmark = needs_the_kernel

LIMIT = timedelta(seconds=30)
MOST_PAGES = 5000


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Worker]:
    (tmp_path / "data" / "uploads").mkdir(parents=True)
    workers = WorkerMaker(placement=LocalPlacement(sandbox=Sandbox(tmp_path / "data")))
    worker = await workers.bare()
    await worker.load(Load(visible_gpus=""))
    yield worker
    await workers.stop()


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    return tmp_path / "data" / "uploads" / "document"


def write(kind: DocumentKind, path: Path) -> Path:
    match kind:
        case DocumentKind.PDF:
            return make_pdf(path, [PdfPageSpec(text_at(72, 700, "typed"))])
        case DocumentKind.HEIC:
            return make_heic(path)
        case _:
            Image.new("RGB", (200, 300), "white").save(path, kind.upper())
            return path


async def look(reader: Worker, path: Path) -> int:
    """Inspect it as the service does, and draw its last page."""
    request = Inspect(path=str(path), max_pages=MOST_PAGES, room_bytes=OPENING_BYTES)
    info = (await reader.ask(request, Inspected, limit=LIMIT)).info
    drawn = path.with_suffix(".jpg")
    asked = Render(
        document=str(path),
        page=info.page_count,
        dpi=72,
        max_pixels=10**6,
        rotation=0,
        path=str(drawn),
        room_bytes=DECODING_BYTES,
    )
    await reader.ask(asked, Made, limit=LIMIT)
    assert drawn.read_bytes()[:2] == b"\xff\xd8"
    return info.page_count


async def test_each_kind_and_each_animation_is_opened_and_drawn_inside(reader: Worker, upload: Path) -> None:
    for kind in DocumentKind:
        assert await look(reader, write(kind, upload.with_name(f"one-{kind}"))) == 1, kind
    frames = [Image.new("RGB", (200, 300), shade) for shade in ("white", "red", "black")]
    for form in FORMS:
        assert await look(reader, animate(upload.with_name(form), form, frames)) == 3, form
    assert await look(reader, make_heic(upload, pictures=3)) == 3


def hostile(folder: Path) -> Iterator[Path]:
    """Each of every kind: cut off, a hundred thousand pictures, huge pictures."""
    for kind in DocumentKind:
        content = write(kind, folder / kind).read_bytes()
        for kept in (0.2, 0.5, 0.9):
            yield _write_file(folder / f"{kind}-{kept}", content[: int(kept * len(content))])
    for form in FORMS:
        yield MANY[form](folder / f"many-{form}", 100_000)
    yield make_heic(folder / "many-heic", pictures=100_000)
    for pictures in (1, 20):
        yield make_heic(folder / f"huge-heic-{pictures}", pictures=pictures, claimed=(32_000, 32_000))
    huge = bytearray(MANY["GIF"](folder / "huge-gif", 2).read_bytes())
    huge[6:10] = b"\x28\x23\x28\x23"
    yield _write_file(folder / "huge-gif", bytes(huge))
    huge = bytearray(MANY["WEBP"](folder / "huge-webp", 2).read_bytes())
    at = huge.index(b"VP8X") + 12
    huge[at : at + 6] = b"\x28\x23\x00" * 2
    yield _write_file(folder / "huge-webp", bytes(huge))


async def test_hostile_documents_of_every_kind_are_refused_and_the_reader_lives(reader: Worker, upload: Path) -> None:
    for path in hostile(upload.parent):
        is_only_cut = path.name.startswith(tuple(DocumentKind))
        with suppress(DocumentError, PageUnreadable, OutOfMemory):
            await look(reader, path)
            assert is_only_cut, path.name
    assert await look(reader, write(DocumentKind.PNG, upload)) == 1


def _write_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
