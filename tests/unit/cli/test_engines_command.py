import json
from pathlib import Path

from typer.testing import CliRunner, Result

from pagemill.cli.main import cli
from pagemill.wire.engine_wire import EngineListWire


def test_only_what_there_is_can_be_installed(tmp_path: Path) -> None:
    environment = {"PAGEMILL_DATA_DIR": str(tmp_path / "data")}
    refused = CliRunner().invoke(cli, ["engines", "install", "magic"], env=environment)
    assert refused.exit_code == 2
    assert "Use ppstructure or rapidocr" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_engines_are_told_to_people_and_to_programs(tmp_path: Path) -> None:
    environment = {
        "PAGEMILL_DATA_DIR": str(tmp_path / "data"),
        "PAGEMILL_ENGINES": '{"tesseract": {"tessdata_dir": "/no"}}',
    }
    told = CliRunner().invoke(cli, ["engines"], env=environment)
    found = EngineListWire.model_validate(
        json.loads(CliRunner().invoke(cli, ["engines", "--json"], env=environment).stdout)
    )
    by_name = {engine.name: engine for engine in found.engines}
    assert told.exit_code == 0
    for engine in found.engines:
        assert engine.name in told.stdout
    reason = by_name["tesseract"].reason
    assert reason is not None
    assert "apt-get install tesseract-ocr-eng" in reason
    assert f"Unavailable: {reason}" in told.stdout
    assert f"reserves {by_name['rapidocr'].profiles[0].devices[0].seed.idle_mb} MiB idle" in told.stdout
    assert not (tmp_path / "data").exists()


def install_models(folder: Path, *options: str) -> Result:
    environment = {"PAGEMILL_DATA_DIR": str(folder / "data")}
    return CliRunner().invoke(cli, ["engines", "install", "rapidocr", *options], env=environment)


def test_nothing_is_downloaded_unless_allowed_and_the_refusal_says_what_to_do(tmp_path: Path) -> None:
    refused = install_models(tmp_path, "--languages", "ru")
    assert refused.exit_code == 2
    for said in ("cyrillic_PP-OCRv5_rec_mobile.onnx", "--allow-download", "--from", "https://", "SHA-256"):
        assert said in refused.stderr
    assert not (tmp_path / "data").exists()


def test_a_language_without_a_model_is_refused_with_what_reads_it(tmp_path: Path) -> None:
    refused = install_models(tmp_path, "--languages", "ru,he", "--allow-download")
    assert refused.exit_code == 2
    assert "tesseract-ocr-heb" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_the_languages_must_be_named(tmp_path: Path) -> None:
    assert "--languages ru,el,ko" in install_models(tmp_path, "--languages", " , ").stderr


def test_a_model_from_a_folder_must_be_the_listed_one(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "el_PP-OCRv5_rec_mobile.onnx").write_text("another")
    refused = install_models(tmp_path, "--languages", "el", "--from", str(source))
    assert refused.exit_code == 2
    assert "damaged or another version" in refused.stderr
    assert list((tmp_path / "data").rglob("*.onnx*")) == []


def test_models_that_are_there_stay_and_another_folder_is_to_be_set(tmp_path: Path) -> None:
    (tmp_path / "el_PP-OCRv5_rec_mobile.onnx").write_text("mine")
    done = install_models(tmp_path, "--languages", "el", "--folder", str(tmp_path))
    assert done.exit_code == 0
    assert "already there" in done.stdout
    assert "not a complete ONNX model" in done.stdout
    assert f"engines.rapidocr.script_models_dir: {tmp_path}" in done.stdout
