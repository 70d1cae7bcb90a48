"""`pagemill ocr` as people use it: in a shell, in a pipe, on a terminal, interrupted."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from tests.data.documents import SENTENCE, make_numbered_scan, make_scan, make_typed
from tests.fixtures.server import are_gone, clean_environment, until
from tests.fixtures.terminal import run_on_terminal

LIMIT_S = 90
COMMAND = (sys.executable, "-m", "pagemill")
HEAVY = {
    "PIL",
    "alembic",
    "fastapi",
    "httpx",
    "numpy",
    "pydantic",
    "pypdfium2",
    "rich",
    "sqlalchemy",
    "uvicorn",
    "yaml",
}


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """The command's TMPDIR; whatever it does, nothing is left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


def environment(temporary: Path, **settings: str) -> dict[str, str]:
    return clean_environment(settings) | {"TMPDIR": str(temporary)}


def pagemill(temporary: Path, *arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(temporary, **settings),
        cwd=temporary.parent,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_text_is_on_stdout_and_nothing_on_stderr(temporary: Path, tmp_path: Path) -> None:
    run = pagemill(temporary, "ocr", make_scan(tmp_path / "label.png", ["Label 4711"]))
    assert (run.returncode, run.stderr) == (0, "")
    assert "4711" in run.stdout


def test_several_documents_go_to_a_folder_in_the_form_asked_for(temporary: Path, tmp_path: Path) -> None:
    files = [make_typed(tmp_path / f"{name}.pdf", pages) for name, pages in (("second", 2), ("first", 1))]
    run = pagemill(temporary, "ocr", *files, "-o", tmp_path / "new" / "folder", "--format", "json")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    written = {path.name: json.loads(path.read_text()) for path in (tmp_path / "new" / "folder").iterdir()}
    assert {name: len(result["pages"]) for name, result in written.items()} == {"first.json": 1, "second.json": 2}


def test_one_document_goes_to_the_file_that_is_named(temporary: Path, tmp_path: Path) -> None:
    document = make_typed(tmp_path / "typed.pdf", 3)
    run = pagemill(temporary, "ocr", document, "--pages", "-1", "-f", "markdown", "-o", tmp_path / "out.md")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    text = (tmp_path / "out.md").read_text()
    assert f"{SENTENCE} leaf 3" in text
    assert "leaf 2" not in text


def test_what_cannot_be_read_is_named_and_the_rest_delivered(temporary: Path, tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.pdf", make_typed(tmp_path / "good.pdf", 1)
    bad.write_bytes(b"%PDF-1.7\nnothing more")
    partly = pagemill(temporary, "ocr", bad, good)
    assert partly.returncode == 3
    assert "leaf 1" in partly.stdout
    assert partly.stderr.startswith(f"pagemill: {bad}: ")
    assert len(partly.stderr.splitlines()) == 1
    nothing = pagemill(temporary, "ocr", bad)
    assert (nothing.returncode, nothing.stdout) == (4, "")


def test_progress_is_shown_on_a_terminal_only(temporary: Path, tmp_path: Path) -> None:
    document = make_typed(tmp_path / "typed.pdf", 2)
    stdout, shown = run_on_terminal([*COMMAND, "ocr", str(document)], environment(temporary), within=LIMIT_S)
    assert "typed.pdf" in shown
    assert "2/2" in shown
    assert b"leaf 2" in stdout
    assert b"2/2" not in stdout


def test_whoever_has_read_enough_may_close_the_pipe(temporary: Path, tmp_path: Path) -> None:
    run = subprocess.Popen(
        [*COMMAND, "ocr", str(make_typed(tmp_path / "typed.pdf", 2))],
        env=environment(temporary),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert run.stdout is not None
    run.stdout.close()
    assert run.stderr is not None
    with run.stderr as stderr:
        assert stderr.read() == b""
    assert run.wait(LIMIT_S) == 0


@pytest.mark.parametrize("output", [None, "-"])
def test_a_document_comes_through_a_pipe(temporary: Path, tmp_path: Path, output: str | None) -> None:
    document = make_typed(tmp_path / "typed.pdf", 2)
    with document.open("rb") as pipe:
        run = subprocess.run(
            [*COMMAND, "ocr", "-", *(["-o", output] if output else [])],
            env=environment(temporary),
            stdin=pipe,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"leaf 2" in run.stdout


def test_a_folder_is_read_with_all_that_is_below_it(temporary: Path, tmp_path: Path) -> None:
    for name in ("a/same.pdf", "b/same.pdf", "b/same.PNG"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        make = make_typed if name.endswith("pdf") else lambda path, _pages: make_scan(path, ["Label 4711"])
        make(tmp_path / "in" / name, 1)
    run = pagemill(temporary, "ocr", "in", "-o", "out", "--json")
    assert (run.returncode, run.stderr) == (0, "")
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    results = {line["file"]: line["result"] for line in lines}
    assert results == {
        "in/a/same.pdf": "out/a/same.txt",
        "in/b/same.PNG": "out/b/same.PNG.txt",
        "in/b/same.pdf": "out/b/same.pdf.txt",
    }
    assert {line["status"] for line in lines} == {"succeeded"}
    assert all((tmp_path / result).read_text() for result in results.values())
    again = pagemill(temporary, "ocr", "in", "-o", "out")
    assert (again.returncode, again.stdout) == (2, "")
    assert "and 2 more are there already" in again.stderr
    assert pagemill(temporary, "ocr", "in", "-o", "out", "--force").returncode == 0


def test_an_interrupted_command_leaves_what_was_read_and_marks_it(temporary: Path, tmp_path: Path) -> None:
    document = make_numbered_scan(tmp_path / "long.pdf", 40)
    run = subprocess.Popen(
        [*COMMAND, "ocr", str(document), "-o", str(tmp_path / "long.txt")],
        env=environment(temporary),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    database = next(iter(until_there(temporary, "*/pagemill.db")))
    until(lambda: pages_done(database) >= 2)
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=LIMIT_S)
    text = (tmp_path / "long.partial.txt").read_text()
    done = text.count("Number")
    assert 2 <= done < 40
    assert f"interrupted. {tmp_path / 'long.partial.txt'} has {done} of 40 pages." in stderr.decode()
    assert (run.returncode, (tmp_path / "long.txt").exists()) == (130, False)


def until_there(folder: Path, pattern: str) -> list[Path]:
    until(lambda: bool([*folder.glob(pattern)]))
    return [*folder.glob(pattern)]


def pages_done(database: Path) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            found: int = connection.execute("SELECT coalesce(sum(pages_done), 0) FROM tasks").fetchone()[0]
        except sqlite3.OperationalError:
            return 0  # the tables are being made
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_leaves_nothing_behind(temporary: Path, tmp_path: Path, number: signal.Signals) -> None:
    document = make_numbered_scan(tmp_path / "long.pdf", 40)
    run = subprocess.Popen(
        [*COMMAND, "ocr", str(document)],
        env=environment(temporary),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    process = psutil.Process(run.pid)
    until(lambda: len(process.children()) == 2)
    workers = process.children()
    run.send_signal(number)
    stdout, stderr = run.communicate(timeout=LIMIT_S)
    assert (run.returncode, stdout, stderr) == (130, b"", b"pagemill: interrupted.\n")
    until(lambda: are_gone(workers), within=10)


def test_the_workers_of_a_killed_command_end_too(tmp_path: Path) -> None:
    document = make_numbered_scan(tmp_path / "long.pdf", 40)
    (tmp_path / "temporary").mkdir()
    with subprocess.Popen([*COMMAND, "ocr", str(document)], env=environment(tmp_path / "temporary")) as run:
        process = psutil.Process(run.pid)
        until(lambda: len(process.children()) == 2)
        workers = process.children()
        run.kill()
        until(lambda: are_gone(workers), within=10)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--pages", "9"], ["9", "1 to 1"]), (["-o", "typed.pdf/below/out.txt"], ["Cannot write", "out.txt"])],
)
def test_what_is_found_wrong_on_the_way_is_explained_too(
    temporary: Path, tmp_path: Path, *, arguments: list[str], words: list[str]
) -> None:
    make_typed(tmp_path / "typed.pdf", 1)
    run = pagemill(temporary, "ocr", "typed.pdf", *arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("pagemill: ")
    assert [word for word in words if word not in run.stderr] == []


def test_a_setting_that_is_none_is_refused_by_name(temporary: Path, tmp_path: Path) -> None:
    run = pagemill(temporary, "ocr", make_typed(tmp_path / "typed.pdf", 1), TASKS__MAX_QUEUE="7")
    assert run.returncode == 2
    assert "tasks.max_queue" in run.stderr
    assert "tasks.max_queue_size" in run.stderr


def test_an_address_in_use_is_refused_in_one_sentence(temporary: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = pagemill(temporary, "serve", "--port", port, "--data-dir", temporary.parent / "data")
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].startswith(f"pagemill: Cannot listen on 127.0.0.1 port {port}")


def test_help_and_version_load_nothing_heavy(temporary: Path) -> None:
    run = pagemill(temporary, "--version")
    assert (run.returncode, run.stderr) == (0, "")
    listing = "import sys, pagemill.cli.main; print(*{name.partition('.')[0] for name in sys.modules})"
    modules = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    assert "typer" in modules.stdout.split()
    assert HEAVY & set(modules.stdout.split()) == set()
