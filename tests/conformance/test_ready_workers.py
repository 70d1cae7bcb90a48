"""A worker that is ready holds all that its pages need: no page loads a library, and none ends it under a limit."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.data import make_pages
from tests.data.pdfs import PdfPageSpec, image_at, make_pdf, text_at
from tests.data.pictures import as_picture, write_lines
from tests.fixtures.pool import QUICK, Outcomes, WorkerMaker

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import MIB
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.domain.work.outcomes import PageFailed, PageNeedsOcr, PageRead
from pagemill.domain.work.recognition import ChunkParams, RecognitionOptions, Stage
from pagemill.engines.registry import engine_specs, unusable_engines
from pagemill.pool.messages import Load
from pagemill.pool.placement import LocalPlacement
from pagemill.pool.sandbox.desks import Sandbox
from pagemill.pool.worker import Worker

ENGINES = ("tesseract", "rapidocr", "rapidocr-onnx")
SPARE = (0, 20, 60, 250)
"""MiB that a limit leaves to a ready worker: from too little for any page to enough for all."""

READER_ROOM = 100 * MIB
"""Less than a reader ever has, and less than numpy and OpenCV take if each starts a thread for each core."""


@pytest.fixture(params=[False, True], ids=["unconfined", "confined"])
async def workers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[WorkerMaker]:
    sandbox = Sandbox(tmp_path / "data") if request.param else None
    patient = replace(QUICK, start_limit=timedelta(seconds=60))
    maker = WorkerMaker(patient, placement=LocalPlacement(sandbox=sandbox))
    yield maker
    await maker.stop()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if reason := unusable_engines(engine_specs()).get(name):
        pytest.skip(reason)
    return name


@pytest.fixture
def inked(tmp_path: Path) -> Path:
    path = tmp_path / "inked.png"
    make_pages.text_page().save(path)
    return path


async def ready(workers: WorkerMaker, engine: str, *, limit_bytes: int | None = None) -> Worker:
    spec = engine_specs()[engine]
    config = EngineConfig(spec.profiles[0].name, languages=spec.profiles[0].default_languages)
    worker = await workers.bare()
    await worker.load(Load(factory=spec.factory, config=config, files=spec.files, data_limit_bytes=limit_bytes))
    return worker


def params(path: Path, engine: str, stage: Stage = Stage.OCR) -> ChunkParams:
    return ChunkParams(str(path), (1,), stage, RecognitionOptions(engine=engine), page_timeout_s=60)


def libraries(worker: Worker) -> set[str]:
    lines = Path(f"/proc/{worker.pid}/maps").read_text().splitlines()
    return {line.split()[-1] for line in lines if ".so" in line}


def threads(worker: Worker) -> int:
    return len(list(Path(f"/proc/{worker.pid}/task").iterdir()))


def list_warnings(worker: Worker) -> list[str]:
    return Path(f"/proc/{worker.pid}/environ").read_text().split("\0")


def data_bytes(worker: Worker) -> int:
    lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))


async def test_the_first_page_loads_no_library_and_starts_no_thread(
    workers: WorkerMaker, engine: str, inked: Path
) -> None:
    worker = await ready(workers, engine)
    before = libraries(worker), threads(worker)
    pages = Outcomes()
    await worker.process(params(inked, engine), pages)
    assert isinstance(pages.seen[0], PageRead)
    assert (libraries(worker) - before[0], threads(worker)) == (set(), before[1])


async def test_a_page_beyond_a_limit_fails_and_its_worker_lives(workers: WorkerMaker, engine: str, inked: Path) -> None:
    held = data_bytes(await ready(workers, engine))
    reasons = []
    for spare in SPARE:
        worker = await ready(workers, engine, limit_bytes=held + spare * MIB)
        pages = Outcomes()
        outcome = await worker.process(params(inked, engine), pages)
        assert outcome.loss is None, (spare, outcome.loss)
        reasons.append(pages.seen[0].reason if isinstance(pages.seen[0], PageFailed) else None)
        await worker.stop()
    assert reasons[0] is TaskFailureReason.OUT_OF_MEMORY
    assert reasons[-1] is None
    assert set(reasons) == {TaskFailureReason.OUT_OF_MEMORY, None}


async def test_a_reader_looks_at_a_picture_within_its_room(workers: WorkerMaker, tmp_path: Path) -> None:
    picture = as_picture(write_lines(("IBAN DE44 5001 0517", "BIC COBADEFF"), size=(400, 150), font=22))
    content = image_at(306, 60, 200, 75) + text_at(12, 560, "This line is text and stays as it is")
    path = make_pdf(tmp_path / "mixed.pdf", [PdfPageSpec(content, images=(picture,))])
    worker = await workers.bare()
    await worker.load(Load(visible_gpus=""))
    assert not any("numpy" in library for library in libraries(worker))
    pages = Outcomes()
    outcome = await worker.process(params(path, "tesseract", Stage.TEXT), pages, room_bytes=READER_ROOM)
    assert outcome.loss is None
    assert pages.seen == [PageNeedsOcr(1)]
    assert any("libopenblas" in library for library in libraries(worker)), "it looked at no ink"


async def test_a_worker_is_told_of_few_threads(workers: WorkerMaker) -> None:
    environment = list_warnings(await workers.bare())
    assert {"OPENBLAS_NUM_THREADS=1", "OPENCV_FOR_THREADS_NUM=1"} <= set(environment)
