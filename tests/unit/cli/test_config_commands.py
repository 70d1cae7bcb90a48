"""`pagemill config`, in this process."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pagemill.cli.main import cli
from pagemill.settings import Settings


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def test_what_is_shown_can_be_used_as_a_settings_file(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "pagemill.yaml").write_text("tasks:\n  max_queue_size: 7\n")
    shown = runner.invoke(cli, ["config", "show"])
    assert shown.exit_code == 0
    values = yaml.safe_load(shown.stdout)
    assert values["tasks"]["max_queue_size"] == 7
    assert Settings(**values) == Settings(tasks={"max_queue_size": 7})


def test_secrets_are_not_shown(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "pagemill.yaml").write_text("server:\n  api_keys: [topsecret]\nwebhooks:\n  secret: whsec_topsecret\n")
    shown = runner.invoke(cli, ["config", "show"])
    assert shown.exit_code == 0
    assert "topsecret" not in shown.output
    assert shown.stdout.count("**********") == 2


def test_a_good_file_is_said_to_be_so(runner: CliRunner, tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text("log_level: debug\n")
    assert runner.invoke(cli, ["config", "validate", "-c", str(good)]).exit_code == 0


def test_what_is_wrong_is_named_with_its_remedy(runner: CliRunner, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("tasks:\n  max_queue_sise: 7\n")
    refused = runner.invoke(cli, ["config", "validate", "-c", str(bad)])
    assert refused.exit_code == 2
    assert "Did you mean tasks.max_queue_size?" in refused.stderr


def test_the_schema_describes_every_setting(runner: CliRunner) -> None:
    schema = json.loads(runner.invoke(cli, ["config", "schema"]).stdout)
    assert schema["properties"].keys() == Settings.model_fields.keys()
    assert schema["$defs"]["TaskSettings"]["properties"]["max_queue_size"]["description"]
    assert schema["additionalProperties"] is False


def test_programs_are_told_the_same_as_people(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "pagemill.yaml").write_text("tasks:\n  max_queue_size: 7\nserver:\n  api_keys: [topsecret]\n")
    shown = runner.invoke(cli, ["config", "show", "--json"])
    assert json.loads(shown.stdout) == yaml.safe_load(runner.invoke(cli, ["config", "show"]).stdout)
    assert "topsecret" not in shown.output
    assert json.loads(runner.invoke(cli, ["config", "validate", "--json"]).stdout) == {"usable": True}
