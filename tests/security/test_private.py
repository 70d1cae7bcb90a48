"""What is closed unless somebody opens it: the port, the data folder, the settings' secrets, the machine's paths."""

import json
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.data.pdfs import PdfPageSpec, make_pdf, text_at
from tests.fixtures.server import Server, clean_environment, until
from tests.fixtures.stores import Stores
from tests.fixtures.web_tasks import WebTasks
from typer.testing import CliRunner

from pagemill.cli.main import cli
from pagemill.cli.serve import check_exposure
from pagemill.cli.showing_settings import MASK, mask_secrets, without_password
from pagemill.domain.errors import EngineFailed, InvalidDocument, InvalidSettings, PagemillError, WorkerLost
from pagemill.domain.text import without_paths
from pagemill.settings import Sensitive, ServerSettings, Settings
from pagemill.settings_loading import load_settings
from pagemill.store.private_folder import make_private, open_to_others
from pagemill.web.web_config import WebConfig

# --- the port

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOOPBACK = ["127.0.0.1", "127.0.0.2", "::1", "localhost"]
EXPOSED = ["0.0.0.0", "::", "", "10.0.0.1", "192.168.1.1", "no-such-host.invalid", "::ffff:10.0.0.1"]  # noqa: S104


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_needs_no_key(host: str, tmp_path: Path) -> None:
    check_exposure(Settings(data_dir=tmp_path / "data", server=ServerSettings(host=host)), NOW)


@pytest.mark.parametrize("host", EXPOSED)
def test_all_else_needs_a_key_or_a_word(host: str, tmp_path: Path) -> None:
    def start(**server: object) -> None:
        check_exposure(
            Settings.model_validate({"data_dir": tmp_path / "data", "server": {"host": host, **server}}), NOW
        )

    with pytest.raises(InvalidSettings, match=r"keys create.*server\.api_keys.*server\.allow_open"):
        start()
    start(api_keys=("k",))
    start(allow_open=True)
    assert not (tmp_path / "data").exists()


def test_a_server_that_would_be_open_does_not_start(tmp_path: Path) -> None:
    environment = clean_environment({"DATA_DIR": str(tmp_path / "data")})
    refused = CliRunner().invoke(cli, ["serve", "--host", "0.0.0.0", "--port", "0"], env=environment)  # noqa: S104
    assert refused.exit_code == 2
    assert "allow_open" in refused.output
    assert not (tmp_path / "data").exists()


# --- the data folder


def open_entries(folder: Path) -> list[str]:
    return [str(each) for each in (folder, *folder.rglob("*")) if not each.is_symlink() and each.stat().st_mode & 0o077]


def test_whatever_a_server_writes_is_its_own(tmp_path: Path) -> None:
    document = make_pdf(tmp_path / "a.pdf", [PdfPageSpec(text_at(50, 700, "words enough for a page of text"))])
    before = os.umask(0)
    try:
        with Server(tmp_path / "data") as server:
            task_id = server.api.submit(document, ocr="never")
            server.api.wait_for_end(task_id)
            for name in ("text", "pdf", "zip"):
                assert server.api.http.get(f"/tasks/{task_id}/result", params={"format": name}).status_code == 200
            server.api.http.get(f"/tasks/{task_id}/pages/1/image")
            assert open_entries(tmp_path / "data") == []
        assert open_entries(tmp_path / "data") == []
    finally:
        os.umask(before)


