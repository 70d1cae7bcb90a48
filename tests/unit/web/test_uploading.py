"""`POST /tasks`: what arrives, what is refused, and that nothing refused stays on the disk."""

import hashlib
import stat
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.fixtures.asgi import AsgiRequest
from tests.fixtures.undeletable import undeletable
from tests.fixtures.web_tasks import WebTasks
from tests.unit.web.conftest import MakeApi

from pagemill.domain.documents import OcrMode
from pagemill.domain.errors import QueueFull
from pagemill.domain.memory import MIB
from pagemill.web.problems import RequestRefused
from pagemill.web.timed_body import BodyRules
from pagemill.web.uploads import MAX_NAME_LENGTH, _disk_errors, remove_abandoned
from pagemill.web.web_config import WebConfig

PDF = b"%PDF-1.7 three pages\n"
BOUNDARY = "limit"
FORM_TYPE = ("content-type", f"multipart/form-data; boundary={BOUNDARY}")


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    """One part of a form, written by hand so that anything can stand in it."""
    named = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + value + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


async def post_form(client: httpx.AsyncClient, *parts: bytes, end: bytes = END) -> httpx.Response:
    return await client.post("/tasks", content=b"".join(parts) + end, headers=[FORM_TYPE])


def list_left(uploads: Path) -> list[str]:
    return sorted(path.name for path in uploads.iterdir()) if uploads.exists() else []


def content_and_mode(path: Path) -> tuple[bytes, int]:
    return path.read_bytes(), stat.S_IMODE(path.stat().st_mode)


async def test_a_form_becomes_a_task_with_its_document_on_disk(
    client: httpx.AsyncClient, tasks: WebTasks, uploads: Path
) -> None:
    response = await client.post("/tasks", files={"file": ("Rechnung März.pdf", PDF, "application/pdf")})
    assert response.status_code == 202
    body = response.json()
    assert response.headers["location"] == f"/tasks/{body['task_id']}"
    assert body["status"] == "queued"
    assert body["document"] == {
        "name": "Rechnung März.pdf",
        "size_bytes": len(PDF),
        "sha256": hashlib.sha256(PDF).hexdigest(),
        "kind": "pdf",
        "page_count": 3,
        "needs_password": False,
    }
    stored = tasks.inspector.seen[0][0]
    assert stored.parent == uploads
    assert list_left(uploads) == [stored.name]
    assert content_and_mode(stored) == (PDF, 0o600)


@pytest.mark.parametrize("media_type", ["application/pdf", "image/png", "Image/TIFF", "application/octet-stream; x=y"])
async def test_a_document_may_be_the_body_itself(client: httpx.AsyncClient, tasks: WebTasks, media_type: str) -> None:
    response = await client.post(
        "/tasks?name=scan.pdf&pages=2-&dpi=300", content=PDF, headers={"content-type": media_type}
    )
    assert response.status_code == 202
    (request,) = await tasks.list_sent()
    assert request.document.name == "scan.pdf"
    assert request.options.recognition.dpi == 300
    assert response.json()["progress"]["pages_total"] == 2


