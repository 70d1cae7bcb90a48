"""Both Python clients against a real server on real documents: one suite."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.data.documents import make_numbered_scan, make_typed
from tests.fixtures.clients import HASTY, connect_client
from tests.fixtures.server import PATIENCE_S, Server

from pagemill.client import (
    Client,
    ClientError,
    Document,
    DocumentRejected,
    DocumentUnusable,
    NothingThere,
    NotInThatState,
    RequestRejected,
    ServiceUnreachable,
    WaitedTooLong,
)
from pagemill.client.retries import RetryRules
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, TaskStatus


@pytest.fixture(params=["blocking", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(server: Server, kind: str) -> Iterator[Client]:
    with connect_client(kind, server.url) as made:
        yield made


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return make_numbered_scan(tmp_path / "scan.pdf", 2)


def test_a_document_is_sent_waited_for_and_read(client: Client, scan: Path) -> None:
    task = client.submit(scan, dpi=100)
    assert task.document.name == "scan.pdf"
    done = client.wait(task, within=PATIENCE_S)
    assert done.status is TaskStatus.SUCCEEDED
    result = client.result(task)
    assert (result.text, result.is_complete) == ("Number 101\n\fNumber 102\n\f", True)
    assert [page.state for page in client.pages(task)] == [PageState.DONE, PageState.DONE]
    assert client.page(task, 2).text == "Number 102"
    assert client.image(task.task_id, 1).startswith(b"\xff\xd8")


def test_every_option_is_sent(client: Client, tmp_path: Path) -> None:
    document = make_typed(tmp_path / "typed.pdf", 3)
    task = client.submit(
        document.read_bytes(),
        name="größe.pdf",
        pages="2-3",
        ocr="never",
        engine="rapidocr",
        profile="fast",
        languages=("en",),
        dpi=150,
        rotation=180,
        allow_lower_resolution=True,
        device="cpu",
        priority=5,
        start=False,
        labels={"order": "17"},
        deadline_seconds=600,
        time_to_live_seconds=3600,
        cache="refresh",
    )
    assert task.status is TaskStatus.CREATED
    assert task.document.name == "größe.pdf"
    asked = task.options
    assert (asked.pages, asked.ocr, asked.engine, asked.profile) == ("2-3", "never", "rapidocr", "fast")
    assert (asked.languages, asked.dpi, asked.rotation, asked.allow_lower_resolution) == (["en"], 150, 180, True)
    assert (asked.device, asked.priority, asked.start, asked.labels) == ("cpu", 5, False, {"order": "17"})
    assert (asked.deadline_seconds, asked.time_to_live_seconds, asked.cache) == (600, 3600, "refresh")
    assert client.start(task, device="cpu").status is not TaskStatus.CREATED
    assert client.wait(task, within=PATIENCE_S).progress.pages_done == 2


def test_an_open_file_is_sent_from_where_it_stands(client: Client, scan: Path) -> None:
    with scan.open("rb") as file:
        assert client.submit(file, start=False).document.size_bytes == scan.stat().st_size
    padded = io.BytesIO(b"junk" + scan.read_bytes())
    padded.seek(4)
    task = client.submit(padded, start=False)
    assert (task.document.size_bytes, task.document.name) == (scan.stat().st_size, "document")


def test_results_come_in_every_form_as_text_and_as_files(client: Client, scan: Path, tmp_path: Path) -> None:
    task = client.wait(client.submit(scan, dpi=100), within=PATIENCE_S)
    forms = [form.name for form in client.setup().formats]
    for form in forms:
        target = tmp_path / "new" / f"result.{form}"
        assert client.download(task, target, form)
        assert target.read_bytes() == client.result(task, form).content
    assert json.loads((tmp_path / "new" / "result.json").read_text())["pages"][1]["number"] == 2
    assert (tmp_path / "new" / "result.pdf").read_bytes().startswith(b"%PDF-")
    with zipfile.ZipFile(tmp_path / "new" / "result.zip") as archive:
        assert archive.testzip() is None
    assert len(list((tmp_path / "new").iterdir())) == len(forms)
    out = io.BytesIO(b"before ")
    out.seek(7)
    client.download(task, out, "text")
    assert out.getvalue() == b"before Number 101\n\fNumber 102\n\f"


def test_a_file_that_cannot_be_written_is_named(client: Client, scan: Path) -> None:
    task = client.wait(client.submit(scan, dpi=100), within=PATIENCE_S)
    with pytest.raises(DocumentUnusable, match=r"Cannot write .*scan\.pdf/below/out\.txt"):
        client.download(task, scan / "below" / "out.txt")


def test_a_task_is_followed_from_its_beginning_or_from_the_last_event_seen(client: Client, scan: Path) -> None:
    task = client.submit(scan, dpi=100)
    told = list(client.follow(task))
    kinds = [event.event_type for event in told]
    assert kinds[0] is TaskEvent.CREATED
    assert kinds.count(TaskEvent.PAGE_DONE) == 2
    assert kinds[-1] is TaskEvent.CLEANUP_COMPLETED
    assert list(client.follow(task, after=told[3].sequence)) == told[4:]
    assert list(client.follow(task, after=told[-1].sequence)) == []


def test_progress_is_watched(client: Client, scan: Path) -> None:
    states = list(client.watch(client.submit(scan, dpi=100)))
    done = [state.progress.pages_done for state in states]
    assert done == sorted(done)
    assert states[-1].status is TaskStatus.SUCCEEDED
    assert states[-1].receipt is not None


def test_pages_that_are_read_already_are_given_once(client: Client, scan: Path) -> None:
    task = client.wait(client.submit(scan, dpi=100), within=PATIENCE_S)
    assert [page.text for page in client.read_pages(task)] == ["Number 101", "Number 102"]


def test_a_wait_ends_in_time(client: Client, scan: Path) -> None:
    task = client.submit(scan, start=False)
    with pytest.raises(WaitedTooLong, match="It continues"):
        client.wait(task, within=0.2)
    assert next(iter(client.watch(task))).status is TaskStatus.CREATED


def test_tasks_are_cancelled_retried_and_deleted(client: Client, scan: Path) -> None:
    task = client.submit(scan, start=False)
    assert client.cancel(task).status is TaskStatus.CANCELLED
    assert client.cancel(task).status is TaskStatus.CANCELLED
    assert client.wait(client.retry(task), within=PATIENCE_S).status is TaskStatus.SUCCEEDED
    with pytest.raises(NotInThatState, match="none can be retried"):
        client.retry(task)
    assert client.delete(task)
    with pytest.raises(NothingThere) as gone:
        client.task(task)
    assert (gone.value.status, gone.value.code) == (404, "not_found")
    assert gone.value.request_id


def test_tasks_are_listed_page_by_page_newest_first(client: Client, kind: str, scan: Path) -> None:
    labels = {"kind": kind, "list": "1"}
    made = [client.submit(scan, start=False, labels=labels).task_id for _ in range(5)]
    client.submit(scan, start=False)
    for at_once in (1, 2, 5, 100):
        found = client.tasks(labels=labels, status=TaskStatus.CREATED, at_once=at_once)
        assert [task.task_id for task in found] == made[::-1]
    assert [task.task_id for task in client.tasks(labels=labels, before=made[2])] == made[1::-1]
    assert list(client.tasks(labels=labels, status="failed")) == []


def test_the_service_and_a_task_say_how_they_are(client: Client, scan: Path) -> None:
    task = client.wait(client.submit(scan, dpi=100, ocr="force"), within=PATIENCE_S)
    assert (client.alive().status, client.ready().status) == ("alive", "ready")
    assert client.status().devices["cpu"].limit_mb == client.metrics().memory_by_device["cpu"].limit_mb
    assert client.health(task).status is TaskStatus.SUCCEEDED
    assert client.receipt(task).peak_mb == task.actual_memory_mb
    assert all(sample.memory_usage_mb > 0 for sample in client.samples(task))


def test_refusals_say_what_is_wrong(client: Client, scan: Path, tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected) as bad:
        client.submit(b"%PDF-1.7\nnothing more")
    assert bad.value.reason is TaskFailureReason.INVALID_DOCUMENT
    assert not bad.value.problem.retryable
    with pytest.raises(RequestRejected) as wrong:
        client.submit(scan, dpi=7)
    assert [each.field for each in wrong.value.problem.errors] == ["dpi"]
    task = client.submit(scan, start=False)
    with pytest.raises(NotInThatState) as early:
        client.result(task)
    assert early.value.code == "result_not_ready"
    with pytest.raises(NotInThatState):
        client.download(task, tmp_path / "early.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["scan.pdf"]
    with pytest.raises(DocumentUnusable, match=r"missing\.pdf"):
        client.submit(tmp_path / "missing.pdf")


def test_nobody_there_is_said_with_the_address(kind: str, scan: Path) -> None:
    with (
        connect_client(kind, "http://127.0.0.1:9", retries=RetryRules(total_s=0)) as client,
        pytest.raises(ServiceUnreachable, match=r"http://127\.0\.0\.1:9\. Start one with `pagemill serve`"),
    ):
        client.submit(scan)
    with (
        pytest.raises(ClientError, match="is not a valid address"),
        connect_client(kind, "127.0.0.1:8000", retries=HASTY),
    ):
        pass


def test_documents_are_sent_together_followed_and_removed_together(client: Client, scan: Path, tmp_path: Path) -> None:
    documents: list[Document] = [scan, make_typed(tmp_path / "typed.pdf", 1).read_bytes()]
    batch = client.submit_batch(documents, dpi=100, labels={"together": "1"})
    assert batch.documents == 2
    states = list(client.watch_batch(batch, within=PATIENCE_S))
    done = [state.progress.pages_done for state in states]
    assert done == sorted(done)
    over = client.wait_batch(batch, within=PATIENCE_S)
    assert (over.status, over.progress.pages_done) == (TaskStatus.SUCCEEDED, 3)
    for at_once in (1, 100):
        assert sorted(task.progress.pages_done for task in client.batch_tasks(batch, at_once=at_once)) == [1, 2]
    assert list(client.batch_tasks(batch, status="failed")) == []
    assert next(client.batches(at_once=1)).batch_id == batch.batch_id
    assert client.delete_batch(batch)
    with pytest.raises(NothingThere):
        client.batch(batch.batch_id)


def test_a_batch_is_taken_whole_or_not_and_can_be_cancelled(client: Client, scan: Path) -> None:
    with pytest.raises(RequestRejected) as refused:
        client.submit_batch([scan, b"%PDF-1.7\nnothing more"])
    assert refused.value.code == "documents_refused"
    assert len(refused.value.problem.errors) == 1
    waiting = client.submit_batch([scan, scan], start=False)
    with pytest.raises(WaitedTooLong):
        client.wait_batch(waiting, within=0.1)
    assert client.cancel_batch(waiting).status is TaskStatus.CANCELLED