def test_a_database_that_is_made_by_hand_is_its_users_own(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        environment = clean_environment({"DATA_DIR": str(tmp_path)})
        done = CliRunner().invoke(cli, ["db", "upgrade"], env=environment)
        assert done.exit_code == 0, done.output
        assert [each.stat().st_mode & 0o077 for each in tmp_path.iterdir()] == [0]
    finally:
        os.umask(before)


def test_older_folders_are_warned_of_and_mended(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "uploads").mkdir(parents=True, mode=0o755)
    (folder / "uploads" / "a").write_text("a stranger's document")
    program = folder / "run"
    program.write_text("#!/bin/sh")
    program.chmod(0o755)
    outside = tmp_path / "outside"
    outside.write_text("somebody else's")
    outside.chmod(0o644)
    (folder / "link").symlink_to(outside)
    folder.chmod(0o755)
    with Server(folder) as server:
        until(lambda: "doctor --fix" in server.log)
    environment = clean_environment({"DATA_DIR": str(folder)})
    found = CliRunner().invoke(cli, ["doctor"], env=environment)
    assert "doctor --fix" in found.output
    mended = CliRunner().invoke(cli, ["doctor", "--fix"], env=environment)
    assert mended.exit_code == 0
    assert "`pagemill doctor --fix` makes it private" not in mended.stdout
    assert open_entries(folder) == []
    assert stat.S_IMODE(program.stat().st_mode) == 0o700
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644
    assert make_private(folder) == 0


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o705, 0o777, 0o701])
def test_what_others_may_do_in_a_folder_is_seen(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(mode)
    assert open_to_others(folder) == (0 if mode == 0o700 else mode)
    assert open_to_others(tmp_path / "none") == 0


# --- secrets in settings

WORD = "hunter2hunter2"


def fields(model: type[BaseModel] = Settings, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Every setting, and whether it is never shown."""
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from fields(section, (*above, name))
        else:
            yield (*above, name), any(isinstance(each, Sensitive) for each in field.metadata)


SENSITIVE = [path for path, hidden in fields() if hidden]


def test_whatever_sounds_like_a_secret_is_one() -> None:
    telling = ("secret", "key", "password", "token", "url", "credential")
    sounds = {path for path, _ in fields() if any(word in path[-1] for word in telling)}
    assert sounds == set(SENSITIVE)
    assert len(SENSITIVE) == 6


def nest(path: tuple[str, ...], value: object) -> dict[str, object]:
    made: object = value
    for name in reversed(path):
        made = {name: made}
    assert isinstance(made, dict)
    return made


RIGHT: dict[str, object] = {
    "api_keys": [WORD, WORD + "2"],
    "database_url": f"postgresql+psycopg://u:{WORD}@db/n?sslpassword={WORD}",
    "server_url": f"http://u:{WORD}@host:80/?token={WORD}",
    "webhook_url": f"https://hooks.example/{WORD}",
}
WRONG: list[object] = [{"a": WORD}, [{"b": WORD}], [[WORD]], {WORD: 1}]


@pytest.mark.parametrize("path", SENSITIVE, ids=".".join)
@pytest.mark.parametrize("command", [["config", "show"], ["config", "show", "--json"], ["config", "validate"]])
def test_no_secret_is_shown(path: tuple[str, ...], command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "pagemill.yaml"
    for value in (RIGHT.get(path[-1], WORD), *WRONG):
        file.write_text(yaml.safe_dump(nest(path, value)))
        done = CliRunner().invoke(cli, [*command, "--config", str(file)], env=clean_environment())
        assert WORD not in done.output, (value, done.output)
        assert done.exit_code in (0, 2)


@pytest.mark.parametrize("path", SENSITIVE, ids=".".join)
def test_no_secret_in_a_place_above_or_in_the_environment_is_shown(path: tuple[str, ...]) -> None:
    for depth in range(1, len(path) + 1):
        for value in (WORD, f'["{WORD}"', f'{{"x": "{WORD}"}}', f'{{"{path[-1]}": [{{"x": "{WORD}"}}]}}'):
            name = "__".join(path[:depth]).upper()
            done = CliRunner().invoke(cli, ["config", "show"], env=clean_environment({name: value}))
            assert WORD not in done.output, (name, value, done.output)


@pytest.mark.parametrize(
    "text",
    [
        f"webhooks:\n  secret: {WORD}: x",
        f"webhooks: [secret, {WORD}",
        f"webhooks:\n\tsecret: {WORD}",
        f"webhooks:\n  secret: !!int {WORD}",
        f"webhooks:\n  secret: !!timestamp {WORD}",
        f"webhooks:\n  secret: !{WORD} x",
        f"webhooks:\n  secret: *{WORD}",
        f'webhooks:\n  secret: "{WORD}',
        f"webhooks: {WORD}",
        f"- {WORD}",
        WORD,
        "[" * 5000 + WORD,
    ],
)
@pytest.mark.parametrize("command", ["show", "validate"])
def test_a_broken_file_is_not_quoted(text: str, command: str, tmp_path: Path) -> None:
    file = tmp_path / "pagemill.yaml"
    file.write_text(text)
    done = CliRunner().invoke(cli, ["config", command, "--config", str(file)], env=clean_environment())
    assert done.exit_code == 2, done.output
    assert WORD not in done.output, done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("postgresql://u@h/n", "postgresql://u@h/n"),
        ("postgresql://u:p@h:1/n", f"postgresql://u:{MASK}@h:1/n"),
        ("postgresql://u:p/w?x#y@@h/n", f"postgresql://u:{MASK}@h/n"),
        ("postgresql:///n?password=p", f"postgresql:///n?{MASK}"),
        ("no url", MASK),
    ],
)
def test_a_url_keeps_what_names_the_machine(url: str, masked: str) -> None:
    assert without_password(url) == masked


def test_what_is_no_secret_is_shown(tmp_path: Path) -> None:
    settings = load_settings(overrides={"data_dir": tmp_path, "server": {"port": 1234, "api_keys": ["a", "b"]}})
    values = json.loads(json.dumps(mask_secrets(settings)))
    assert values["server"]["port"] == 1234
    assert values["server"]["api_keys"] == [MASK, MASK]
    assert values["data_dir"] == str(tmp_path)
    assert values["webhooks"]["secret"] is None


# --- paths of the machine


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("cannot open '/usr/lib/x.so'", "cannot open '…/x.so'"),
        ("/tmp/a b", "…/a b"),
        ("Put it into /usr/share/tesseract; restart.", "Put it into …/tesseract; restart."),
        ("see https://example.com/usr/x", "see https://example.com/usr/x"),
        ("POST /tasks/x/start", "POST /tasks/x/start"),
        ("a/b/c and 1/2", "a/b/c and 1/2"),
        ("(/proc/self/fd)", "(…/fd)"),
        ('File "/etc/passwd", line 1', 'File "…/passwd", line 1'),
    ],
)
def test_paths_of_this_machine_keep_their_last_part(told: str, kept: str) -> None:
    assert without_paths(told) == kept


@given(st.text(alphabet="/ab.: '\"usr", max_size=40))
def test_no_path_of_this_machine_is_left(text: str) -> None:
    left = without_paths(f"{text} /usr/lib/python {text}")
    assert " /usr/lib" not in left
    assert without_paths(left) == left


FAILURES = ["/usr/lib/x.so: cannot open", "No such file: '/tmp/data/uploads/abc'", "in /etc/ssl/private"]


@pytest.mark.parametrize("message", FAILURES)
@pytest.mark.parametrize("kind", [EngineFailed, InvalidDocument, WorkerLost])
@pytest.mark.parametrize("path", ["/tasks", "/batches"])
async def test_no_answer_names_one(
    stores: Stores, tmp_path: Path, message: str, kind: type[PagemillError], path: str
) -> None:
    tasks = WebTasks(stores, tmp_path)
    transport = httpx.ASGITransport(tasks.api(WebConfig(uploads=tmp_path / "uploads")))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        tasks.inspector.refuse_with = kind(message, where=message)
        answer = await client.post(path, files={"file": b"%PDF"})
        assert answer.is_error
        assert not any(root in answer.text for root in ("/usr", "/tmp", "/etc")), answer.text


@pytest.mark.parametrize("message", FAILURES)
async def test_no_task_and_no_page_keeps_one(stores: Stores, tmp_path: Path, message: str) -> None:
    tasks = WebTasks(stores, tmp_path)
    transport = httpx.ASGITransport(tasks.api(WebConfig(uploads=tmp_path / "uploads")))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        where = (await client.post("/tasks", files={"file": b"%PDF"})).headers["location"]
        for number in (1, 2, 3):
            await tasks.finish_page(where.rpartition("/")[2], number, message if number > 1 else "")
        for each in ("", "/pages", "/events", "/receipt", "/health", "/result", "/result?format=html"):
            answer = await client.get(where + each)
            assert answer.is_success, answer.text
            assert not any(root in answer.text for root in ("/usr", "/tmp", "/etc")), (each, answer.text)
