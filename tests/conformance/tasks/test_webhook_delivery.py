"""The courier and its sender, against a receiver on this machine."""

import base64
import hashlib
import hmac
from datetime import timedelta

import pytest
from tests.fixtures.stores import Stores, TurnedClock
from tests.fixtures.webhooks import KEY, Names, Receiver

from pagemill.domain.outgoing import OutgoingRules
from pagemill.domain.task.webhooks import MAX_ATTEMPTS, Delivery, WebhookFailed
from pagemill.store.outbox import SqlOutbox
from pagemill.tasks.duties.webhook_courier import CourierConfig, WebhookCourier
from pagemill.tasks.duties.webhook_sender import HttpWebhookSender


def sender(names: Names, *, allow_private: bool = True) -> HttpWebhookSender:
    return HttpWebhookSender(
        key=KEY, wall_clock=TurnedClock().now, outgoing=OutgoingRules(allow_private=allow_private), resolve=names
    )


async def test_a_message_arrives_signed_at_the_address_that_was_checked(receiver: Receiver) -> None:
    names = Names([["127.0.0.1"]])
    await sender(names).send(receiver.delivery())
    ((headers, body),) = receiver.requests
    assert headers[":request"] == "POST /in?a=1 HTTP/1.1"
    assert headers["host"] == f"hook.example:{receiver.port}"
    assert headers["content-type"] == "application/json"
    assert body == '{"ä":1}'.encode()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert names.asked == [("hook.example", receiver.port)]


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["::1"]])
async def test_nobody_reaches_our_own_network_by_way_of_us(receiver: Receiver, addresses: list[str]) -> None:
    with pytest.raises(WebhookFailed, match="does not send") as refused:
        await sender(Names([addresses]), allow_private=False).send(receiver.delivery())
    assert not refused.value.retryable
    assert receiver.requests == []


@pytest.mark.parametrize(("status", "retryable"), [(500, True), (404, True), (302, True), (410, False)])
async def test_anything_but_success_is_a_failure(receiver: Receiver, status: int, *, retryable: bool) -> None:
    location = f"Location: http://127.0.0.1:{receiver.port}/elsewhere\r\n"
    receiver.answer = f"HTTP/1.1 {status} X\r\n{location}Content-Length: 0\r\n\r\n".encode()
    with pytest.raises(WebhookFailed, match=str(status)) as failed:
        await sender(Names([["127.0.0.1"]])).send(receiver.delivery())
    assert failed.value.retryable is retryable
    assert len(receiver.requests) == 1


async def test_a_receiver_that_is_not_there_or_says_nothing_is_a_failure(receiver: Receiver) -> None:
    receiver.answer = b""
    with pytest.raises(WebhookFailed):
        await sender(Names([["127.0.0.1"]])).send(receiver.delivery())
    with pytest.raises(WebhookFailed, match="no address"):
        await sender(Names([[]])).send(receiver.delivery())
    gone = Delivery(1, "msg_1", "http://hook.example:1/", "{}", 1)
    with pytest.raises(WebhookFailed, match="cannot be reached"):
        await sender(Names([["127.0.0.1"]])).send(gone)


async def test_the_courier_tries_until_it_is_accepted(stores: Stores, receiver: Receiver) -> None:
    outbox = SqlOutbox(stores.database, stores.clock)
    names = Names([["127.0.0.1"]] * 3)
    courier = WebhookCourier(CourierConfig(), outbox=outbox, sender=sender(names))
    await outbox.add(f"http://hook.example:{receiver.port}/", "alert", {"a": 1})
    receiver.answer = b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"
    await courier.run_once()
    await courier.run_once()
    assert len(receiver.requests) == 1
    stores.clock.turn(timedelta(seconds=5))
    await courier.run_once()
    stores.clock.turn(timedelta(seconds=25))
    receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    await courier.run_once()
    assert len(receiver.requests) == 3
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    stores.clock.turn(timedelta(days=1))
    await courier.run_once()
    assert len(receiver.requests) == 3


async def test_the_courier_gives_up_in_the_end(stores: Stores, receiver: Receiver) -> None:
    outbox = SqlOutbox(stores.database, stores.clock)
    courier = WebhookCourier(CourierConfig(), outbox=outbox, sender=sender(Names([["127.0.0.1"]] * 20)))
    await outbox.add(f"http://hook.example:{receiver.port}/", "alert", {})
    receiver.answer = b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
    for _ in range(MAX_ATTEMPTS + 3):
        await courier.run_once()
        stores.clock.turn(timedelta(hours=3))
    assert len(receiver.requests) == MAX_ATTEMPTS