async def test_every_option_of_a_form_is_understood(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    fields = {
        "pages": "1,3",
        "ocr": "force",
        "engine": "rapidocr",
        "profile": "fast",
        "languages": "en, zh",
        "dpi": "300",
        "rotation": "90",
        "allow_lower_resolution": "true",
        "structure": "true",
        "device": "cpu",
        "priority": "-5",
        "start": "false",
        "labels": '{"customer": "17"}',
        "deadline_seconds": "3600",
        "time_to_live_seconds": "86400.5",
        "cache": "refresh",
        "webhook_url": "https://example.com/hook",
    }
    response = await client.post("/tasks", files={"file": PDF}, data=fields)
    assert response.status_code == 202
    (task,) = await tasks.list_sent()
    options = task.options
    assert options.recognition.ocr is OcrMode.FORCE
    assert options.recognition.languages == ("en", "zh")
    assert options.recognition.rotation == 90
    assert options.labels == {"customer": "17"}
    shown = response.json()
    assert shown["status"] == "created"
    assert shown["options"] == {
        "pages": "1,3",
        "ocr": "force",
        "engine": "rapidocr",
        "profile": "fast",
        "languages": ["en", "zh"],
        "dpi": 300,
        "rotation": 90,
        "allow_lower_resolution": True,
        "structure": True,
        "device": "cpu",
        "priority": -5,
        "start": False,
        "labels": {"customer": "17"},
        "deadline_seconds": 3600,
        "time_to_live_seconds": 86400.5,
        "cache": "refresh",
        "webhook_url": "https://example.com/hook",
    }


async def test_blank_fields_count_as_left_out(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    response = await client.post("/tasks", files={"file": PDF}, data={"dpi": "", "rotation": " ", "labels": ""})
    assert response.status_code == 202
    (task,) = await tasks.list_sent()
    assert task.options.recognition.rotation is None


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("dpi", "9999", "600"),
        ("rotation", "45", "90"),
        ("ocr", "perhaps", "auto"),
        ("start", "maybe", "boolean"),
        ("priority", "1000", "100"),
        ("labels", "customer", "JSON"),
        ("labels", '{"customer": 17}', "strings"),
        ("labels", '{"customer": "\\u0000"}', "NUL"),
        ("labels", '{"customer": "\\ud800"}', "surrogate"),
        ("pages", "1\x00", "NUL"),
        ("pages", "1" * 70_000, "longer"),
        ("colour", "red", "unknown field"),
    ],
)
async def test_a_field_that_cannot_be_used_is_refused_by_name(
    client: httpx.AsyncClient, uploads: Path, field: str, value: str, words: str
) -> None:
    response = await post_form(client, part("file", PDF, "a.pdf"), part(field, value.encode()))
    assert response.status_code == 422
    problem = response.json()
    assert problem["code"] == "invalid_request"
    assert problem["errors"][0]["field"] == field
    assert words in problem["errors"][0]["message"]
    assert list_left(uploads) == []


@pytest.mark.parametrize("path", ["/tasks", "/batches"])
async def test_an_option_in_the_form_replaces_that_in_the_query(
    client: httpx.AsyncClient, tasks: WebTasks, path: str
) -> None:
    url = f"{path}?dpi=72&priority=3"
    assert (await client.post(url, files={"file": PDF}, data={"dpi": "96"})).status_code == 202
    (task,) = await tasks.list_sent()
    assert (task.options.recognition.dpi, task.options.priority) == (96, 3)


async def test_all_bad_options_are_named_at_once(client: httpx.AsyncClient) -> None:
    response = await client.post("/tasks", files={"file": PDF}, data={"dpi": "x", "priority": "y"})
    assert {error["field"] for error in response.json()["errors"]} == {"dpi", "priority"}


