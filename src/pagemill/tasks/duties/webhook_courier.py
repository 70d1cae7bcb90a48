"""Delivers webhooks from the outbox: a maintenance duty that tries, waits longer each time, and gives up.

A message is delivered at least once: a server that dies between its receiver's answer and its own note of that sends it
again, under the same id. Whatever goes wrong counts as a try, and tries are counted before they are made: so the number
of them is bounded, even where a message kills the server or its fate cannot be noted.
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
"""Longer than any try takes; after it, a delivery that a dead server held is due again."""
MOST_ROUNDS = 100
"""In one run, so that pruning gets its turn however much comes."""
RUNS_BETWEEN_PRUNING = 1800


@dataclass(frozen=True)
class CourierConfig:
    """How often it is looked for what is due.

    Attributes:
        interval: Between two looks.
    """

    interval: timedelta = timedelta(seconds=2)


class WebhookSender(Protocol):
    """Sends one message."""

    async def send(self, delivery: Delivery) -> None:
        """Have it accepted by its receiver.

        Raises:
            WebhookFailed: It was not, and why.
        """
        ...


class WebhookCourier:
    """Sends what is due. Runs in the server process, and beside others of its kind."""

    def __init__(self, config: CourierConfig, *, outbox: Outbox, sender: WebhookSender) -> None:
        self._outbox = outbox
        self._sender = sender
        self._runs = 0
        self._stopping = False
        self._duty = Duty("webhooks", self.run_once, interval=config.interval)

    async def start(self) -> None:
        """Deliver regularly."""
        self._stopping = False
        await self._duty.start()

    async def run_once(self) -> None:
        """Send everything that is due, some at a time; nothing more once it is to stop."""
        for _ in range(MOST_ROUNDS):
            due = () if self._stopping else await self._outbox.claim(limit=AT_ONCE, hold_for=HOLD_FOR)
            if not due:
                break
            await asyncio.gather(*(self._deliver(delivery) for delivery in due), return_exceptions=True)
        self._runs += 1
        if self._runs % RUNS_BETWEEN_PRUNING == 1:
            await self._outbox.prune()

    async def stop(self) -> None:
        """Take up no more, and see what is under way settled; twice is no error.

        What was not taken up is delivered after the next start.
        """
        self._stopping = True
        await self._duty.stop()

    async def _deliver(self, delivery: Delivery) -> None:
        """Never raises: what goes wrong with one message is no other's concern."""
        try:
            failure = await self._try(delivery)
            if failure is None:
                await self._outbox.delivered(delivery)
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
        """What went wrong; None where nothing did."""
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
        await self._outbox.failed(delivery, failure.message, retry_in=delay)
