"""The worst that can stand in a request, in each place of each endpoint: refused as such, and soon."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests.data.pdfs import PdfPageSpec, make_pdf
from tests.fixtures.door import Door, open_door

LONGEST_PAUSE_S = 0.05
PAGES = 5000
LONG = 48 * 1024
"""Characters: a little less than a whole head may have."""

NESTED = {
    "lists": "[" * 20_000 + "]" * 20_000,
    "half": "[" * 30_000,
    "objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "just read": "[" * 900 + "]" * 900,
    "within an object": '{"a": ' + "[" * 1200 + "]" * 1200 + "}",
    "digits": "9" * 10_000,
    "float": "1e" + "9" * 10_000,
    "many": json.dumps({str(number): "v" for number in range(4000)}),
    "escapes": '{"' + "\\ud800" * 8000 + '": "x"}',
}
WORDS = {
    "long": "a" * LONG,
    "commas": "1-," * (LONG // 3),
    "equal signs": "a=b;q=0.1," * (LONG // 10),
    "blanks": "wait" + " " * (LONG - 8) + "=x",
    "percent": "%2e" * (LONG // 3),
    "slashes": "../" * (LONG // 3),
    "digits": "9" * LONG,
    "quotes": '"' * LONG,
}
HEADERS = [
    "accept",
    "prefer",
    "idempotency-key",
    "last-event-id",
    "range",
    "if-none-match",
    "if-range",
    "x-request-id",
    "authorization",
    "content-type",
    "origin",
    "sec-fetch-site",
    "cookie",
    "expect",
    "x-forwarded-for",
]


@pytest.fixture(scope="module")
def long_document(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_pdf(tmp_path_factory.mktemp("long") / "long.pdf", [PdfPageSpec()] * PAGES).read_bytes()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, long_document: bytes) -> Iterator[Door]:
    with open_door(tmp_path_factory.mktemp("door") / "data") as door:
        sent = door.http.post("/tasks", files={"file": long_document}, data={"start": "false"})
        assert sent.status_code == 202, sent.text
        for path in _paths(door):
            if "event" not in path:
                door.http.get(path.replace("{task_id}", sent.json()["task_id"]).replace("{number}", "1"))
        yield door


@pytest.fixture(autouse=True)
def _from_now_on(door: Door) -> None:
    door.meter.reset()


def _paths(door: Door) -> list[str]:
    return list(door.http.get("/openapi.json").json()["paths"])


def _operations(door: Door) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, operations in door.http.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _fill_path(path: str, task_id: str = "no-such-task") -> str:
    names = {"task_id": task_id, "batch_id": task_id, "number": "1", "name": "not-found"}
    return path.format_map(names)


def _check(door: Door, answer: httpx.Response, what: object) -> None:
    assert answer.status_code < 500, (what, answer.status_code, answer.text[:300])
    assert len(answer.content) < 400_000, what
    assert door.meter.longest_s < LONGEST_PAUSE_S, (what, door.meter.longest_s)


@pytest.mark.parametrize("name", NESTED)
def test_any_json_in_any_place_is_refused_and_holds_nothing_up(door: Door, name: str) -> None:
    value = NESTED[name]
    for path in ("/tasks", "/batches"):
        for field in ("labels", "pages", "languages", "webhook_url", "dpi", "engine", "device", "deadline_seconds"):
            files = {"file": ("a.pdf", b"%PDF-1.7")}
            answer = door.http.post(path, files=files, data={field: value})
            _check(door, answer, (path, field, name))
            assert answer.status_code in (415, 422), (path, field, answer.text[:300])
    for method, path, _ in _operations(door):
        if method == "GET" or path in ("/tasks", "/batches"):
            continue
        for kind in ("application/json", "application/problem+json", "text/plain"):
            answer = door.http.request(method, _fill_path(path), content=value, headers={"content-type": kind})
            _check(door, answer, (method, path, kind, name))
            assert answer.status_code in (404, 413, 422), (method, path, answer.text[:300])


@pytest.mark.parametrize("turn", range(len(WORDS)))
def test_any_text_in_any_place_is_refused_or_ignored_and_holds_nothing_up(door: Door, turn: int) -> None:
    """Each endpoint meets each text, each header each text, and each endpoint's parameter each text."""
    words = list(WORDS.values())
    for place, (method, path, operation) in enumerate(_operations(door)):
        if "event" in path:
            continue
        value = words[(turn + place) % len(words)]
        for header in HEADERS[turn :: len(WORDS)]:
            answer = door.http.request(method, _fill_path(path), headers={header: value})
            _check(door, answer, (method, path, header))
        short = value[: LONG // 3]  # percent-encoding makes three of one
        for parameter in [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]:
            answer = door.http.request(method, _fill_path(path), params={parameter: short})
            _check(door, answer, (method, path, parameter))
        _check(door, door.http.request(method, _fill_path(path, quote(short, safe=""))), (method, path))


@pytest.mark.parametrize("name", WORDS)
def test_any_text_in_any_field_of_a_form_is_refused_and_holds_nothing_up(door: Door, name: str) -> None:
    value = WORDS[name]
    fields = door.http.get("/openapi.json").json()["paths"]["/tasks"]["post"]["parameters"]
    for field in [each["name"] for each in fields if each["in"] == "query"]:
        answer = door.http.post("/tasks", files={"file": ("a.pdf", b"%PDF-1.7")}, data={field: value})
        _check(door, answer, field)
        assert answer.status_code in (415, 422), (field, answer.text[:300])
    for file_name in (value, "x" * 4000):
        _check(door, door.http.post("/tasks", files={"file": (file_name, b"%PDF-1.7")}), "file name")


def test_a_long_document_is_told_page_by_page_and_holds_nothing_up(door: Door) -> None:
    task_id = door.http.get("/tasks").json()["tasks"][0]["task_id"]
    for method, path, _ in _operations(door):
        if method != "GET" or "event" in path or "image" in path:
            continue
        door.http.get(_fill_path(path, task_id))
        assert door.meter.longest_s < LONGEST_PAUSE_S, (path, door.meter.longest_s)


@pytest.mark.parametrize("pages", ["", ",".join(map(str, range(1, 3300))), ",".join(["1-"] * 5000), "-1"])
def test_whatever_is_done_with_a_long_document_holds_nothing_up(door: Door, long_document: bytes, pages: str) -> None:
    fields = {"start": "false", "ocr": "never", "pages": pages}
    sent = door.http.post("/tasks", files={"file": long_document}, data=fields)
    assert sent.status_code == 202, sent.text
    where = sent.headers["location"]
    steps = ["POST /start", "POST /cancel", "GET /result", "GET /pages", "POST /retry", "POST /cancel", "DELETE "]
    for step in steps:
        method, _, path = step.partition(" ")
        answer = door.http.request(method, where + path)
        assert answer.status_code < 500, (step, answer.text)
        assert door.meter.longest_s < LONGEST_PAUSE_S, (step, door.meter.longest_s)


@pytest.mark.parametrize("much", [48 * 1024, 100 * 1024, 10 * 1024 * 1024])
@pytest.mark.parametrize("place", ["path", "query", "header", "headers"])
def test_a_head_is_bounded(door: Door, much: int, place: str) -> None:
    filler = b"x" * much
    head = {
        "path": b"GET /" + filler + b" HTTP/1.1\r\nHost: localhost\r\n",
        "query": b"GET /?" + filler + b" HTTP/1.1\r\nHost: localhost\r\n",
        "header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + filler + b"\r\n",
        "headers": b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * (much // 8),
    }[place]
    try:
        answer = door.say(head + b"Connection: close\r\n\r\n")
    except ConnectionError:  # it hung up while more came
        answer = b""
    assert answer[9:12] in ((b"200", b"404") if much < 64 * 1024 else (b"400", b""))
    assert door.meter.longest_s < LONGEST_PAUSE_S


def test_a_body_in_crumbs_holds_nothing_up(door: Door) -> None:
    head = b"Host: localhost\r\nContent-Type: application/pdf\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = door.say(b"POST /tasks HTTP/1.1\r\n" + head + b"1\r\na\r\n" * 60_000 + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 4"), answer[:200]
    assert door.meter.longest_s < LONGEST_PAUSE_S


@pytest.mark.parametrize("crumb", [b"\r\n", b"\r\n--", b"\r\n--b", b"\r", b"-", b"\r\n--a", b"\0"])
@pytest.mark.parametrize("place", ["before", "within", "after"])
def test_a_form_of_near_boundaries_holds_nothing_up(door: Door, crumb: bytes, place: str) -> None:
    crumbs = crumb * (900_000 // len(crumb))
    part = b'--bb\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    body = {
        "before": crumbs + b"\r\n" + part + b"%PDF-1.7\r\n--bb--\r\n",
        "within": part + crumbs + b"\r\n--bb--\r\n",
        "after": part + b"%PDF-1.7\r\n--bb--\r\n" + crumbs,
    }[place]
    answer = door.http.post("/tasks", content=body, headers={"content-type": "multipart/form-data; boundary=bb"})
    _check(door, answer, (crumb, place))
    assert answer.status_code >= 400
