"""The commands that ask a server, on a real one: what they print, for people and for programs, and how they end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.data.documents import make_numbered_scan, make_typed
from tests.fixtures.server import PATIENCE_S, Gate, Server, clean_environment, faulty_server, until
from tests.fixtures.terminal import run_on_terminal
from typer.testing import CliRunner, Result

from pagemill.cli.main import cli
from pagemill.domain.task.task import TaskStatus
from pagemill.wire.task_wire import EventWire, PageWire, TaskWire

COMMAND = (sys.executable, "-m", "pagemill")
FAULTY = ("--engine", "faulty", "--profile", "plain", "--ocr", "force")
Run = Callable[..., Result]


@pytest.fixture
def pagemill(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return runner_for(server)


def runner_for(server: Server) -> Run:
    environment = {name: None for name in os.environ if name.startswith("PAGEMILL_")}

    def run(*arguments: object, **more: str) -> Result:
        given = {**environment, "PAGEMILL_SERVER_URL": server.url, **more}
        return CliRunner().invoke(cli, [*map(str, arguments)], env=given)

    return run


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return make_numbered_scan(tmp_path / "scan.pdf", 2)


def test_a_document_is_sent_and_its_result_fetched_later(pagemill: Run, scan: Path, tmp_path: Path) -> None:
    sent = pagemill("submit", scan, "--dpi", 100, "--label", "order=17")
    assert (sent.exit_code, sent.stderr) == (0, "")
    task_id = sent.stdout.strip()
    text = pagemill("result", task_id, "--wait")
    assert (text.exit_code, text.stdout, text.stderr) == (0, "Number 101\n\fNumber 102\n\f", "")
    assert pagemill("result", task_id, "-f", "pdf", "-o", tmp_path / "out.pdf").exit_code == 0
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF-")
    told = pagemill("status", task_id).stdout
    assert [
        word for word in (task_id, "scan.pdf", "succeeded", "2 of 2 read", "order=17", "peak") if word not in told
    ] == []
    pages = pagemill("pages", task_id).stdout.splitlines()
    assert [line.split("\t")[:2] for line in pages] == [["1", "done"], ["2", "done"]]


def test_with_wait_results_come_as_they_do_without_a_server(pagemill: Run, scan: Path, tmp_path: Path) -> None:
    assert pagemill("submit", scan, "--dpi", 100, "--wait").stdout == "Number 101\n\fNumber 102\n\f"
    second = make_typed(tmp_path / "typed.pdf", 1)
    both = pagemill("submit", scan, second, "--dpi", 100, "--wait", "-f", "markdown", "-o", tmp_path / "results")
    assert (both.exit_code, both.stdout) == (0, "")
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["scan.md", "typed.md"]


def test_a_result_that_cannot_be_delivered_keeps_none_of_the_others_back(tmp_path: Path) -> None:
    files = [make_numbered_scan(tmp_path / f"{name}.pdf", 1) for name in ("first", "second")]
    results = tmp_path / "results"
    (results / "first.txt" / "in the way").mkdir(parents=True)
    with faulty_server(tmp_path / "data", {}) as server:
        both = runner_for(server)("submit", *files, *FAULTY, "--wait", "--force", "-o", results)
    assert both.exit_code == 3
    assert both.stderr.startswith(f"pagemill: {files[0]}: Cannot write {results / 'first.txt'}: ")
    assert (results / "second.txt").read_text() == "page 1\n\f"


def test_with_watch_what_happens_is_told(pagemill: Run, scan: Path) -> None:
    told = pagemill("submit", scan, "--dpi", 100, "--watch")
    kinds = [line.split()[1] for line in told.stdout.splitlines()]
    assert kinds[0] == "created"
    assert kinds.count("page_done") == 2
    assert kinds[-1] == "cleanup_completed"


def test_programs_are_told_in_json_what_people_are_told(pagemill: Run, scan: Path, server: Server) -> None:
    task = TaskWire.model_validate_json(pagemill("submit", scan, "--dpi", 100, "--json").stdout)
    over = TaskWire.model_validate_json(pagemill("submit", scan, "--dpi", 100, "--wait", "--json").stdout)
    assert over.status is TaskStatus.SUCCEEDED
    watched = pagemill("watch", task.task_id, "--json").stdout.splitlines()
    assert [EventWire.model_validate_json(line) for line in watched] == server.api.events(task.task_id)
    assert TaskWire.model_validate_json(pagemill("status", task.task_id, "--json").stdout).receipt is not None
    assert json.loads(pagemill("status", "--json").stdout)["devices"]["cpu"]["limit_mb"] > 0
    pages = pagemill("pages", task.task_id, "--json").stdout.splitlines()
    assert [PageWire.model_validate_json(line).number for line in pages] == [1, 2]
    listed = pagemill("list", "--limit", 2, "--json").stdout.splitlines()
    assert [TaskWire.model_validate_json(line).task_id for line in listed] == [over.task_id, task.task_id]


def test_tasks_are_listed_cancelled_retried_and_purged(pagemill: Run, scan: Path) -> None:
    label = ("--label", "purged=1")
    first, second = (pagemill("submit", scan, "--no-start", *label).stdout.strip() for _ in range(2))
    assert [line.split("\t")[0] for line in pagemill("list", *label).stdout.splitlines()] == [second, first]
    assert pagemill("list", *label, "--status", "failed").stdout == ""
    cancelled = pagemill("cancel", first, second)
    assert (cancelled.exit_code, cancelled.stdout) == (0, f"{first}  cancelled\n{second}  cancelled\n")
    assert pagemill("retry", first).exit_code == 0
    assert pagemill("result", first, "--wait").exit_code == 0
    asked = pagemill("purge", *label)
    assert asked.exit_code == 2
    assert "deletes 2 tasks" in asked.stderr
    assert pagemill("purge", *label, "--older-than", 1, "--yes").stderr == "pagemill: nothing to delete.\n"
    assert json.loads(pagemill("purge", *label, "--yes", "--json").stdout) == {"deleted": 2}
    assert pagemill("list", *label).stdout == ""


def test_what_goes_wrong_is_one_sentence_and_an_exit_code(pagemill: Run, scan: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(b"%PDF-1.7\nnothing more")
    waiting = pagemill("submit", scan, "--no-start").stdout.strip()
    cases = [
        (("status", "no-such-task"), 2, "no-such-task"),
        (("submit", bad), 4, f"{bad}: "),
        (("submit", bad, scan), 3, f"{bad}: "),
        (("submit", scan, "--engine", "abacus"), 2, "abacus"),
        (("submit", scan, "--label", "order"), 2, "NAME=VALUE"),
        (("submit", scan, "--wait", "--watch"), 2, "not both"),
        (("submit", scan, "--wait", "--no-start"), 2, "--no-start"),
        (("result", waiting), 7, "no finished page yet"),
        (("result", waiting, "-f", "docx"), 2, "docx"),
        (("list", "--status", "sleeping"), 2, "partially_succeeded"),
        (("status", "--server", "http://127.0.0.1:9", "-c", "impatient.yaml"), 2, "impatient.yaml"),
        (("status", "--server", "nowhere"), 2, "is not a valid address"),
        (("batch", tmp_path / "empty"), 2, "No documents found in"),
    ]
    (tmp_path / "empty").mkdir()
    for arguments, code, words in cases:
        run = pagemill(*arguments)
        assert (run.exit_code, len(run.stderr.splitlines())) == (code, 1), (arguments, run.output)
        assert run.stderr.startswith("pagemill: ")
        assert words in run.stderr


def test_a_task_is_completed_by_its_first_characters(pagemill: Run, scan: Path, server: Server) -> None:
    task_id = pagemill("submit", scan, "--no-start").stdout.strip()
    asked = {"_PAGEMILL_COMPLETE": "complete_bash", "COMP_WORDS": f"pagemill status {task_id[:-1]}", "COMP_CWORD": "2"}
    completed = subprocess.run(
        [*COMMAND],
        env=clean_environment({"SERVER_URL": server.url}) | asked,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert task_id in completed.stdout


def test_a_batch_goes_on_where_it_stopped(pagemill: Run, tmp_path: Path) -> None:
    folder, results = tmp_path / "in", tmp_path / "out"
    (folder / "deeper").mkdir(parents=True)
    make_typed(folder / "a.pdf", 1)
    make_numbered_scan(folder / "deeper" / "b.png", 1)
    (folder / "notes.txt").write_text("no document")
    arguments = ("batch", folder, "-o", results, "--dpi", 100, "--name", "bills", "--json")
    first = pagemill(*arguments)
    assert first.exit_code == 0
    assert first.stderr == "pagemill: batch bills: 2 documents, 2 read\n"
    assert (results / "deeper" / "b.txt").read_text() == "Number 101\n\f"
    tasks = {line["file"]: line["task_id"] for line in map(json.loads, first.stdout.splitlines())}
    assert tasks.keys() == {"a.pdf", "deeper/b.png"}

    (results / "a.txt").unlink()
    (results / "deeper" / "b.txt").write_text("fetched before, and left alone")
    make_typed(folder / "c.pdf", 1)
    again = pagemill(*arguments)
    assert again.stderr == "pagemill: batch bills: 3 documents, 3 read\n"
    now = {line["file"]: line["task_id"] for line in map(json.loads, again.stdout.splitlines())}
    assert {name: now[name] for name in tasks} == tasks, "nothing is sent twice"
    assert (results / "a.txt").exists()
    assert (results / "deeper" / "b.txt").read_text() == "fetched before, and left alone"
    listed = pagemill("list", "--label", "batch=bills", "--json").stdout.splitlines()
    assert {json.loads(line)["task_id"] for line in listed} == set(now.values())

    make_typed(folder / "a.pdf", 2)
    changed = pagemill(*arguments)
    sent_again = {line["file"]: line["task_id"] for line in map(json.loads, changed.stdout.splitlines())}
    assert [name for name in now if sent_again[name] != now[name]] == ["a.pdf"], "what was changed is read anew"
    assert "leaf 2" in (results / "a.txt").read_text()


def test_a_batch_delivers_what_it_can_and_reads_the_rest_again_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    make_numbered_scan(folder / "scan.pdf", 2)
    (folder / "bad.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    arguments = ("batch", folder, "-o", tmp_path / "out", "--json", *FAULTY)
    with faulty_server(tmp_path / "data", {"2": "fail:smudged"}, TASKS__RETRY__MAX_ATTEMPTS="1") as server:
        partly = runner_for(server)(*arguments)
        assert partly.exit_code == 3
        assert "bad.pdf: " in partly.stderr
        assert "1 of 2 pages read" in partly.stderr
        assert partly.stderr.splitlines()[-1].endswith("2 documents, 1 not read, 1 partly read")
        assert "page 1" in (tmp_path / "out" / "scan.txt").read_text()
    with faulty_server(tmp_path / "data", {}) as server:
        run = runner_for(server)
        assert "1 partly read" in run(*arguments).stderr
        (folder / "bad.pdf").unlink()
        whole = run(*arguments, "--retry")
        assert (whole.exit_code, json.loads(whole.stdout)["status"]) == (0, "succeeded")
        assert "page 2" in (tmp_path / "out" / "scan.txt").read_text()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Server, Gate]]:
    gate = Gate(tmp_path / "gate")
    with faulty_server(tmp_path / "data", {"2": gate.fault}) as server:
        yield server, gate


def test_an_interrupted_command_says_how_to_go_on_and_stops_nothing(held: tuple[Server, Gate], scan: Path) -> None:
    server, gate = held
    run = subprocess.Popen(
        [*COMMAND, "submit", str(scan), "--watch", *FAULTY],
        env=clean_environment({"SERVER_URL": server.url}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    gate.wait_until_reached()
    assert run.stdout is not None
    lines = [run.stdout.readline()]
    while "page_done" not in lines[-1]:
        lines.append(run.stdout.readline())
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=PATIENCE_S)
    (task,) = server.api.http.get("/tasks").json()["tasks"]
    assert run.returncode == 130
    task_id = task["task_id"]
    assert stderr == (
        f"pagemill: interrupted; the server continues. To follow: pagemill watch {task_id}. "
        f"To stop: pagemill cancel {task_id}\n"
    )
    partial = runner_for(server)("result", task_id)
    assert (partial.exit_code, partial.stdout) == (3, "page 1\n\f")
    assert "--wait" in partial.stderr
    gate.open()
    assert server.api.wait_for_end(task_id).status is TaskStatus.SUCCEEDED


def test_a_batch_that_was_killed_goes_on_with_the_tasks_it_made(held: tuple[Server, Gate], tmp_path: Path) -> None:
    server, gate = held
    folder, results = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        make_numbered_scan(folder / name, 2)
    arguments = ("batch", str(folder), "-o", str(results), "--at-once", "2", *FAULTY)
    first = subprocess.Popen([*COMMAND, *arguments], env=clean_environment({"SERVER_URL": server.url}))
    until(lambda: len(server.api.http.get("/tasks").json()["tasks"]) == 2)
    gate.wait_until_reached()
    first.kill()
    first.wait(PATIENCE_S)
    sent = {task["task_id"] for task in server.api.http.get("/tasks").json()["tasks"]}
    assert not results.exists()
    gate.open()
    again = runner_for(server)(*arguments, "--json")
    assert again.exit_code == 0
    assert again.stderr.endswith(": 3 documents, 3 read\n")
    used = {json.loads(line)["task_id"] for line in again.stdout.splitlines()}
    assert len(used) == 3
    assert sent < used
    assert {path.read_text() for path in results.iterdir()} == {"page 1\n\fpage 2\n\f"}


def test_progress_is_shown_by_page_on_a_terminal_only(server: Server, scan: Path) -> None:
    command = [*COMMAND, "submit", "--wait", "--dpi", "100", str(scan)]
    stdout, shown = run_on_terminal(command, clean_environment({"SERVER_URL": server.url}), within=PATIENCE_S)
    assert "scan.pdf" in shown
    assert "2/2" in shown
    assert stdout == b"Number 101\n\x0cNumber 102\n\x0c"


@pytest.mark.parametrize("command", ["watch", "batch"])
def test_whoever_has_read_enough_may_close_the_pipe(server: Server, scan: Path, command: str) -> None:
    task_id = server.api.submit(scan, dpi="100")
    run = subprocess.Popen(
        [*COMMAND, *(["watch", task_id] if command == "watch" else ["batch", str(scan.parent), "--json"])],
        env=clean_environment({"SERVER_URL": server.url}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert run.stdout is not None
    run.stdout.close()
    assert run.stderr is not None
    with run.stderr as stderr:
        assert stderr.read() == b""
    assert run.wait(PATIENCE_S) == 0


def test_a_server_that_is_not_there_ends_the_command_by_its_own_code(tmp_path: Path, scan: Path) -> None:
    environment = clean_environment({"SERVER_URL": "http://127.0.0.1:9"})
    run = subprocess.Popen(
        [*COMMAND, "submit", str(scan)], env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    until(lambda: run.poll() is not None)
    assert run.stderr is not None
    with run.stderr as stderr:
        assert "No service answers at http://127.0.0.1:9" in stderr.read()
    assert run.returncode == 6
