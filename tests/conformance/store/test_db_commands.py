"""`pagemill db`, on both databases."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pagemill.cli.main import cli


@pytest.fixture
def config(tmp_path: Path, empty_database: str) -> str:
    file = tmp_path / "pagemill.yaml"
    file.write_text(f"database_url: {empty_database}\ndata_dir: {tmp_path}\n")
    return str(file)


def db(*arguments: str, config: str) -> Result:
    return CliRunner().invoke(cli, ["db", *arguments, "-c", config])


def test_up_down_and_where_it_is(config: str) -> None:
    assert db("current", config=config).stdout == "none\n"
    assert db("check", config=config).exit_code == 1
    up = db("upgrade", config=config)
    assert up.exit_code == 0
    newest = db("current", config=config).stdout.strip()
    assert newest in up.stdout
    checked = db("check", config=config)
    assert (checked.exit_code, checked.stdout) == (0, "The database matches this version.\n")
    assert db("downgrade", "0001", "--yes", config=config).exit_code == 0
    assert db("current", config=config).stdout == "0001\n"
    stale = db("check", config=config)
    assert stale.exit_code == 1
    assert "pagemill db upgrade" in stale.stderr
    assert db("upgrade", "0003", config=config).exit_code == 0
    assert db("current", config=config).stdout == "0003\n"


def test_going_down_is_asked_about_first(config: str) -> None:
    db("upgrade", config=config)
    newest = db("current", config=config).stdout
    refused = CliRunner().invoke(cli, ["db", "downgrade", "base", "-c", config], input="n\n")
    assert refused.exit_code == 1
    assert db("current", config=config).stdout == newest


def test_a_revision_that_is_not_there_is_said_to_be_so(config: str) -> None:
    refused = db("upgrade", "9999", config=config)
    assert refused.exit_code == 2
    assert "9999" in refused.stderr


def test_programs_are_told_the_same_as_people(config: str) -> None:
    assert json.loads(db("current", "--json", config=config).stdout) == {"revision": None}
    assert json.loads(db("check", "--json", config=config).stdout)["differences"]
    up = json.loads(db("upgrade", "--json", config=config).stdout)
    assert up == {"revision": db("current", config=config).stdout.strip()}
    assert json.loads(db("check", "--json", config=config).stdout) == {"differences": []}
    down = json.loads(db("downgrade", "0001", "--yes", "--json", config=config).stdout)
    assert down == {"revision": "0001"}
