"""What a client is told of its tasks, by a real server on real documents: events, receipts, metrics, webhooks."""

import base64
import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.data.documents import make_numbered_scan
from tests.fixtures.server import PATIENCE_S, Api, Server

from pagemill.domain.task.task import TaskStatus
from pagemill.wire.receipt_wire import ReceiptWire
from pagemill.wire.task_wire import SampleListWire

KEY = b"k" * 32
OPTIONS = {"dpi": "100", "ocr": "force"}


@dataclass
class Hook:
    """Keeps what is posted to it."""

    url: str
    received: queue.SimpleQueue[tuple[dict[str, str], bytes]] = field(default_factory=queue.SimpleQueue)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    settings = {
        "WEBHOOKS__SECRET": f"whsec_{base64.b64encode(KEY).decode()}",
        "WEBHOOKS__ALLOW_PRIVATE": "true",
    }
    with Server(tmp_path_factory.mktemp("followed") / "data", settings=settings) as running:
        yield running.api
        print(running.log)  # noqa: T201 - shown where a test failed


@pytest.fixture
def hook() -> Iterator[Hook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            target.received.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        target = Hook(f"http://127.0.0.1:{server.server_port}/hook")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield target
        server.shutdown()
        thread.join(10)


def read_stream(api: Api, path: str, **headers: str) -> list[dict[str, str]]:
    """The messages of a stream up to its end."""
    with api.http.stream("GET", path, headers=headers, timeout=PATIENCE_S) as stream:
        blocks = "\n".join(stream.iter_lines()).split("\n\n")
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks if block.startswith("id: ")]


def test_a_task_is_followed_live_to_its_end(api: Api, tmp_path: Path) -> None:
    task_id = api.submit(make_numbered_scan(tmp_path / "scan.pdf", 3), **OPTIONS)
    told = read_stream(api, f"/tasks/{task_id}/events/stream")
    kinds = [message["event"] for message in told]
    assert kinds[:2] == ["created", "queued"]
    assert kinds.count("page_done") == 3
    assert kinds[-1] == "cleanup_completed"
    assert [json.loads(message["data"])["sequence"] for message in told] == [
        event.sequence for event in api.events(task_id)
    ]
    seen = told[4]["id"]
    assert read_stream(api, f"/tasks/{task_id}/events/stream", **{"Last-Event-ID": seen}) == told[5:]
    last = {"Last-Event-ID": told[-1]["id"]}
    assert api.http.get(f"/tasks/{task_id}/events/stream", headers=last).status_code == 204


def test_a_task_has_a_receipt_of_its_memory(api: Api, tmp_path: Path) -> None:
    task = api.read(make_numbered_scan(tmp_path / "scan.pdf", 2), **OPTIONS)
    api.wait_until_clean(task.task_id)
    receipt = ReceiptWire.model_validate_json(api.http.get(f"/tasks/{task.task_id}/receipt").content)
    assert receipt == api.task(task.task_id).receipt
    assert receipt.is_final
    assert receipt.estimated_mb == task.estimated_memory_mb
    assert receipt.peak_mb == api.task(task.task_id).actual_memory_mb
    assert receipt.reserved_mb is not None
    assert receipt.peak_mb is not None
    assert 50 < receipt.peak_mb < 2 * receipt.reserved_mb
    assert receipt.devices == ["cpu"]
    assert receipt.worked_s > 0
    assert (receipt.rungs, receipt.retries, receipt.workers_lost) == ([], {}, {})
    samples = SampleListWire.model_validate_json(api.http.get(f"/tasks/{task.task_id}/metrics").content)
    assert all(sample.memory_usage_mb > 10 for sample in samples.samples)


def test_prometheus_sees_what_was_done(api: Api, tmp_path: Path) -> None:
    before = _metrics(api)
    api.read(make_numbered_scan(tmp_path / "scan.pdf", 2), **OPTIONS)
    after = _metrics(api)
    read = ("pagemill_pages_total", "read")
    assert after[read] - before[read] == 2
    assert after["pagemill_page_duration_seconds_count", "ocr"] >= 2
    assert after["pagemill_memory_limit_bytes", "cpu"] > after["pagemill_memory_used_bytes", "cpu"] > 0
    assert after["pagemill_server_memory_bytes", ""] > 10_000_000


def test_the_end_of_a_task_is_told_by_a_signed_webhook(api: Api, hook: Hook, tmp_path: Path) -> None:
    document = make_numbered_scan(tmp_path / "scan.pdf", 1)
    task_id = api.submit(document, webhook_url=hook.url, labels='{"order": "17"}', **OPTIONS)
    headers, body = hook.received.get(timeout=PATIENCE_S)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    signature = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
    message = json.loads(body)
    assert message["type"] == "task.succeeded"
    assert message["data"]["task_id"] == task_id
    assert message["data"]["labels"] == {"order": "17"}
    assert api.task(task_id).status is TaskStatus.SUCCEEDED


def test_what_was_sent_before_is_not_read_again(api: Api, tmp_path: Path) -> None:
    document = make_numbered_scan(tmp_path / "scan.pdf", 2)
    first = api.read(document, cache="use", **OPTIONS)
    again = api.post(document, cache="use", pages="2", **OPTIONS).json()
    assert (again["status"], again["progress"]["pages_done"]) == ("succeeded", 1)
    assert api.text(again["task_id"]) in api.text(first.task_id)
    assert "102" in api.text(again["task_id"])
    api.wait_until_clean(again["task_id"])


def test_a_request_that_is_repeated_makes_one_task(api: Api, tmp_path: Path) -> None:
    body = make_numbered_scan(tmp_path / "scan.pdf", 1).read_bytes()

    def send(content: bytes) -> httpx.Response:
        headers = {"Idempotency-Key": "order-17", "Content-Type": "application/pdf"}
        return api.http.post("/tasks?start=false&labels=%7B%22order%22%3A%2217%22%7D", content=content, headers=headers)

    first, second = send(body), send(body)
    assert first.json()["task_id"] == second.json()["task_id"]
    assert second.headers["idempotency-replayed"] == "true"
    assert send(body + b"\n").json()["code"] == "idempotency_key_reused"
    found = api.http.get("/tasks", params={"label": "order:17", "status": "created"}).json()["tasks"]
    assert [task["task_id"] for task in found] == [first.json()["task_id"]]


def _metrics(api: Api) -> dict[tuple[str, str], float]:
    """By name and the value of the (only) label."""
    families = text_string_to_metric_families(api.http.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, next(iter(sample.labels.values()), "")): sample.value for sample in samples}
