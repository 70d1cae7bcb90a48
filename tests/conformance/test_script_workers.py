"""A worker reads other scripts with the models and data that the settings of other engines name, confined or not."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.conformance.test_script_models import TEXT, as_cyrillic, draw
from tests.data.script_models import CYRILLIC, make_model
from tests.fixtures.pool import Outcomes, make_yard

from pagemill.domain.memory import CPU
from pagemill.domain.page.page import Page, PageSource
from pagemill.domain.work.outcomes import PageRead
from pagemill.domain.work.recognition import ChunkParams, RecognitionOptions, Stage
from pagemill.engines.registry import engine_specs
from pagemill.engines.tesseract.languages import data_folder
from pagemill.pool.placement import LocalPlacement
from pagemill.pool.sandbox.desks import Sandbox

Settings = Mapping[str, Mapping[str, str]]


def with_model(folder: Path) -> Settings:
    make_model(folder / "cyrillic_PP-OCRv5_rec_mobile.onnx", CYRILLIC, language="ru")
    return {"rapidocr": {"script_models_dir": str(folder)}, "tesseract": {"tessdata_dir": str(folder)}}


def with_data(folder: Path) -> Settings:
    usual = data_folder({})
    if usual is None or not (usual / "rus.traineddata").exists():
        pytest.skip("needs Tesseract's data for ru; scripts/system-parts installs it")
    folder.mkdir(exist_ok=True)
    (folder / "rus.traineddata").write_bytes((usual / "rus.traineddata").read_bytes())
    return {"rapidocr": {"script_models_dir": str(folder)}, "tesseract": {"tessdata_dir": str(folder)}}


@pytest.mark.parametrize("confined", [True, False], ids=["confined", "unconfined"])
@pytest.mark.parametrize(
    ("make", "drawn", "wanted"),
    [(with_model, TEXT, as_cyrillic(TEXT)), (with_data, "все люди рождаются", "все люди рождаются")],
    ids=["model", "data"],
)
async def test_a_worker_finds_what_the_settings_name(
    tmp_path: Path, make: Callable[[Path], Settings], drawn: str, wanted: str, *, confined: bool
) -> None:
    document = tmp_path / "a.png"
    picture = draw(drawn)
    picture.save(document)
    spec = engine_specs(make(tmp_path / "models"))["scripts"]
    sandbox = Sandbox(tmp_path / "data") if confined else None
    yard = make_yard(engine=spec, placement=LocalPlacement(sandbox=sandbox))
    unread = Page(number=1, width_px=picture.width, height_px=picture.height, dpi=200, source=PageSource.OCR)
    options = RecognitionOptions(engine="scripts")
    params = ChunkParams(str(document), (1,), Stage.OCR, options, first_reading=unread.to_json())
    outcomes = Outcomes()
    await yard.pool.start()
    try:
        service = await yard.pool.acquire(device=CPU, engine="scripts", languages=("ru",))
        await service.process("task", params, outcomes)
        await yard.pool.release(service)
    finally:
        await yard.pool.stop()
    (outcome,) = outcomes.seen
    assert isinstance(outcome, PageRead)
    assert Page.from_json(outcome.payload).text == wanted