@pytest.mark.parametrize(
    ("parts", "end", "status", "words"),
    [
        ([part("dpi", b"200")], END, 422, "no document"),
        ([part("file", PDF, "a"), part("file", PDF, "b")], END, 422, "two"),
        ([part("file", PDF, "a"), part("dpi", b"72"), part("dpi", b"96")], END, 422, "twice"),
        ([part("file", PDF, "a"), part("engine", b"\xff\xfe")], END, 422, "UTF-8"),
        ([part("file", PDF, "a")], b"", 400, "last boundary"),
        ([part("file", b"", "a")], END, 422, "empty"),
        ([b"no form at all"], b"", 400, "multipart"),
        ([], b"", 400, "last boundary"),
        ([f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx\r\n".encode()], END, 400, "no name"),
        ([part("dpi", b"72") * 100], END, 400, "more than 64 parts"),
    ],
)
async def test_a_form_that_is_not_right_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient, uploads: Path, parts: list[bytes], end: bytes, status: int, words: str
) -> None:
    response = await post_form(client, *parts, end=end)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert words in response.json()["detail"]
    assert list_left(uploads) == []


async def test_a_form_split_at_every_byte_reads_the_same(api: FastAPI, tasks: WebTasks) -> None:
    request = AsgiRequest(api, "POST", "/tasks", [FORM_TYPE])
    tricky = PDF + f"\r\n--{BOUNDARY[:-1]}\r\n".encode()
    for byte in part("file", tricky, "é.pdf") + part("dpi", b"100") + END:
        request.body(bytes([byte]))
    request.body(b"", more=False)
    await request.end()
    assert request.status == 202
    assert content_and_mode(tasks.inspector.seen[0][0]) == (tricky, 0o600)
    (task,) = await tasks.list_sent()
    assert task.document.name == "é.pdf"


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "application/x-www-form-urlencoded"])
async def test_other_bodies_are_refused_with_what_is_taken(client: httpx.AsyncClient, content_type: str) -> None:
    response = await client.post("/tasks", content=PDF, headers={"content-type": content_type})
    assert response.status_code == 415
    assert response.json()["code"] == "unsupported_media_type"
    assert "multipart/form-data" in response.headers["accept-post"]


@pytest.mark.parametrize("parameter", ["", "; boundary=", "; boundary=" + "x" * 1000])
async def test_a_form_needs_a_boundary(client: httpx.AsyncClient, parameter: str) -> None:
    response = await client.post("/tasks", content=b"x", headers={"content-type": f"multipart/form-data{parameter}"})
    assert response.status_code == 400
    assert response.json()["code"] == "malformed_body"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/cron.d/x", "x"),
        ("a\x00b\x1b[31m.pdf", "ab[31m.pdf"),
        ("..", ".."),
        ("", "document"),
        ("\u202egnp.fdp", "gnp.fdp"),
        ("发票 📄.pdf", "发票 📄.pdf"),
        ("n" * 5000 + ".pdf", "n" * MAX_NAME_LENGTH),
    ],
)
async def test_a_hostile_name_is_shown_and_never_a_path(
    client: httpx.AsyncClient, tasks: WebTasks, uploads: Path, sent: str, shown: str
) -> None:
    response = await client.post("/tasks", params={"name": sent}, files={"file": ("f", PDF)})
    assert response.status_code == 202
    assert response.json()["document"]["name"] == (shown if sent else "f")
    stored = tasks.inspector.seen[0][0]
    assert stored.parent == uploads
    assert len(stored.name) == 32
    assert stored.name.isalnum()
    assert list_left(uploads.parent) == ["uploads"]


