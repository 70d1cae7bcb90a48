"""Documents of several MiB reach each path that takes documents, by every client, without lying in memory whole."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.data.pdfs import PdfPageSpec, image_at, make_pdf
from tests.fixtures.clients import connect_client
from tests.fixtures.door import Door, open_door
from tests.fixtures.server import until

from pagemill.web.access import DOORS, RULES
from pagemill.web.guards import MAX_BODY_BYTES

UPLOAD_PATHS = {path for (_, path), rule in RULES.items() if rule.takes_documents and not path.startswith(DOORS)}
"""Those of doors take documents in ways of their own: `test_doors.py`."""

MIB = 1024 * 1024
SIDE = 1500


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three, each of more than two MiB."""
    folder = tmp_path_factory.mktemp("documents")
    page = image_at(0, 0, 600, 600)
    return [
        make_pdf(folder / f"{name}.pdf", [PdfPageSpec(page, images=((SIDE, SIDE, os.urandom(SIDE * SIDE)),))])
        for name in "cab"
    ]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with open_door(tmp_path_factory.mktemp("door") / "data") as door:
        yield door


def test_paths_that_take_forms_are_those_that_take_long_bodies(door: Door) -> None:
    found = {
        path
        for path, operations in door.http.get("/openapi.json").json()["paths"].items()
        for operation in operations.values()
        if "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
    }
    assert found == UPLOAD_PATHS


@pytest.mark.parametrize("path", sorted(UPLOAD_PATHS))
@pytest.mark.parametrize("is_chunked", [False, True])
def test_each_path_takes_them(door: Door, documents: list[Path], path: str, *, is_chunked: bool) -> None:
    sent = documents if path == "/batches" else documents[:1]
    form = httpx.Request(
        "POST", door.url, files=[("file", (each.name, each.read_bytes())) for each in sent], data={"start": "false"}
    )
    body = form.read()
    assert len(body) > 2 * MIB * len(sent)
    pieces = (body[start : start + 50_000] for start in range(0, len(body), 50_000))
    answer = door.http.post(
        path, content=pieces if is_chunked else body, headers={"content-type": form.headers["content-type"]}
    )
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_each_client_sends_them(door: Door, documents: list[Path], kind: str) -> None:
    with connect_client(kind, door.url) as client:
        batch = client.submit_batch(documents, start=False)
        assert batch.documents == len(documents)
        assert client.submit(documents[0], start=False).document.name == documents[0].name


@pytest.mark.parametrize("path", sorted(UPLOAD_PATHS))
def test_what_has_come_is_on_disk_before_the_rest_comes(door: Door, documents: list[Path], path: str) -> None:
    form = httpx.Request("POST", door.url, files={"file": documents[0].read_bytes()}, data={"start": "false"})
    body, uploads = form.read(), door.data / "uploads"

    def pieces() -> Iterator[bytes]:
        yield body[:-100]
        until(lambda: any(part.stat().st_size >= MIB for part in uploads.glob("*.part")))
        yield body[-100:]

    answer = door.http.post(path, content=pieces(), headers={"content-type": form.headers["content-type"]})
    assert answer.status_code == 202, answer.text


AROUND = {
    "before the first part": lambda part, much: much + b"\r\n" + part + b"%PDF\r\n--bb--\r\n",
    "after the last part": lambda part, much: part + b"%PDF\r\n--bb--\r\n" + much,
    "in a header": lambda part, much: part.replace(b'a.pdf"', b'a.pdf"\r\nX-A: ' + much) + b"%PDF\r\n--bb--\r\n",
    "in a field": lambda part, much: (
        b'--bb\r\nContent-Disposition: form-data; name="labels"\r\n\r\n' + much + b"\r\n" + part + b"%PDF\r\n--bb--\r\n"
    ),
    "in many parts": lambda part, much: (part + b"%PDF\r\n") * (len(much) // 100) + b"--bb--\r\n",
}


@pytest.mark.parametrize("path", sorted(UPLOAD_PATHS))
@pytest.mark.parametrize("place", AROUND)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_what_stands_around_documents_is_bounded(door: Door, path: str, place: str, *, is_chunked: bool) -> None:
    part = b'--bb\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    body = AROUND[place](part, b"x" * (2 * MIB))
    pieces = (body[start : start + 50_000] for start in range(0, len(body), 50_000))
    headers = {"content-type": "multipart/form-data; boundary=bb"}
    answer = door.http.post(path, content=pieces if is_chunked else body, headers=headers)
    assert answer.status_code in (400, 413, 422), answer.text
    assert "memory" not in answer.text


ELSEWHERE: dict[str, Callable[[bytes], dict[str, str]]] = {
    "declared": lambda body: {"content-length": str(len(body))},
    "not declared": lambda _: {"transfer-encoding": "chunked"},
}


@pytest.mark.parametrize("declared", ELSEWHERE)
def test_no_other_path_takes_them(door: Door, declared: str) -> None:
    body = b"x" * (MAX_BODY_BYTES + 1)
    for path, operations in door.http.get("/openapi.json").json()["paths"].items():
        if path in UPLOAD_PATHS:
            continue
        for method in operations:
            where = path.format(task_id="t", batch_id="b", number="1", name="not-found")
            answer = door.http.request(method, where, content=iter([body]), headers=ELSEWHERE[declared](body))
            assert answer.status_code in (411, 413), (method, path, answer.text)
