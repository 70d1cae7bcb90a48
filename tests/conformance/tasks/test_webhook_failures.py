"""Whatever goes wrong with a webhook counts, is put off and given up, and concerns no other: failures × tries."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import Connection, RowMapping, select
from tests.fixtures.stores import Stores, TurnedClock
from tests.fixtures.webhooks import KEY, Receiver

from pagemill.domain.clocks import SteadyClock
from pagemill.domain.errors import DatabaseUnavailable
from pagemill.domain.outgoing import OutgoingRules
from pagemill.domain.task.webhooks import MAX_ATTEMPTS, Delivery, WebhookFailed, retry_delay
from pagemill.store.outbox import SqlOutbox
from pagemill.store.tables import webhook_deliveries
from pagemill.tasks.duties.webhook_courier import AT_ONCE, HOLD_FOR, CourierConfig, WebhookCourier
from pagemill.tasks.duties.webhook_sender import HttpWebhookSender, Resolve, SystemResolver
from pagemill.tasks.duties.webhook_setup import WebhookConfig, make_courier

GOOD = "http://good.example/"
BAD = "http://bad.example/"
AFTER_ALL_TRIES = timedelta(hours=3)
"""Longer than any wait between two."""
TIME_LIMIT = timedelta(seconds=0.5)
SECRET = "whsec_" + "A" * 44
OK = b"HTTP/1.1 200 OK\r\n"

UNFORESEEN: Mapping[str, BaseException] = {
    "UnicodeError": UnicodeError("label empty or too long"),
    "ValueError": ValueError("embedded null byte"),
    "OverflowError": OverflowError("port must be 0-65535."),
    "InvalidURL": httpx.InvalidURL("Invalid port"),
    "SSLError": ssl.SSLError("bad"),
    "CookieConflict": httpx.CookieConflict("two"),
    "TimeoutError": TimeoutError(),
    "RecursionError": RecursionError("deep"),
    "MemoryError": MemoryError(),
    "KeyError": KeyError("a"),
    "ExceptionGroup": ExceptionGroup("two", [ValueError("a"), KeyError("b")]),
    "unstorable": WebhookFailed("a\0b\ud800" + "x" * 100_000),
    "cancelled": asyncio.CancelledError(),
}

ANSWERS: Mapping[str, tuple[bytes, bytes | None]] = {
    "nothing": (b"", None),
    "junk": (b"\x00\xff\x16\x03\x01junk\r\n\r\n", None),
    "half an answer": (b"HTTP/1.1 200", None),
    "an endless status line": (b"HTTP/1.1 200 ", b"x" * 1000),
    "an endless header": (OK + b"X: ", b"x" * 1000),
    "endless headers": (OK, b"X: y\r\n" * 100),
    "endless interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a header that is none": (OK + b"no colon\r\n\r\n", None),
    "two lengths": (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", None),
    "no length": (OK + b"Content-Length: -1\r\n\r\n", None),
    "a status that is none": (b"HTTP/1.1 9999 X\r\n\r\n", None),
    "another protocol": (b"220 mail.example ESMTP\r\n", None),
    "a redirect to itself": (b"HTTP/1.1 307 X\r\nLocation: /in\r\nContent-Length: 0\r\n\r\n", None),
    "a redirect to nowhere": (b"HTTP/1.1 302 X\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n", None),
    "cookies that are none": (
        b"HTTP/1.1 500 X\r\nSet-Cookie: =;=;\xff; Max-Age=9e999\r\nContent-Length: 0\r\n\r\n",
        None,
    ),
    "an endless refusal": (b"HTTP/1.1 500 X\r\n\r\n", b"x" * 1000),
}

ACCEPTED: Mapping[str, tuple[bytes, bytes | None]] = {
    "an endless body": (OK + b"\r\n", b"x" * 1000),
    "a body that is not what it says": (OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk", None),
    "a body that is cut off": (OK + b"Content-Length: 1000000\r\n\r\nx", None),
    "cookies": (OK + b"Set-Cookie: =;=;\xff; Max-Age=9e999\r\nContent-Length: 0\r\n\r\n", None),
}

URLS = {
    "an empty label": "http://a..example/",
    "a long label": f"http://{'a' * 64}.example/",
    "no such address": "http://999.1.1.1/",
    "no host": "http:///in",
    "no bracket": "http://[::1",
    "a large port": "http://bad.example:99999/",
    "no URL": "",
    "another scheme": "ftp://bad.example/",
    "a line break": "http://bad.example/\r\nX: y",
    "plain text over TLS": "https://bad.example/",
}
"""What the door refuses today, and the database may still hold."""


@dataclass
class Sender:
    """A `WebhookSender` that fails for one URL as it is told, and accepts the rest."""

    failure: BaseException | None = None
    sent: list[str] = field(default_factory=list)

    async def send(self, delivery: Delivery) -> None:
        self.sent.append(delivery.url)
        if delivery.url == BAD and self.failure is not None:
            raise self.failure


class ForgetfulOutbox(SqlOutbox):
    """An outbox that cannot note what became of one URL."""

    def __init__(self, stores: Stores, error: Exception) -> None:
        super().__init__(stores.database, stores.clock)
        self._error = error

    async def mark_delivered(self, delivery: Delivery) -> None:
        if delivery.url == BAD:
            raise self._error
        await super().mark_delivered(delivery)


async def rows(stores: Stores) -> Mapping[str, RowMapping]:
    """What is in the outbox, by URL."""

    def read(connection: Connection) -> Mapping[str, RowMapping]:
        return {row["url"]: row for row in connection.execute(select(webhook_deliveries)).mappings()}

    return await stores.database.read(read)


async def tried_to_the_end(stores: Stores, courier: WebhookCourier) -> None:
    for _ in range(MAX_ATTEMPTS + 3):
        await courier.run_once()
        stores.clock.turn(AFTER_ALL_TRIES)


async def leads_here(host: str, port: int) -> Sequence[str]:
    """Where names lead; what cannot be a name is asked of the system, which says so before it looks it up."""
    return ["127.0.0.1"] if host.endswith("bad.example") else await SystemResolver()(host, port)


def http_sender(
    resolve: Resolve, *, allow_private: bool = True, time_limit: timedelta = TIME_LIMIT
) -> HttpWebhookSender:
    return HttpWebhookSender(
        key=KEY,
        wall_clock=TurnedClock().now,
        outgoing=OutgoingRules(allow_private=allow_private),
        resolve=resolve,
        time_limit=time_limit,
    )


@pytest.mark.parametrize("kind", UNFORESEEN)
async def test_every_failure_is_put_off_at_every_try_and_given_up_at_the_last(kind: str, stores: Stores) -> None:
    outbox, sender = SqlOutbox(stores.database, stores.clock), Sender(UNFORESEEN[kind])
    courier = WebhookCourier(CourierConfig(), outbox=outbox, sender=sender)
    await outbox.add(BAD, "alert", {})
    for attempts in range(1, MAX_ATTEMPTS + 1):
        await outbox.add(f"{GOOD}{attempts}", "alert", {})
        await courier.run_once()
        found = await rows(stores)
        assert found[f"{GOOD}{attempts}"]["delivered_at"] is not None
        assert (sender.sent.count(BAD), found[BAD]["attempts"]) == (attempts, attempts)
        # of one that was cancelled nothing is noted: it is due when its hold ends
        delay = HOLD_FOR if kind == "cancelled" else retry_delay(attempts)
        assert found[BAD]["due_at"] == (None if delay is None else stores.clock.now() + delay)
        assert kind == "cancelled" or 0 < len(found[BAD]["last_error"]) <= 500
        stores.clock.turn(AFTER_ALL_TRIES)
    await tried_to_the_end(stores, courier)
    found = await rows(stores)
    assert sender.sent.count(BAD) == MAX_ATTEMPTS
    assert (found[BAD]["due_at"], found[BAD]["delivered_at"]) == (None, None)


@pytest.mark.parametrize("kind", ANSWERS)
async def test_whatever_a_receiver_answers_ends_and_holds_up_no_other(
    kind: str, stores: Stores, receiver: Receiver
) -> None:
    receiver.answer, receiver.goes_on = ANSWERS[kind]
    outbox = SqlOutbox(stores.database, stores.clock)
    url = f"http://bad.example:{receiver.port}/in"
    await outbox.add(url, "alert", {})
    await tried_to_the_end(stores, WebhookCourier(CourierConfig(), outbox=outbox, sender=http_sender(leads_here)))
    found = (await rows(stores))[url]
    assert (found["due_at"], found["delivered_at"]) == (None, None)
    assert found["attempts"] == MAX_ATTEMPTS
    assert 0 < len(receiver.requests) <= MAX_ATTEMPTS


@pytest.mark.parametrize("kind", ACCEPTED)
async def test_what_is_accepted_is_so_by_its_status_alone(kind: str, stores: Stores, receiver: Receiver) -> None:
    receiver.answer, receiver.goes_on = ACCEPTED[kind]
    outbox = SqlOutbox(stores.database, stores.clock)
    url = f"http://bad.example:{receiver.port}/in"
    await outbox.add(url, "alert", {})
    await tried_to_the_end(stores, WebhookCourier(CourierConfig(), outbox=outbox, sender=http_sender(leads_here)))
    assert (await rows(stores))[url]["delivered_at"] is not None
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("kind", URLS)
async def test_a_url_that_cannot_be_used_ends(kind: str, stores: Stores, receiver: Receiver) -> None:
    outbox = SqlOutbox(stores.database, stores.clock)
    url = URLS[kind].replace("bad.example/", f"bad.example:{receiver.port}/")
    await outbox.add(url, "alert", {})
    await tried_to_the_end(stores, WebhookCourier(CourierConfig(), outbox=outbox, sender=http_sender(leads_here)))
    found = (await rows(stores))[url]
    assert (found["due_at"], found["delivered_at"]) == (None, None)
    assert found["attempts"] in (1, MAX_ATTEMPTS)
    assert found["last_error"]
    assert receiver.requests == []


@pytest.mark.parametrize("allow_private", [True, False])
@pytest.mark.parametrize("kind", [*(kind for kind in UNFORESEEN if kind != "cancelled"), "junk", "silence"])
async def test_whatever_looking_a_name_up_does_ends(kind: str, stores: Stores, *, allow_private: bool) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        del host, port
        if kind == "junk":
            return ["no address"]
        if kind == "silence":
            await asyncio.Event().wait()
        raise UNFORESEEN[kind]

    outbox = SqlOutbox(stores.database, stores.clock)
    await outbox.add(BAD, "alert", {})
    time_limit = timedelta(milliseconds=1) if kind == "silence" else TIME_LIMIT
    sender = http_sender(resolve, allow_private=allow_private, time_limit=time_limit)
    await tried_to_the_end(stores, WebhookCourier(CourierConfig(), outbox=outbox, sender=sender))
    found = (await rows(stores))[BAD]
    assert (found["due_at"], found["delivered_at"]) == (None, None)
    assert found["attempts"] in (1, MAX_ATTEMPTS)


async def test_a_host_in_punycode_is_looked_up_as_it_is_written(receiver: Receiver) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        del port
        asked.append(host)
        return ["127.0.0.1"]

    hosts = ("xn--strae-oqa.example", "xn--a.example")  # decoded, one is another host's name and the other is none
    for host in hosts:
        await http_sender(resolve).send(receiver.delivery(host))
    assert tuple(asked) == hosts


@pytest.mark.parametrize("error", [DatabaseUnavailable("Away."), ValueError("Not foreseen.")], ids=["away", "fault"])
async def test_a_fate_that_cannot_be_noted_ends_and_concerns_no_other(error: Exception, stores: Stores) -> None:
    outbox, sender = ForgetfulOutbox(stores, error), Sender()
    for url in (BAD, GOOD):
        await outbox.add(url, "alert", {})
    courier = WebhookCourier(CourierConfig(), outbox=outbox, sender=sender)
    await courier.run_once()
    assert (await rows(stores))[GOOD]["delivered_at"] is not None
    await tried_to_the_end(stores, courier)
    assert sender.sent.count(GOOD) == 1
    assert sender.sent.count(BAD) == MAX_ATTEMPTS
    assert (await rows(stores))[BAD]["due_at"] is None


async def test_stopping_ends_between_two_deliveries_and_loses_and_doubles_none(stores: Stores) -> None:
    outbox = SqlOutbox(stores.database, stores.clock)
    urls = [f"{GOOD}{number}" for number in range(AT_ONCE + 4)]
    for url in urls:
        await outbox.add(url, "alert", {})
    sent: list[str] = []
    all_under_way, go_on, all_sent = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow:
        async def send(self, delivery: Delivery) -> None:
            sent.append(delivery.url)
            if len(sent) == AT_ONCE:
                all_under_way.set()
            if len(sent) == len(urls):
                all_sent.set()
            await go_on.wait()

    courier = WebhookCourier(CourierConfig(), outbox=outbox, sender=Slow())
    await courier.start()
    await all_under_way.wait()
    stopping = asyncio.create_task(courier.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    go_on.set()
    await stopping
    await courier.stop()
    found = await rows(stores)
    assert {url for url in urls if found[url]["delivered_at"] is not None} == set(sent)
    assert len(sent) == AT_ONCE
    assert [found[url]["attempts"] for url in urls if url not in sent] == [0] * 4
    await courier.start()
    await all_sent.wait()
    await courier.stop()
    assert sorted(sent) == sorted(urls)


@dataclass
class Machine(TurnedClock):
    """A machine whose wall clock is set by hand, while its other one goes on."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.mark.parametrize("jump", [timedelta(0), timedelta(hours=3), timedelta(hours=-3), timedelta(days=4000)])
async def test_a_signature_bears_the_time_that_its_receiver_knows(
    jump: timedelta, stores: Stores, receiver: Receiver
) -> None:
    machine = Machine()
    clock = SteadyClock(machine)
    outbox = SqlOutbox(stores.database, clock)
    courier = make_courier(
        WebhookConfig(SECRET, outgoing=OutgoingRules(allow_private=True)), outbox=outbox, clock=clock
    )
    assert courier is not None
    machine.turn(jump)
    machine.seconds += 1
    await outbox.add(f"http://127.0.0.1:{receiver.port}/", "alert", {})
    await courier.run_once()
    ((headers, _),) = receiver.requests
    assert headers["webhook-timestamp"] == str(int(machine.now().timestamp()))
