"""Bodies that come slowly, forever or too often: each ends, and one sender leaves room for others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message
from tests.fixtures.asgi import AsgiRequest
from tests.fixtures.web_tasks import WebTasks

from pagemill.web.problems import RequestRefused
from pagemill.web.senders import MOST_REMEMBERED, UploadLimits
from pagemill.web.timed_body import BodyRules, TimedBody
from pagemill.web.web_config import WebConfig

RULES = BodyRules(
    stall=timedelta(seconds=60),
    grace=timedelta(seconds=20),
    least_bytes_per_second=1000,
    longest=timedelta(seconds=3600),
)
PDF = b"%PDF-1.7\n"


@pytest.mark.parametrize(
    ("received", "waited", "patience"),
    [
        (0, 0, 20),
        (0, 19, 1),
        (0, 20, 0),
        (5000, 20, 5),
        (1_000_000, 20, 60),
        (1_000_000, 1020, 0),
        (10_000_000, 3590, 10),
        (10_000_000, 3601, -1),
    ],
)
def test_how_long_a_body_is_waited_for(received: int, waited: float, patience: float) -> None:
    assert RULES.patience(received, waited) == patience


@pytest.mark.parametrize(
    ("piece", "every_s"), [(1, 25), (1, 0.5), (999, 1), (0, 1), (59_000, 59.9), (10**7, 59), (1000, 1), (1001, 1)]
)
@pytest.mark.parametrize("is_answered", [False, True])
async def test_whatever_its_pace_a_body_ends(piece: int, every_s: float, *, is_answered: bool) -> None:
    now, piece_of = 0.0, bytes(piece)

    async def receive() -> Message:
        nonlocal now
        now += every_s
        assert now < 10_000, "it never ends"
        if piece == 0:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": piece_of, "more_body": True}

    async def read_all() -> None:
        while (await body())["type"] == "http.request":
            pass

    rules = RULES if piece else BodyRules(stall=timedelta(seconds=0.01))
    body = TimedBody(receive, rules, is_answered=lambda: is_answered, monotonic=lambda: now)
    if is_answered:
        await read_all()
    else:
        with pytest.raises(RequestRefused) as refusal:
            await read_all()
        assert refusal.value.code == "upload_stalled"
    assert now < 3700


async def test_an_honest_body_is_not_cut_off_by_our_own_slowness() -> None:
    now = 0.0

    async def receive() -> Message:
        return {"type": "http.request", "body": bytes(1000), "more_body": True}

    body = TimedBody(receive, RULES, is_answered=lambda: False, monotonic=lambda: now)
    for _ in range(100):
        await body()
        now += 100  # what is done with each piece takes long


def list_left(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []


BODIES: dict[str, tuple[str, str]] = {
    "form": ("/tasks", "multipart/form-data; boundary=b"),
    "raw": ("/tasks", "application/pdf"),
    "batch": ("/batches", "multipart/form-data; boundary=b"),
    "json": ("/tasks/task-0001/start", "application/json"),
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("begun", [b"", b"--b\r\nContent-Disposition: form-data; name=file\r\n\r\n%PDF"])
async def test_a_body_that_stops_is_refused_wherever_it_is_sent(
    tasks: WebTasks, tmp_path: Path, kind: str, begun: bytes
) -> None:
    api = tasks.api(WebConfig(uploads=tmp_path / "uploads", body=BodyRules(stall=timedelta(seconds=0.05))))
    path, content_type = BODIES[kind]
    headers = [("content-type", content_type), ("content-length", "100")]
    request = AsgiRequest(api, "POST", path, headers)
    request.body(begun)
    await request.end()
    assert request.status == 408, request.text
    assert request.json["code"] == "upload_stalled"
    assert not list_left(tmp_path / "uploads")


KEYS = ("first", "second")
SENDERS: dict[str, Callable[[FastAPI, int], httpx.AsyncClient]] = {
    "key": lambda api, number: httpx.AsyncClient(
        transport=httpx.ASGITransport(api),
        base_url="http://localhost",
        headers={"authorization": f"Bearer {KEYS[number]}"},
    ),
    "address": lambda api, number: httpx.AsyncClient(
        transport=httpx.ASGITransport(api, client=(f"10.0.0.{number}", 1)), base_url="http://localhost"
    ),
    "network": lambda api, number: httpx.AsyncClient(
        transport=httpx.ASGITransport(api, client=(f"2001:db8:0:{number}::1", 1)), base_url="http://localhost"
    ),
}


def config_for(kind: str, folder: Path, **limits: int) -> WebConfig:
    keys = KEYS if kind == "key" else ()
    return WebConfig(
        uploads=folder,
        api_keys=keys,
        max_concurrent_uploads=limits.get("at_once", 8),
        uploads_per_minute=limits.get("per_minute", 600),
    )


@pytest.mark.parametrize("kind", SENDERS)
async def test_one_sender_leaves_places_for_others(tasks: WebTasks, kind: str, tmp_path: Path) -> None:
    api = tasks.api(config_for(kind, tmp_path / "uploads", at_once=4))
    go_on, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def slowly() -> AsyncIterator[bytes]:
        yield PDF
        begun.release()  # the first piece has been taken
        await go_on.wait()

    document = {"content-type": "application/pdf"}
    async with SENDERS[kind](api, 0) as one, SENDERS[kind](api, 1) as other:
        uploads = [asyncio.ensure_future(one.post("/tasks", content=slowly(), headers=document)) for _ in range(2)]
        for _ in uploads:
            await begun.acquire()
        refused = await one.post("/tasks", content=PDF, headers=document)
        assert refused.status_code == 429
        assert refused.json()["code"] == "rate_limited"
        assert refused.headers["retry-after"] == "2"
        assert (await other.post("/tasks", content=PDF, headers=document)).status_code == 202
        go_on.set()
        assert [(await upload).status_code for upload in uploads] == [202, 202]
        assert (await one.post("/tasks", content=PDF, headers=document)).status_code == 202


@pytest.mark.parametrize("kind", SENDERS)
async def test_a_minute_has_room_for_so_many_documents_of_one_sender(
    tasks: WebTasks, kind: str, tmp_path: Path
) -> None:
    api = tasks.api(config_for(kind, tmp_path / "uploads", per_minute=3))
    async with SENDERS[kind](api, 0) as one, SENDERS[kind](api, 1) as other:
        answers = [await one.post("/tasks", files={"file": PDF}) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
        assert answers[-1].headers["retry-after"] in ("19", "20")
        assert (await other.post("/tasks", files={"file": PDF})).status_code == 202


@pytest.mark.parametrize("address", ["127.0.0.1", "127.3.2.1", "::1", "10.9.9.9"])
async def test_this_machine_and_its_proxies_have_no_limit(tasks: WebTasks, address: str, tmp_path: Path) -> None:
    config = WebConfig(
        uploads=tmp_path / "uploads", max_concurrent_uploads=4, uploads_per_minute=1, trusted_proxies=("10.9.9.9",)
    )
    transport = httpx.ASGITransport(tasks.api(config), client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answers = await asyncio.gather(*(client.post("/tasks", files={"file": PDF}) for _ in range(4)))
        assert [answer.status_code for answer in answers] == [202] * 4


def test_a_batch_counts_as_all_its_documents_and_the_count_runs_down() -> None:
    now = 0.0
    limits = UploadLimits(at_once=1, per_minute=60, monotonic=lambda: now)
    with limits.upload("a"):
        limits.count("a", documents=99)
    with pytest.raises(RequestRefused) as refusal, limits.upload("a"):
        pass
    assert refusal.value.details["retry_after_s"] == 41
    now = 40.9
    with pytest.raises(RequestRefused), limits.upload("a"):
        pass
    now = 41
    with limits.upload("a"):
        pass


def test_senders_without_number_are_not_remembered_for_ever() -> None:
    now = 0.0
    limits = UploadLimits(at_once=1, per_minute=60, monotonic=lambda: now)
    for number in range(3 * MOST_REMEMBERED):
        now += 0.01
        with limits.upload(f"address-{number}"):
            pass
    assert len(limits._used) <= MOST_REMEMBERED
