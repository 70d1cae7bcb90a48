"""Every error has one form, whoever raises it."""

import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.fixtures.asgi import AsgiRequest
from tests.fixtures.web_tasks import WebTasks
from tests.unit.web.conftest import client_of

from pagemill.documents.writers.text import TextWriter
from pagemill.domain import errors
from pagemill.domain.errors import PagemillError
from pagemill.domain.page.page import Page
from pagemill.web.problems import PROBLEMS
from pagemill.web.web_config import WebConfig

MEMBERS = {
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "code",
    "retryable",
    "request_id",
    "details",
    "errors",
}


class TornWriter(TextWriter):
    """Fails once it has begun."""

    def page(self, page: Page) -> bytes:
        del page
        raise RuntimeError("the database is gone")


def domain_errors(kind: type[PagemillError] = PagemillError) -> Iterator[type[PagemillError]]:
    yield kind
    for narrower in kind.__subclasses__():
        if narrower.__module__ == errors.__name__:
            yield from domain_errors(narrower)


def check_problem(response: httpx.Response, code: str) -> None:
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert problem.keys() == MEMBERS
    assert problem["code"] == code
    assert problem["status"] == response.status_code == PROBLEMS[code][0]
    assert problem["type"] == f"/problems/{code.replace('_', '-')}"
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["detail"].endswith((".", "?"))


@pytest.mark.parametrize("kind", list(domain_errors()), ids=lambda kind: kind.__name__)
async def test_every_error_of_the_domain_becomes_its_problem(
    client: httpx.AsyncClient, tasks: WebTasks, kind: type[PagemillError]
) -> None:
    tasks.inspector.refuse_with = kind("This cannot be; do that instead.", limit_mb=8)
    response = await client.post("/tasks", files={"file": b"%PDF"})
    check_problem(response, kind.code)
    problem = response.json()
    assert problem["detail"] == "This cannot be; do that instead."
    assert problem["instance"] == "/tasks"
    assert problem["retryable"] is kind.retryable
    assert problem["details"] == {"limit_mb": 8}


@pytest.mark.parametrize(
    ("seconds", "header"), [(0, "1"), (0.2, "1"), (5, "5"), (5.1, "6"), (None, None), ("soon", None)]
)
async def test_retry_after_is_whole_seconds_and_never_zero(
    client: httpx.AsyncClient, tasks: WebTasks, seconds: float | str | None, header: str | None
) -> None:
    tasks.inspector.refuse_with = errors.QueueFull("Full.", retry_after_s=seconds)
    response = await client.post("/tasks", files={"file": b"%PDF"})
    assert response.headers.get("retry-after") == header


async def test_the_frameworks_own_errors_take_the_same_form(client: httpx.AsyncClient) -> None:
    check_problem(await client.get("/nowhere"), "not_found")
    check_problem(await client.get("/tasks/"), "not_found")
    check_problem(await client.get("/tasks?limit=x"), "invalid_request")
    not_allowed = await client.put("/tasks")
    check_problem(not_allowed, "method_not_allowed")
    assert set(not_allowed.headers["allow"].split(", ")) <= {"GET", "HEAD", "POST"}


async def test_an_unknown_error_says_nothing_to_the_public_and_all_to_the_log(
    client: httpx.AsyncClient, tasks: WebTasks, caplog: pytest.LogCaptureFixture
) -> None:
    tasks.inspector.refuse_with = RuntimeError("password=hunter2")
    with caplog.at_level(logging.ERROR):
        response = await client.post("/tasks", files={"file": b"%PDF"}, headers={"x-request-id": "trace-17"})
    check_problem(response, "internal_error")
    assert "hunter2" not in response.text
    assert "trace-17" in response.json()["detail"]
    assert "hunter2" in caplog.text
    assert "trace-17" in caplog.text


async def test_an_error_in_the_middle_of_a_result_cuts_it_off(tasks: WebTasks, uploads: Path) -> None:
    async with client_of(tasks.api(WebConfig(uploads=uploads), writers={"text": TornWriter()})) as client:
        task_id = (await client.post("/tasks", files={"file": b"%PDF"})).json()["task_id"]
        await tasks.finish_page(task_id, 1)
        with pytest.raises(RuntimeError, match="database is gone"):
            await client.get(f"/tasks/{task_id}/result")


@pytest.mark.parametrize("given", ["trace-17", "a.b:c_d", "0af7651916cd43dd8448eb211c80319c"])
async def test_a_callers_request_id_is_taken_up(client: httpx.AsyncClient, given: str) -> None:
    assert (await client.get("/livez", headers={"x-request-id": given})).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "a\tb", "<script>", "a,b"])
async def test_a_malformed_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answered = (await client.get("/livez", headers={"x-request-id": given})).headers["x-request-id"]
    assert answered != given
    assert answered.isalnum()


async def test_a_request_id_cannot_write_headers(api: FastAPI) -> None:
    request = AsgiRequest(api, "GET", "/livez", [("x-request-id", "a\r\nset-cookie: x=1")])
    await request.end()
    assert request.headers["x-request-id"].isalnum()


async def test_every_kind_of_problem_can_be_looked_up(client: httpx.AsyncClient) -> None:
    for code, (status, title) in PROBLEMS.items():
        kind = (await client.get(f"/problems/{code.replace('_', '-')}")).json()
        assert (kind["code"], kind["status"], kind["title"]) == (code, status, title)
    check_problem(await client.get("/problems/bad-weather"), "not_found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "GET, HEAD"),
        ("/livez", "GET, HEAD"),
        ("/tasks", "GET, HEAD, POST"),
        ("/tasks/metrics", "GET, HEAD"),
        ("/tasks/one", "DELETE, GET, HEAD"),
        ("/tasks/one/start", "POST"),
        ("/batches", "GET, HEAD, POST"),
        ("/batches/one", "DELETE, GET, HEAD"),
        ("/batches/one/cancel", "POST"),
    ],
)
@pytest.mark.parametrize("root", ["", "/ocr"])
async def test_all_methods_of_a_path_are_named(api: FastAPI, path: str, allowed: str, root: str) -> None:
    transport = httpx.ASGITransport(api, root_path=root)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.request("PATCH", root + path)
    check_problem(response, "method_not_allowed")
    assert response.headers["allow"] == allowed
