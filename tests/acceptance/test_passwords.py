"""A protected PDF is read with its password, which is nowhere to be found afterwards, nor while its task lasts."""

# ruff: noqa: S105 - passwords of test documents

import io
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from tests.data.pdfs import PdfPageSpec, image_at, make_pdf, text_at
from tests.data.pictures import as_picture, write_lines
from tests.fixtures.server import Server

from pagemill import Client
from pagemill.client.errors import DocumentRejected

SECRET = "korrekt-pferd-77"
WRONG = "falsch-pferd-88"
HEADER = {"Pagemill-Password": SECRET}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("secret") / "data") as running:
        yield running


@pytest.fixture
def document(tmp_path: Path) -> Path:
    scan = as_picture(write_lines(["Scanned and protected"], size=(850, 300)))
    pages = [
        PdfPageSpec(text_at(72, 700, "Typed and protected")),
        PdfPageSpec(image_at(0, 400, 612, 216), images=(scan,)),
    ]
    return make_pdf(tmp_path / "secret.pdf", pages, user_password=SECRET)


def holders(server: Server, *more: bytes) -> list[str]:
    """Whatever has a password: files of the data folder, the log, answers."""
    places = {str(path): path.read_bytes() for path in server.data.rglob("*") if path.is_file()}
    places |= {"log": server.log.encode()} | {f"answer {at}": answer for at, answer in enumerate(more)}
    return [name for name, content in places.items() for secret in (SECRET, WRONG) if secret.encode() in content]


def test_it_is_read_drawn_and_made_searchable_and_its_password_is_nowhere(server: Server, document: Path) -> None:
    api, http = server.api, server.api.http
    missing, wrong = api.post(document), api.post(document, password=WRONG)
    in_url = http.post("/tasks", params={"password": WRONG}, content=document.read_bytes())
    for answer, told in ((missing, "Send it with its password"), (wrong, "does not open the PDF")):
        assert (answer.status_code, answer.json()["code"]) == (422, "encrypted_document")
        assert told in answer.json()["detail"]
    assert (in_url.status_code, "form" in in_url.text) == (422, True)

    task = api.wait_for_end(api.submit(document, password=SECRET))
    assert (task.status, task.document.needs_password) == ("succeeded", True)
    text = api.text(task.task_id)
    assert "Typed and protected" in text
    assert "Scanned and protected" in text

    path = f"/tasks/{task.task_id}"
    for place, params in ((f"{path}/result", {"format": "pdf"}), (f"{path}/pages/1/image", {})):
        refused = http.get(place, params=params)
        assert (refused.status_code, refused.json()["code"]) == (422, "encrypted_document")
        assert "Pagemill-Password" in refused.json()["detail"]
        assert http.get(place, params=params, headers={"Pagemill-Password": WRONG}).status_code == 422
    assert http.get(f"{path}/pages/1/image", headers=HEADER).content[:2] == b"\xff\xd8"
    made = http.get(f"{path}/result", params={"format": "pdf"}, headers=HEADER).content
    with pikepdf.open(io.BytesIO(made), password=SECRET) as pdf:
        assert len(pdf.pages) == 2
    answers = [http.get(f"{path}{part}").content for part in ("", "/events", "/receipt", "/health", "/pages")]
    assert holders(server, missing.content, wrong.content, *answers) == []


@pytest.mark.parametrize("ocr", ["auto", "force", "never"])
def test_the_header_does_as_well_in_every_mode(server: Server, document: Path, ocr: str) -> None:
    sent = server.api.http.post(
        "/tasks",
        params={"ocr": ocr},
        content=document.read_bytes(),
        headers={**HEADER, "Content-Type": "application/pdf", "Prefer": "wait=60"},
    )
    assert sent.json()["status"] == "succeeded", sent.text


def test_a_repetition_is_known_whatever_its_password(server: Server, document: Path) -> None:
    with Client(str(server.api.http.base_url)) as client:
        first = client.submit(document, idempotency_key="k-1", password=SECRET)
        again = client.submit(document, idempotency_key="k-1", password=WRONG)
        assert again.task_id == first.task_id
        with pytest.raises(DocumentRejected):
            client.submit(document, password=WRONG)
        assert client.wait(first).status == "succeeded"
        assert client.result(first, "pdf", password=SECRET).content[:5] == b"%PDF-"


def test_after_a_restart_a_task_says_that_it_needs_its_password_again(tmp_path: Path, document: Path) -> None:
    data = tmp_path / "data"
    with Server(data) as server:
        task_id = server.api.submit(document, password=SECRET, start="false")
        assert holders(server) == []
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(timeout=30)
    with Server(data) as server:
        http = server.api.http
        refused = http.post(f"/tasks/{task_id}/start")
        assert (refused.status_code, refused.json()["code"]) == (422, "encrypted_document")
        assert http.post(f"/tasks/{task_id}/start", headers={"Pagemill-Password": WRONG}).status_code == 422
        assert server.api.task(task_id).status == "created"
        assert http.post(f"/tasks/{task_id}/start", headers=HEADER).status_code == 202
        assert server.api.wait_for_end(task_id).status == "succeeded"
        assert holders(server, json.dumps(http.get(f"/tasks/{task_id}").json()).encode()) == []
