import json
from pathlib import Path

from typer.testing import CliRunner

from pagemill.cli.main import cli
from pagemill.wire.engine_wire import EngineListWire


def test_only_what_there_is_can_be_installed(tmp_path: Path) -> None:
    environment = {"PAGEMILL_DATA_DIR": str(tmp_path / "data")}
    refused = CliRunner().invoke(cli, ["engines", "install", "magic"], env=environment)
    assert refused.exit_code == 2
    assert "Use ppstructure" in refused.stderr
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
