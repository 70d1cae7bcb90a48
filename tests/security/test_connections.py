"""Connections that wait, dribble or do not read take nothing from others."""

import asyncio
import errno
import json
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from tests.fixtures.door import Door, open_door
from tests.fixtures.server import Server, until

from pagemill.logs import REPEATED, OncePerMinute
from pagemill.web.connections import network_of
from pagemill.web.http_server import accept_errors_apart, count_affordable

IDLE_S = 1.5
MOST = 40
REQUEST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
BEGINNINGS = {
    "nothing": b"",
    "a letter": b"G",
    "half a line": b"GET /livez HT",
    "a line": b"GET /livez HTTP/1.1\r\n",
    "half a head": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: b",
    "all but the last byte": REQUEST[:-1],
    "a request and a half": REQUEST + REQUEST[:-1],
    "blank lines": b"\r\n\r\n",
}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    settings = {"server": {"idle_timeout_seconds": IDLE_S, "max_connections": MOST, "max_connections_per_address": 10}}
    with open_door(tmp_path_factory.mktemp("door") / "data", settings) as door:
        yield door


@contextmanager
def connection(door: Door, said: bytes = b"", *, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", door.port), timeout=30, source_address=(source, 0)) as made:
        made.sendall(said)
        yield made


def all_of(made: socket.socket) -> bytes:
    """What comes until the server hangs up."""
    try:
        return b"".join(iter(lambda: made.recv(65536), b""))
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_whoever_does_not_complete_a_request_is_hung_up_on(door: Door, beginning: str) -> None:
    with connection(door, BEGINNINGS[beginning]) as made:
        answers = all_of(made)
    assert answers.count(b"HTTP/1.1 200") == (1 if beginning == "a request and a half" else 0)


def test_a_byte_now_and_then_wins_no_time(door: Door) -> None:
    begun = door.connections
    with connection(door) as made:
        until(lambda: door.connections == begun + 1)
        made.settimeout(IDLE_S / 10)
        with suppress(ConnectionError):
            for _ in range(100):
                made.sendall(b"x")
                with suppress(TimeoutError):
                    made.recv(100)
        assert door.connections == begun


def test_whoever_asks_now_and_then_stays(door: Door) -> None:
    with connection(door) as made:
        made.settimeout(IDLE_S / 2)
        for _ in range(6):
            made.sendall(REQUEST)
            answer = made.recv(65536)
            while b"alive" not in answer:
                answer += made.recv(65536)
            with pytest.raises(TimeoutError):
                made.recv(1)


def test_a_response_that_goes_on_is_not_idle(door: Door) -> None:
    with connection(door, b"GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n") as made:
        assert made.recv(65536).startswith(b"HTTP/1.1 200")
        made.settimeout(2 * IDLE_S)
        with suppress(TimeoutError):
            while received := made.recv(65536):
                assert received
        made.sendall(b"x")
        assert door.connections


def test_whoever_does_not_read_is_hung_up_on(door: Door) -> None:
    ask = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    begun = door.connections
    with connection(door, ask * 150):
        until(lambda: door.connections == begun + 1)
        until(lambda: door.connections == begun)


@pytest.mark.parametrize("beginning", ["nothing", "half a head", "a request and a half"])
def test_those_who_wait_make_room_for_others(door: Door, beginning: str) -> None:
    with ExitStack() as stack:
        for _ in range(3 * MOST):
            stack.enter_context(connection(door, BEGINNINGS[beginning]))
        assert httpx.get(f"{door.url}/livez").status_code == 200


def test_one_address_cannot_take_all(door: Door) -> None:
    with ExitStack() as stack:
        made = [stack.enter_context(connection(door, source="127.0.0.2")) for _ in range(11)]
        assert all_of(made[-1]).startswith(b"HTTP/1.1 503")
        with connection(door, REQUEST, source="127.0.0.3") as other:
            assert other.recv(65536).startswith(b"HTTP/1.1 200")
        made[0].close()

        def has_room() -> bool:
            with connection(door, REQUEST, source="127.0.0.2") as again:
                return again.recv(65536).startswith(b"HTTP/1.1 200")

        until(has_room)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_whose_address_it_is(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("descriptors", "connections"), [(65536, 1000), (1256, 1000), (1024, 768), (256, 128), (64, 32), (1, 1)]
)
def test_connections_leave_descriptors_for_the_rest(descriptors: int, connections: int) -> None:
    assert count_affordable(1000, descriptors) == connections


FEW = 256
LIMITED = (
    sys.executable,
    "-c",
    f"""
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW // 2}, {FEW}))
sys.argv[0] = "pagemill"
runpy.run_module("pagemill", run_name="__main__")
""",
)


def test_a_server_with_few_descriptors_outlives_many_connections(tmp_path: Path) -> None:
    with Server(tmp_path / "data", command=LIMITED) as server, ExitStack() as stack:
        port = int(server.url.rpartition(":")[2])
        for number in range(3 * FEW):
            made = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            with suppress(ConnectionError):  # it may be hung up on already
                made.sendall(b"GET" if number % 2 else b"")
        assert httpx.get(f"{server.url}/livez").status_code == 200
        assert len(server.log) < 20_000


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_a_lack_of_descriptors_is_one_line_without_a_traceback(number: int, caplog: pytest.LogCaptureFixture) -> None:
    context = {"message": "socket.accept() out of system resource", "exception": OSError(number, ""), "socket": None}
    with closing(asyncio.new_event_loop()) as loop:
        accept_errors_apart(loop, context)
        accept_errors_apart(loop, {"message": "something else", "exception": OSError(number, "")})
    accepting, other = caplog.records
    assert accepting.exc_info is None
    assert accepting.name in REPEATED
    assert other.exc_info


def test_the_same_is_said_once_a_minute() -> None:
    now = [0.0]
    said = OncePerMinute(lambda: now[0])

    def record(message: str, *, error: bool = False) -> logging.LogRecord:
        info = (ValueError, ValueError(), None) if error else None
        return logging.LogRecord("a", logging.WARNING, "", 1, message, (), info)

    assert said.filter(record("a"))
    assert not any(said.filter(record("a")) for _ in range(5))
    assert said.filter(record("b"))
    assert said.filter(record("a", error=True))
    now[0] = 61
    again = record("a")
    assert said.filter(again)
    assert "5 more times" in again.getMessage()


NO_REQUESTS = {
    "no HTTP": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n",
    "an endless address": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an endless header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n",
    "two lengths": b"POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("kind", NO_REQUESTS)
def test_what_is_no_request_is_answered_with_a_problem(door: Door, kind: str) -> None:
    """All of it is sent before the answer is read: the server drops the rest, so that the answer is not lost."""
    with connection(door, NO_REQUESTS[kind]) as made:
        head, _, body = all_of(made).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == "malformed_request"


def test_a_malformed_request_after_a_good_one_gets_no_answer_into_that_ones(door: Door) -> None:
    with connection(door, REQUEST + b"nonsense\r\n\r\n") as made:
        answers = all_of(made)
    assert answers.count(b"HTTP/1.1 ") <= 2
    assert answers.startswith(b"HTTP/1.1 200") or not answers
