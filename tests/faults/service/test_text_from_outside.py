"""What no database keeps (NUL, half a surrogate pair) comes in by every door, and every task ends all the same."""

from pathlib import Path

from tests.data.documents import make_numbered_scan
from tests.fixtures.server import FAULTY_ENGINE, Api, faulty_server

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, TaskStatus

PLAIN = "\ufffd|\ufffd|\ufffd"
"""`UNSTORABLE` characters once they are cleaned."""
QUICKLY = {"TASKS__RETRY__MAX_ATTEMPTS": "2", "TASKS__RETRY__FIRST_DELAY_SECONDS": "0.1"}


def check_it_ends(api: Api, document: Path) -> None:
    task_id = api.submit(document, name="a\0b.pdf", **FAULTY_ENGINE)
    task = api.wait_until_clean(task_id)
    assert (task.status, task.document.name) == (TaskStatus.PARTIALLY_SUCCEEDED, "ab.pdf")
    crashed, refused, read = api.pages(task_id)
    assert crashed.failure is not None
    assert (crashed.crashes, crashed.failure.reason) == (2, TaskFailureReason.WORKER_CRASHED)
    assert "its last output: last words \ufffd|" in crashed.failure.message
    assert refused.failure is not None
    assert (refused.attempts, refused.failure.message) == (2, f"It cannot be said {PLAIN}.")
    assert read.state is PageState.DONE
    assert f"page 3{PLAIN}\n" in api.text(task_id)
    assert len([each for each in api.events(task_id) if each.event_type is TaskEvent.WORKER_LOST]) == 2


def test_a_task_ends_whatever_is_said_about_it(tmp_path: Path, empty_database: str) -> None:
    document = make_numbered_scan(tmp_path / "scan.pdf", 3)
    faults = {"1": "last_words", "2": "unspeakable", "3": "odd_text"}
    with faulty_server(tmp_path / "data", faults, DATABASE_URL=empty_database, **QUICKLY) as server:
        check_it_ends(server.api, document)
        assert "Traceback" not in server.log


def test_a_task_ends_whose_models_die_with_odd_words(tmp_path: Path, empty_database: str) -> None:
    document = make_numbered_scan(tmp_path / "scan.pdf", 1)
    with faulty_server(tmp_path / "data", {"load": "last_words"}, DATABASE_URL=empty_database, **QUICKLY) as server:
        task_id = server.api.submit(document, **FAULTY_ENGINE)
        task = server.api.wait_until_clean(task_id)
        assert task.status is TaskStatus.FAILED
        assert task.failure is not None
        assert "last words \ufffd|" in task.failure.message
        assert server.api.pages(task_id)[0].attempts == 2
