"""`pagemill db`, on both databases."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from typer.testing import CliRunner, Result

from pagemill.cli.main import cli
from pagemill.store import migrate
from pagemill.store.dialects import parse_url, sync_url
from pagemill.web.uploads import PART_SUFFIX


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
    assert db("downgrade", migrate.OLDER_SCHEMA, "--yes", config=config).exit_code == 0
    assert db("current", config=config).stdout == f"{migrate.OLDER_SCHEMA}\n"
    stale = db("check", config=config)
    assert stale.exit_code == 1
    assert "pagemill db upgrade" in stale.stderr
    assert db("upgrade", newest, config=config).exit_code == 0
    assert db("current", config=config).stdout == f"{newest}\n"


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
    down = json.loads(db("downgrade", migrate.OLDER_SCHEMA, "--yes", "--json", config=config).stdout)
    assert down == {"revision": migrate.OLDER_SCHEMA}


@pytest.mark.parametrize("revision", ["0012", "9999"])
def test_all_say_the_same_of_a_database_of_another_version(
    config: str, empty_database: str, tmp_path: Path, revision: str
) -> None:
    db("upgrade", config=config)
    engine = create_engine(sync_url(parse_url(empty_database)), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :other"), {"other": revision})
        connection.execute(text("DROP TABLE learned_state"))
    half_received = tmp_path / "uploads" / f"a{PART_SUFFIX}"
    half_received.parent.mkdir()
    half_received.touch()

    reason = migrate.why_unusable(empty_database)
    assert reason is not None
    for command in (("upgrade",), ("downgrade", "base", "--yes"), ("current",), ("check",)):
        refused = db(*command, config=config)
        assert (refused.exit_code, refused.stdout, refused.stderr) == (2, "", f"pagemill: {reason}\n")
    serve = (sys.executable, "-m", "pagemill", "serve", "--port", "0", "-c", config)
    served = subprocess.run(serve, capture_output=True, text=True, check=False, timeout=60)
    assert (served.returncode, served.stderr.splitlines()[-1]) == (2, f"pagemill: {reason}")
    assert half_received.exists()
    doctor = CliRunner().invoke(cli, ["doctor", "--json", "-c", config])
    assert reason in json.loads(doctor.stdout)["advice"]
    assert CliRunner().invoke(cli, ["engines", "-c", config]).exit_code == 0
