"""What cannot be taken is refused at the door, says why and what to do, and leaves nothing behind."""

from pathlib import Path

import httpx
import pytest
from tests.data.documents import make_numbered_scan, make_scan, make_typed
from tests.fixtures.server import Api, Server


@pytest.fixture
def uploads(server: Server, api: Api) -> Path:
    """Where documents lie; what earlier tests have left there is removed."""
    for task in api.http.get("/tasks", params={"limit": "200"}).json()["tasks"]:
        if task["status"] != "created":  # that nobody starts any more
            api.wait_for_end(task["task_id"])
        assert api.http.delete(task["links"]["self"]).status_code == 204
    folder = server.data / "uploads"
    assert list(folder.iterdir()) == []
    return folder


def check_problem(answer: httpx.Response, status: int, code: str, *words: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code), problem
    assert problem["type"] == f"/problems/{code.replace('_', '-')}"
    missing = [word for word in words if word not in problem["detail"]]
    assert not missing, problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("name", "content", "status", "code", "words"),
    [
        ("empty.pdf", b"", 422, "invalid_document", ["empty"]),
        ("letter.pdf", b"Dear all,\nthis is plain text.\n", 415, "unsupported_format", ["PDF", "PNG", "TIFF"]),
        ("program.pdf", b"\x7fELF\x02\x01\x01" + bytes(60), 415, "unsupported_format", ["PDF", "PNG", "TIFF"]),
        ("cut.png", b"\x89PNG\r\n\x1a\n" + bytes(30), 422, "invalid_document", []),
        ("cut.pdf", b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog", 422, "invalid_document", ["damaged"]),
    ],
)
def test_what_is_no_document_is_refused(
    api: Api, uploads: Path, tmp_path: Path, *, name: str, content: bytes, status: int, code: str, words: list[str]
) -> None:
    document = tmp_path / name
    document.write_bytes(content)
    check_problem(api.post(document), status, code, *words)
    assert list(uploads.iterdir()) == []
    assert api.http.get("/tasks").json()["tasks"] == []


def test_a_document_that_needs_a_password_is_refused(api: Api, uploads: Path, tmp_path: Path) -> None:
    document = make_typed(tmp_path / "secret.pdf", 1, user_password="sesame")  # noqa: S106 - of a test document
    check_problem(api.post(document), 422, "encrypted_document", "password")
    assert list(uploads.iterdir()) == []


def test_an_empty_password_is_no_hindrance(api: Api, tmp_path: Path) -> None:
    task = api.read(make_typed(tmp_path / "owned.pdf", 1, user_password=""))
    assert "leaf 1" in api.text(task.task_id)


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"engine": "magic"}, "unknown_engine", ["magic", "rapidocr"]),
        ({"profile": "psychic"}, "unknown_engine", ["psychic", "accurate"]),
        ({"languages": "tlh"}, "unknown_engine", ["tlh", "en"]),
        ({"pages": "2-9"}, "invalid_page_range", ["9", "1 to 3"]),
        ({"pages": "3-1"}, "invalid_page_range", ["backwards"]),
        ({"pages": "one"}, "invalid_page_range", ["one", "1-3,7,-1"]),
        ({"device": "cuda:7"}, "device_unavailable", ["cuda:7", "cpu"]),
        ({"dpi": "9000"}, "invalid_request", ["dpi"]),
        ({"ocr": "maybe"}, "invalid_request", ["ocr", "auto"]),
        ({"colour": "blue"}, "invalid_request", ["colour", "pages"]),
    ],
)
def test_what_is_asked_for_must_be_there(
    api: Api, uploads: Path, tmp_path: Path, *, fields: dict[str, str], code: str, words: list[str]
) -> None:
    check_problem(api.post(make_typed(tmp_path / "a.pdf", 3), **fields), 422, code, *words)
    assert list(uploads.iterdir()) == []
    assert api.http.get("/tasks").json()["tasks"] == []


def test_too_many_bytes_are_refused(api: Api, uploads: Path, tmp_path: Path) -> None:
    document = tmp_path / "large.pdf"
    document.write_bytes(b"%PDF-1.7\n" + bytes(3 * 1024 * 1024))
    check_problem(api.post(document), 413, "document_too_large", "1")
    assert list(uploads.iterdir()) == []


def test_too_many_pages_are_refused(api: Api, uploads: Path, tmp_path: Path) -> None:
    check_problem(api.post(make_typed(tmp_path / "long.pdf", 41)), 413, "document_too_large", "41", "40", "parts")
    assert list(uploads.iterdir()) == []


def test_what_is_not_there_is_not_found(api: Api) -> None:
    for path in ("", "/pages", "/result", "/events", "/health"):
        check_problem(api.http.get(f"/tasks/nobody{path}"), 404, "not_found", "nobody")
    check_problem(api.http.delete("/tasks/nobody"), 404, "not_found", "nobody")
    check_problem(api.http.get("/nowhere"), 404, "not_found", "/nowhere")
    check_problem(api.http.put("/tasks"), 405, "method_not_allowed", "PUT")


def test_a_form_that_is_not_there_is_refused_with_those_there_are(api: Api, tmp_path: Path) -> None:
    task = api.read(make_typed(tmp_path / "a.pdf", 1))
    result = f"/tasks/{task.task_id}/result"
    check_problem(api.http.get(result, params={"format": "docx"}), 422, "invalid_request", "docx", "markdown")
    check_problem(api.http.get(result, headers={"Accept": "image/png"}), 406, "not_acceptable", "text/plain")


def test_a_task_waits_to_be_started_and_is_started_once(api: Api, tmp_path: Path) -> None:
    task_id = api.submit(make_scan(tmp_path / "a.png", ["Later 1234"]), start="false")
    assert api.task(task_id).status == "created"
    check_problem(api.http.get(f"/tasks/{task_id}/result"), 409, "result_not_ready", "created")
    check_problem(api.http.post(f"/tasks/{task_id}/start", json={"device": "cuda:3"}), 422, "device_unavailable", "cpu")
    started = api.http.post(f"/tasks/{task_id}/start", json={"device": "cpu"})
    assert started.status_code == 202
    assert api.wait_for_end(task_id).status == "succeeded"
    check_problem(api.http.post(f"/tasks/{task_id}/start"), 409, "illegal_transition", "read")
    check_problem(api.http.post(f"/tasks/{task_id}/cancel"), 409, "illegal_transition", "succeeded")


def test_nothing_is_left_of_a_deleted_task(api: Api, uploads: Path, server: Server, tmp_path: Path) -> None:
    task = api.wait_until_clean(api.submit(make_numbered_scan(tmp_path / "a.pdf", 2)))
    assert len(list(uploads.iterdir())) == 1
    assert api.http.delete(f"/tasks/{task.task_id}").status_code == 204
    assert list(uploads.iterdir()) == []
    assert [each for each in server.data.rglob("*") if task.task_id in each.name] == []
    check_problem(api.http.get(f"/tasks/{task.task_id}"), 404, "not_found")
    assert api.http.get("/tasks").json()["tasks"] == []