async def test_hostile_names_in_a_form_never_are_paths(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    for filename in ("../../x.pdf", "C:\\x.pdf", ""):
        assert (await post_form(client, part("file", PDF, filename))).status_code == 202
    assert [task.document.name for task in await tasks.list_sent()] == ["x.pdf", "x.pdf", "document"]


async def test_too_large_is_known_before_a_byte_is_read(api: FastAPI, uploads: Path) -> None:
    headers = [("content-type", "application/pdf"), ("content-length", "5000000")]
    request = AsgiRequest(api, "POST", "/tasks", headers)
    await request.end()
    assert request.status == 413
    assert request.json["details"] == {"size_bytes": 5_000_000, "limit_bytes": 100_000}
    assert not request.was_read
    assert list_left(uploads) == []


async def test_too_large_stops_the_upload_where_its_length_was_not_said(api: FastAPI, uploads: Path) -> None:
    request = AsgiRequest(api, "POST", "/tasks", [("content-type", "application/pdf")])
    for _ in range(4):
        request.body(bytes(30_000))
    await request.end()
    assert request.status == 413
    assert request.json["code"] == "document_too_large"
    assert request.json["details"]["limit_bytes"] == 100_000
    assert list_left(uploads) == []


async def test_a_document_of_just_the_limit_is_taken(client: httpx.AsyncClient) -> None:
    exact = PDF.ljust(100_000)
    assert (await client.post("/tasks", files={"file": exact})).status_code == 202
    assert (await client.post("/tasks", files={"file": exact + b"x"})).status_code == 413


@pytest.mark.parametrize("headers", [[FORM_TYPE], [("content-type", "application/pdf")]])
async def test_a_client_that_goes_away_leaves_no_file(
    make_api: MakeApi, tasks: WebTasks, uploads: Path, headers: list[tuple[str, str]]
) -> None:
    api = make_api(WebConfig(uploads=uploads))
    request = AsgiRequest(api, "POST", "/tasks", headers)
    request.body(part("file", bytes(3 * MIB), "a.pdf")[:-2])
    await request.wait_until_drained()
    assert [name for name in list_left(uploads) if name.endswith(".part")]
    request.disconnect()
    await request.end()
    assert request.status is None
    assert list_left(uploads) == []
    assert tasks.inspector.seen == []


async def test_a_server_that_stops_leaves_no_file(make_api: MakeApi, uploads: Path) -> None:
    request = AsgiRequest(make_api(WebConfig(uploads=uploads)), "POST", "/tasks", [("content-type", "application/pdf")])
    request.body(bytes(3 * MIB))
    await request.wait_until_drained()
    await request.cancel()
    assert list_left(uploads) == []


async def test_an_upload_that_stops_is_given_up(make_api: MakeApi, uploads: Path) -> None:
    api = make_api(WebConfig(uploads=uploads, body=BodyRules(stall=timedelta(seconds=0.05))))
    request = AsgiRequest(api, "POST", "/tasks", [("content-type", "application/pdf")])
    request.body(bytes(2 * MIB))
    await request.end()
    assert request.status == 408
    assert request.json["code"] == "upload_stalled"
    assert request.json["retryable"] is True
    assert list_left(uploads) == []


async def test_more_uploads_than_may_be_are_told_to_come_back(api: FastAPI, client: httpx.AsyncClient) -> None:
    slow = [AsgiRequest(api, "POST", "/tasks", [("content-type", "application/pdf")]) for _ in range(2)]
    for request in slow:
        request.body(PDF)
        await request.wait_until_drained()
    refused = await client.post("/tasks", files={"file": PDF})
    assert refused.status_code == 503
    assert refused.json()["code"] == "too_many_uploads"
    assert int(refused.headers["retry-after"]) >= 1
    for request in slow:
        request.body(b"", more=False)
        await request.end()
    assert [request.status for request in slow] == [202, 202]
    assert (await client.post("/tasks", files={"file": PDF})).status_code == 202


async def test_a_refused_task_leaves_no_document(client: httpx.AsyncClient, tasks: WebTasks, uploads: Path) -> None:
    assert (await client.post("/tasks", files={"file": b"GIF89a"})).status_code == 415
    tasks.inspector.refuse_with = QueueFull("100 tasks wait already; send it again later.", retry_after_s=41.2)
    full = await client.post("/tasks", files={"file": PDF})
    assert full.status_code == 429
    assert full.headers["retry-after"] == "42"
    assert full.json()["retryable"] is True
    assert list_left(uploads) == []


async def test_bad_options_in_the_query_are_refused_before_the_body_is_read(api: FastAPI) -> None:
    for query in ("dpi=1", "colour=red", "dpi=72&dpi=96"):
        request = AsgiRequest(api, "POST", "/tasks", [("content-type", "application/pdf")], query=query)
        await request.end()
        assert request.status == 422
        assert not request.was_read


def test_a_full_disk_is_said_so() -> None:
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("there is no /dev/full")
    with pytest.raises(RequestRefused) as refused, _disk_errors(), device.open("wb", buffering=0) as full:
        full.write(PDF)
    assert refused.value.code == "storage_full"


async def test_fifty_megabytes_pass_through_flat_memory(make_api: MakeApi, tasks: WebTasks, uploads: Path) -> None:
    size = 50 * MIB
    piece = bytes(64 * 1024)

    async def body() -> AsyncIterator[bytes]:
        yield part("file", PDF, "big.pdf")[:-2]
        for _ in range(size // len(piece)):
            yield piece
        yield b"\r\n" + END

    tasks.inspector.refuse_with = QueueFull("Full.", retry_after_s=1)
    request = AsgiRequest(make_api(WebConfig(uploads=uploads)), "POST", "/tasks", [FORM_TYPE])
    tracemalloc.start()
    try:
        async for chunk in body():
            request.body(chunk)
            await request.wait_until_drained()
        request.body(b"", more=False)
        await request.end()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert request.status == 429
    assert tasks.inspector.seen[0][1].st_size == len(PDF) + size
    assert peak < 6 * MIB


async def test_what_a_dead_server_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    for name in ("old.part", "document"):
        (tmp_path / name).write_bytes(PDF)
    now = datetime.now(UTC)
    assert remove_abandoned(tmp_path, now=now) == 0
    assert remove_abandoned(tmp_path, now=now + timedelta(hours=2)) == 1
    assert list_left(tmp_path) == ["document"]


async def test_one_that_cannot_be_removed_keeps_no_other(tmp_path: Path) -> None:
    for name in ("m.part", "z.part", "a.part"):
        (tmp_path / name).write_bytes(PDF)
    later = datetime.now(UTC) + timedelta(hours=2)
    with undeletable(tmp_path / "m.part"):
        assert remove_abandoned(tmp_path, now=later) == 2
        assert list_left(tmp_path) == ["m.part"]
    assert remove_abandoned(tmp_path, now=later) == 1


@pytest.mark.parametrize(
    ("fields", "headers", "taken"),
    [
        ({"password": " Grüße 50% "}, {}, " Grüße 50% "),
        ({}, {"Pagemill-Password": b"sesame"}, "sesame"),
        ({}, {"Pagemill-Password": "Grüße".encode()}, "Grüße"),
        ({}, {"Pagemill-Password": "Grüße".encode("latin-1")}, "Grüße"),
        ({"password": "field"}, {"Pagemill-Password": b"header"}, "field"),
        ({"password": ""}, {}, None),
    ],
)
async def test_a_password_comes_as_it_was_given_in_the_form_or_a_header(
    client: httpx.AsyncClient,
    tasks: WebTasks,
    fields: dict[str, str],
    headers: dict[str, bytes],
    taken: str | None,
) -> None:
    sent = await client.post(
        "/tasks",
        files={"file": ("a.pdf", PDF)},
        data=fields,
        headers=[(name.encode(), value) for name, value in headers.items()],
    )
    assert sent.status_code == 202
    assert tasks.inspector.password == taken
    assert taken is None or taken not in sent.text


@pytest.mark.parametrize("secret", ["x" * 1025, "a\0b"])
async def test_a_password_that_cannot_be_is_refused_without_repeating_it(
    client: httpx.AsyncClient, uploads: Path, secret: str
) -> None:
    sent = await post_form(client, part("file", PDF, "a.pdf"), part("password", secret.encode()))
    assert (sent.status_code, sent.json()["errors"][0]["field"]) == (422, "password")
    assert secret not in sent.text
    assert list_left(uploads) == []


@pytest.mark.parametrize("path", ["/tasks", "/batches"])
async def test_a_url_is_no_place_for_a_password(client: httpx.AsyncClient, path: str) -> None:
    sent = await client.post(path, params={"password": "sesame"}, files={"file": ("a.pdf", PDF)})
    assert (sent.status_code, sent.json()["errors"][0]["field"]) == (422, "query.password")
    assert "Pagemill-Password" in sent.text
    assert "sesame" not in sent.text


async def test_passwords_of_a_batch_reach_every_document(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    files = [("file", (name, PDF)) for name in ("a.pdf", "b.pdf")]
    sent = await client.post("/batches", files=files, data={"password": "sesame"})
    assert sent.status_code == 202
    assert tasks.inspector.password == "sesame"  # noqa: S105 - of a test document
