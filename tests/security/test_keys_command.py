"""`pagemill keys`, and what it does to a server that runs: a real one, over real HTTP."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.fixtures.databases import BACKENDS, CleanDatabase
from tests.fixtures.server import Server, clean_environment, until
from typer.testing import CliRunner, Result

from pagemill.cli.key_office import moment
from pagemill.cli.main import cli
from pagemill.cli.serve import check_exposure
from pagemill.domain.callers import Scope
from pagemill.domain.errors import InvalidRequest, InvalidSettings
from pagemill.settings import Settings

Keys = Callable[..., Result]
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what must not be open
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def settings(backend: str, tmp_path: Path, clean_database: CleanDatabase) -> dict[str, str]:
    """SQLite in a folder that is not there yet; PostgreSQL, migrated."""
    url = {} if backend == "sqlite" else {"DATABASE_URL": clean_database(backend)}
    return {"DATA_DIR": str(tmp_path / "data"), **url}


@pytest.fixture
def keys(settings: dict[str, str]) -> Keys:
    def run(*arguments: str, code: int = 0) -> Result:
        done = CliRunner().invoke(cli, ["keys", *arguments], env=clean_environment(settings))
        assert done.exit_code == code, done.output
        return done

    return run


def make_key(keys: Keys, *arguments: str) -> dict[str, str]:
    found = json.loads(keys("create", "--json", *arguments).stdout)
    assert isinstance(found, dict)
    return found


def list_keys(keys: Keys) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(keys("list", "--json").stdout)["keys"]
    return found


def test_a_key_is_printed_once_and_alone(keys: Keys) -> None:
    done = keys("create", "--name", "acme", "--scope", "submit")
    token = done.stdout.strip()
    assert token.startswith("pagemill_")
    assert "not shown again" in done.stderr
    assert token not in done.stderr
    shown = keys("list").stdout + keys("list", "--json").stdout + keys("audit").stdout
    assert "acme" in shown
    assert token not in shown
    assert token.split("_", 2)[2] not in shown


@pytest.mark.parametrize("scope", Scope)
def test_keys_are_listed_with_all_but_their_secret(keys: Keys, scope: Scope) -> None:
    new = make_key(keys, "--name", "acme", "--scope", scope, "--expires", "30d")
    (key,) = list_keys(keys)
    assert key == {name: value for name, value in new.items() if name != "key"}
    assert (key["name"], key["scope"], key["state"]) == ("acme", scope.value, "active")
    lasts = datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])
    assert lasts == timedelta(days=30)


def test_keys_are_revoked_and_rotated(keys: Keys) -> None:
    old = make_key(keys, "--name", "acme", "--scope", "admin", "--expires", "30d")
    new = json.loads(keys("rotate", old["key_id"], "--overlap", "1h", "--json").stdout)
    assert (new["name"], new["scope"], new["expires_at"]) == ("acme", "admin", old["expires_at"])
    assert [key["state"] for key in list_keys(keys)] == ["active", "active"]
    newest = json.loads(keys("rotate", new["key_id"], "--expires", "2h", "--json").stdout)
    assert newest["expires_at"] < old["expires_at"]
    keys("revoke", newest["key_id"])
    assert sorted(key["state"] for key in list_keys(keys)) == ["active", "revoked", "revoked"]
    assert "keys create" in keys("rotate", newest["key_id"], code=2).output
    for command in ("revoke", "rotate"):
        assert "keys list" in keys(command, "none", code=2).output


def test_what_is_done_to_keys_is_in_the_audit_log(keys: Keys) -> None:
    key_id = make_key(keys, "--name", "acme")["key_id"]
    keys("rotate", key_id)
    keys("revoke", key_id)
    keys("list")
    entries = json.loads(keys("audit", "--json").stdout)["entries"]
    assert [entry["action"] for entry in entries] == ["keys revoke", "keys rotate", "keys create"]
    assert {(entry["target"], entry["owner"], entry["key_id"]) for entry in entries} == {(key_id, "acme", "")}
    assert all(entry["name"] and entry["first_at"] for entry in entries)
    assert "keys revoke" in keys("audit", "-n", "1").stdout
    assert "keys create" not in keys("audit", "-n", "1").stdout


def test_what_cannot_be_is_refused_and_makes_no_key(keys: Keys) -> None:
    make_key(keys, "--name", "acme")
    for arguments in (
        ("--name", "a b"),
        ("--name", "key-0123"),
        ("--name", "a", "--scope", "root"),
        ("--name", "a", "--expires", "soon"),
        ("--name", "a", "--expires", "2001-01-01"),
        ("--name", "a", "--expires", "0d"),
        (),
    ):
        keys("create", *arguments, code=2)
    assert len(list_keys(keys)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", NOW + timedelta(minutes=90)),
        ("12h", NOW + timedelta(hours=12)),
        ("30d", NOW + timedelta(days=30)),
        ("2w", NOW + timedelta(weeks=2)),
        ("2027-01-31T10:00:00+02:00", datetime(2027, 1, 31, 8, tzinfo=UTC)),
        ("2027-01-31T10:00:00Z", datetime(2027, 1, 31, 10, tzinfo=UTC)),
    ],
)
def test_moments_are_understood(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5h", "9999999d", "999999w", "tomorrow", "0001-01-01T00:00+14:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a time"):
        moment(text, NOW)


@pytest.mark.parametrize("state", ["none", "active", "revoked", "expired", "in the settings"])
def test_a_server_for_other_machines_needs_a_key_that_works(keys: Keys, settings: dict[str, str], state: str) -> None:
    values: dict[str, object] = {
        "server": {"host": EVERYWHERE, "api_keys": ["k"] if state == "in the settings" else []}
    }
    values |= {name.lower(): value for name, value in settings.items()}
    server = Settings.model_validate(values)
    if state in ("active", "revoked"):
        key_id = make_key(keys, "--name", "acme")["key_id"]
        if state == "revoked":
            keys("revoke", key_id)
    if state == "expired":
        make_key(keys, "--name", "acme", "--expires", "1m")
        with pytest.raises(InvalidSettings):
            check_exposure(server, datetime.now(UTC) + timedelta(minutes=2))
        return
    if state in ("active", "in the settings"):
        check_exposure(server, datetime.now(UTC))
        return
    with pytest.raises(InvalidSettings, match="keys create"):
        check_exposure(server, datetime.now(UTC))


def test_a_running_server_obeys_the_command(keys: Keys, settings: dict[str, str], tmp_path: Path) -> None:
    with Server(tmp_path / "data", settings={**settings, "SERVER__PORT": "0"}) as server:

        def status(token: str = "") -> int:
            headers = {"authorization": f"Bearer {token}"} if token else {}
            return httpx.get(f"{server.url}/tasks", headers=headers, timeout=30).status_code

        assert status() == 200
        first = make_key(keys, "--name", "acme")
        until(lambda: status() == 401, within=10)
        assert status(first["key"]) == 200
        second = json.loads(keys("rotate", first["key_id"], "--json").stdout)
        until(lambda: status(first["key"]) == 401, within=10)
        assert status(second["key"]) == 200
        keys("revoke", second["key_id"])
        until(lambda: status(second["key"]) == 401, within=10)
        assert status() == 401
        assert httpx.get(f"{server.url}/livez", timeout=30).status_code == 200
