"""Delivers webhooks from the outbox: a maintenance duty that tries, waits longer each time, and gives up in the end.

It delivers a message at least once: if the server dies between the receiver's answer and recording it, it sends the
message again with the same id. Every failure counts as an attempt, and attempts are counted before they are made. So
their number is bounded, even if a message kills the server or its outcome cannot be recorded.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from pagemill.domain.errors import DatabaseUnavailable
from pagemill.domain.ports import Outbox
from pagemill.domain.task.webhooks import MAX_ATTEMPTS, Delivery, WebhookFailed, retry_delay
from pagemill.tasks.duty import Duty

logger = logging.getLogger(__name__)

AT_ONCE = 16
HOLD_FOR = timedelta(minutes=2)
"""Longer than any attempt; after this, the delivery of a dead server is due again."""
MOST_ROUNDS = 100
"""Maximum number of claims in one run, so that pruning gets its turn."""
RUNS_BETWEEN_PRUNING = 1800


@dataclass(frozen=True)
class CourierConfig:
    """How often to look for due messages.

    Attributes:
        interval: Time between two runs.
    """

    interval: timedelta = timedelta(seconds=2)


class WebhookSender(Protocol):
    """Sends one message."""

    async def send(self, delivery: Delivery) -> None:
        """Send a message, and return once its receiver has accepted it.

        Raises:
            WebhookFailed: The receiver did not accept it; the message says why.
        """
        ...


class WebhookCourier:
    """Sends due messages. Runs in the server process; several servers may run it at once."""

    def __init__(self, config: CourierConfig, *, outbox: Outbox, sender: WebhookSender) -> None:
        self._outbox = outbox
        self._sender = sender
        self._runs = 0
        self._stopping = False
        self._duty = Duty("webhooks", self.run_once, interval=config.interval)

    async def start(self) -> None:
        """See `Runnable.start`."""
        self._stopping = False
        await self._duty.start()

    async def run_once(self) -> None:
        """Send all due messages, some at a time; send no more once it stops."""
        for _ in range(MOST_ROUNDS):
            due = () if self._stopping else await self._outbox.claim(limit=AT_ONCE, hold_for=HOLD_FOR)
            if not due:
                break
            await asyncio.gather(*(self._deliver(delivery) for delivery in due), return_exceptions=True)
        self._runs += 1
        if self._runs % RUNS_BETWEEN_PRUNING == 1:
            await self._outbox.prune()

    async def stop(self) -> None:
        """See `Runnable.stop`. It waits for messages being sent; the next start delivers the rest."""
        self._stopping = True
        await self._duty.stop()

    async def _deliver(self, delivery: Delivery) -> None:
        """Deliver one message. It never raises, so that other messages are not affected."""
        try:
            failure = await self._try(delivery)
            if failure is None:
                await self._outbox.mark_delivered(delivery)
            else:
                await self._put_off(delivery, failure)
        except DatabaseUnavailable as error:
            logger.warning(
                "The outcome of webhook %s will be recorded at its next attempt: %s", delivery.message_id, error
            )
        except Exception:
            logger.exception(
                "The outcome of webhook %s could not be recorded; Pagemill sends it again", delivery.message_id
            )

    async def _try(self, delivery: Delivery) -> WebhookFailed | None:
        """Try to send; returns the failure, or None."""
        if delivery.attempts > MAX_ATTEMPTS:
            return WebhookFailed("The outcome of the last attempt could not be recorded.", retryable=False)
        try:
            await self._sender.send(delivery)
        except WebhookFailed as error:
            return error
        except Exception as error:
            logger.exception("Sending webhook %s failed with an unexpected error", delivery.message_id)
            return WebhookFailed(f"Sending it failed with an unexpected error ({type(error).__name__}).")
        return None

    async def _put_off(self, delivery: Delivery, failure: WebhookFailed) -> None:
        delay = retry_delay(delivery.attempts) if failure.retryable else None
        what_next = f"tried again in {delay}" if delay is not None else "given up"
        logger.warning("Webhook %s, try %s: %s It is %s.", delivery.message_id, delivery.attempts, failure, what_next)
        await self._outbox.mark_failed(delivery, failure.message, retry_in=delay)
