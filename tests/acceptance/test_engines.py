"""Engines over HTTP and on the command line: chosen by task, told of, and what was learned of them kept."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.data.documents import make_scan
from tests.fixtures.server import Api, Server, clean_environment

from pagemill.engines.registry import engine_specs
from pagemill.wire.engine_wire import EngineListWire, EngineWire

TESSERACT = engine_specs()["tesseract"]


def engine(engines: EngineListWire, name: str) -> EngineWire:
    (found,) = (engine for engine in engines.engines if engine.name == name)
    return found


def over_http(api: Api) -> EngineListWire:
    return EngineListWire.model_validate_json(api.http.get("/engines").raise_for_status().content)


def on_the_command_line(data: Path) -> EngineListWire:
    told = subprocess.run(
        [sys.executable, "-m", "pagemill", "engines", "--json"],
        env=clean_environment({"DATA_DIR": str(data)}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return EngineListWire.model_validate(json.loads(told.stdout))


def test_what_reading_showed_of_an_engine_is_told_and_kept(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Server(data) as server:
        before = engine(over_http(server.api), "rapidocr").profiles[0].devices[0]
        assert server.api.read(make_scan(tmp_path / "a.png", ["Kettle 42"])).status == "succeeded"
        told = engine(over_http(server.api), "rapidocr")
    device = told.profiles[0].devices[0]
    assert (before.measured, before.load_time) == (None, None)
    assert [models.model_set for models in told.resident] == ["rapidocr/accurate@cpu"]
    assert device.load_time is not None
    assert device.measured is not None
    assert device.measured.pages == 1
    kept = engine(on_the_command_line(data), "rapidocr")
    assert kept.profiles[0].devices[0] == device
    assert kept.resident == []


def test_two_choices_of_languages_share_the_models_that_read_both(api: Api, tmp_path: Path) -> None:
    for number, languages in enumerate(("en", "de,fr", "")):
        task = api.read(make_scan(tmp_path / f"{number}.png", [f"Anchor {number}17"]), languages=languages)
        assert task.status == "succeeded"
    resident = {models.model_set for models in engine(over_http(api), "rapidocr").resident}
    assert resident - {"rapidocr/accurate/structure@cpu"} == {"rapidocr/accurate@cpu"}  # others may ask for structure


def test_an_installation_that_fails_says_so_and_leaves_the_engine_unusable(tmp_path: Path) -> None:
    environment = clean_environment({"DATA_DIR": str(tmp_path / "data")}) | {"PIP_NO_INDEX": "1"}
    failed = subprocess.run(
        [sys.executable, "-m", "pagemill", "engines", "install", "ppstructure"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert failed.returncode == 2
    assert "No matching distribution" in failed.stderr
    assert failed.stderr.splitlines()[-1].endswith("then run the installation again.")
    reason = engine(on_the_command_line(tmp_path / "data"), "ppstructure").reason
    assert reason is not None
    assert "pagemill engines install ppstructure" in reason


@pytest.mark.skipif(bool(TESSERACT.unusable), reason=TESSERACT.unusable)
def test_a_task_may_choose_its_engine_and_its_languages(api: Api, tmp_path: Path) -> None:
    task = api.read(make_scan(tmp_path / "a.png", ["Kettle 4711"]), engine="tesseract", languages="en")
    assert api.text(task.task_id).strip() == "Kettle 4711"
    (resident,) = engine(over_http(api), "tesseract").resident
    assert resident.model_set == "tesseract/accurate/en@cpu"


@pytest.mark.skipif(bool(TESSERACT.unusable), reason=TESSERACT.unusable)
def test_a_language_that_is_not_installed_is_refused_with_those_who_have_it(api: Api, tmp_path: Path) -> None:
    lacking = next(code for code in ("mi", "lb", "qu") if code not in TESSERACT.profiles[0].languages)
    answer = api.post(make_scan(tmp_path / "a.png", ["Kia ora"]), engine="tesseract", languages=lacking)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "unknown_engine"
    assert problem["details"] == {"languages": lacking, "engines": "rapidocr, rapidocr-onnx"}
    assert "apt-get install tesseract-ocr-LANG" in problem["detail"]
