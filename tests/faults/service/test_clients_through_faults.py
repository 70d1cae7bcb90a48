"""What the clients get over: lost answers, streams kept back, full queues, a server that is killed while they wait."""

import json
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.data.documents import make_numbered_scan
from tests.fixtures.clients import HASTY, connect_client
from tests.fixtures.proxy import proxy_before
from tests.fixtures.server import PATIENCE_S, Gate, Server, faulty_server

from pagemill.client import AccessDenied, Client, RetryRules, ServiceBusy, SubmitOptions
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import TaskStatus

PAGES = 4
FAULTY = SubmitOptions(engine="faulty", profile="plain", ocr="force")
STORED = SubmitOptions(engine="faulty", profile="plain", ocr="force", start=False)


@pytest.fixture(params=["blocking", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_numbered_scan(tmp_path_factory.mktemp("documents") / "scan.pdf", PAGES)


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with faulty_server(tmp_path_factory.mktemp("steady") / "data", {}) as server:
        yield server


def list_made(client: Client, label: str) -> list[str]:
    return [task.task_id for task in client.tasks(labels={"test": label})]


def test_a_submission_whose_answer_is_lost_makes_one_task(steady: Server, kind: str, document: Path) -> None:
    with proxy_before(steady.url) as proxy, connect_client(kind, proxy.url) as client:
        proxy.lose_answers = 2
        task = client.submit(document, **SubmitOptions(engine="faulty", profile="plain", labels={"test": kind}))
        assert proxy.lose_answers == 0
        assert list_made(client, kind) == [task.task_id]


def test_commands_whose_answers_are_lost_are_done_once(steady: Server, kind: str, document: Path) -> None:
    with proxy_before(steady.url) as proxy, connect_client(kind, proxy.url) as client:
        task = client.submit(document, **STORED)
        proxy.lose_answers = 1
        assert client.cancel(task).status is TaskStatus.CANCELLED
        proxy.lose_answers = 1
        assert not client.retry(task).status.is_final or client.task(task).status is TaskStatus.SUCCEEDED
        assert client.wait(task, within=PATIENCE_S).status is TaskStatus.SUCCEEDED
        proxy.lose_answers = 1
        assert client.delete(task)
        assert proxy.lose_answers == 0


def test_a_result_whose_answer_breaks_is_fetched_again(
    steady: Server, kind: str, document: Path, tmp_path: Path
) -> None:
    with proxy_before(steady.url) as proxy, connect_client(kind, proxy.url) as client:
        task = client.wait(client.submit(document, **FAULTY), within=PATIENCE_S)
        for fault in ("lose_answers", "cut_answers"):
            setattr(proxy, fault, 1)
            assert client.download(task, tmp_path / "out.json", "json")
            assert getattr(proxy, fault) == 0
            assert (tmp_path / "out.json").read_bytes() == client.result(task, "json").content
        proxy.cut_answers = 1
        assert json.loads(client.result(task, "json").content)["pages"][PAGES - 1]["number"] == PAGES


def test_where_streams_are_kept_back_the_client_asks_instead(tmp_path: Path, kind: str, document: Path) -> None:
    rules = RetryRules(first_delay_s=0.01, longest_delay_s=0.05, total_s=60, silence_s=0.3)
    gate = Gate(tmp_path / "gate")
    with (
        faulty_server(tmp_path / "data", {"2": gate.fault}) as server,
        proxy_before(server.url) as proxy,
        connect_client(kind, proxy.url, retries=rules) as client,
    ):
        task = client.submit(document, **FAULTY)
        gate.wait_until_reached()
        proxy.keep_back = f"GET /tasks/{task.task_id}/events/stream".encode()
        told = client.follow(task)
        heard = [next(told)]
        gate.open()
        heard += told
        assert [event.event_type for event in heard].count(TaskEvent.PAGE_DONE) == PAGES
        assert [event.sequence for event in heard] == sorted({event.sequence for event in heard})
        assert heard[-1].event_type is TaskEvent.CLEANUP_COMPLETED


def test_pages_are_given_as_they_finish(tmp_path: Path, kind: str, document: Path, gate: Gate) -> None:
    with faulty_server(tmp_path / "data", {"3": gate.fault}) as server, connect_client(kind, server.url) as client:
        task = client.submit(document, **FAULTY)
        pages = client.read_pages(task)
        assert [next(pages).number, next(pages).number] == [1, 2]
        gate.wait_until_reached()
        assert not client.task(task).status.is_final
        gate.open()
        assert [page.number for page in pages] == [3, 4]


def test_a_full_queue_is_waited_out_and_patience_ends(tmp_path: Path, kind: str, document: Path, gate: Gate) -> None:
    impatient = RetryRules(total_s=0.01)
    server = faulty_server(tmp_path / "data", {"1": gate.fault}, TASKS__MAX_QUEUE_SIZE="1", TASKS__MAX_RUNNING="1")
    with server, ThreadPoolExecutor() as threads:
        with connect_client(kind, server.url, retries=impatient) as client:
            client.submit(document, **FAULTY)
            gate.wait_until_reached()
            client.submit(document, **FAULTY)
            with pytest.raises(ServiceBusy) as full:
                client.submit(document, **FAULTY)
        assert full.value.code == "queue_full"
        assert full.value.retry_after_s is not None
        assert full.value.problem.retryable
        with connect_client(kind, server.url, retries=RetryRules(total_s=600)) as client:
            last = threads.submit(client.submit, document, **FAULTY)
            gate.open()
            task = last.result(PATIENCE_S)
            assert client.wait(task, within=PATIENCE_S).status is TaskStatus.SUCCEEDED


def test_a_server_that_is_killed_and_started_anew_is_waited_for(
    tmp_path: Path, kind: str, document: Path, gate: Gate
) -> None:
    with ThreadPoolExecutor() as threads:
        with faulty_server(tmp_path / "data", {"3": gate.fault}) as server, connect_client(kind, server.url) as client:
            port = server.url.rpartition(":")[2]
            task = client.submit(document, **FAULTY)
            gate.wait_until_reached()
            seen = threading.Event()
            following = threads.submit(_sequences, kind, server.url, task.task_id, seen)
            waiting = threads.submit(_wait_for_status, kind, server.url, task.task_id)
            assert seen.wait(PATIENCE_S)
            assert server.end(signal.SIGKILL) == -signal.SIGKILL
        gate.open()
        with faulty_server(tmp_path / "data", {}, SERVER__PORT=port):
            assert waiting.result(PATIENCE_S) is TaskStatus.SUCCEEDED
            told = following.result(PATIENCE_S)
    sequences = [sequence for sequence, _ in told]
    assert sequences == sorted(set(sequences))
    assert sorted(page for _, page in told if page) == list(range(1, PAGES + 1))


def _wait_for_status(kind: str, url: str, task_id: str) -> TaskStatus:
    with connect_client(kind, url, retries=HASTY) as client:
        return client.wait(task_id).status


def _sequences(kind: str, url: str, task_id: str, seen: threading.Event) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    with connect_client(kind, url, retries=HASTY) as client:
        for event in client.follow(task_id):
            seen.set()
            done = event.event_type is TaskEvent.PAGE_DONE
            told.append((event.sequence, int(event.details["page"] or 0) if done else 0))
    return told


def test_a_service_with_keys_is_used_with_one(tmp_path: Path, document: Path) -> None:
    with faulty_server(tmp_path / "data", {}, SERVER__API_KEYS='["right"]') as server:
        for kind in ("blocking", "async"):
            with (
                connect_client(kind, server.url, api_key="wrong") as client,
                pytest.raises(AccessDenied, match="API keys"),
            ):
                client.submit(document, **FAULTY)
            with connect_client(kind, server.url, api_key="right") as client:
                assert client.wait(client.submit(document, **FAULTY), within=PATIENCE_S).status is TaskStatus.SUCCEEDED
