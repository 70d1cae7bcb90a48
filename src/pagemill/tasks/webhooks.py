"""Delivers webhooks from the outbox: a maintenance duty that tries, waits longer each time, and gives up."""

import asyncio
import logging
from datetime import timedelta
from typing import Protocol

from pagemill.domain.ports import Outbox
from pagemill.domain.webhooks import Delivery, WebhookFailed, retry_delay
from pagemill.tasks.duty import Duty

logger = logging.getLogger(__name__)

AT_ONCE = 16
HOLD_FOR = timedelta(minutes=2)
"""Longer than any try takes; after it, a delivery that a dead server held is due again."""
RUNS_BETWEEN_PRUNING = 1800


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

    def __init__(self, *, outbox: Outbox, sender: WebhookSender, interval: timedelta = timedelta(seconds=2)) -> None:
        self._outbox = outbox
        self._sender = sender
        self._runs = 0
        self._duty = Duty("webhooks", self.run_once, interval=interval)

    async def start(self) -> None:
        """Deliver regularly."""
        self._duty.start()

    async def run_once(self) -> None:
        """Send everything that is due, some at a time."""
        if self._runs % RUNS_BETWEEN_PRUNING == 0:
            await self._outbox.prune()
        self._runs += 1
        while due := await self._outbox.claim(limit=AT_ONCE, hold_for=HOLD_FOR):
            await asyncio.gather(*(self._deliver(delivery) for delivery in due))

    async def stop(self) -> None:
        """Deliver no more; twice is no error. What was not delivered is, after the next start."""
        await self._duty.stop()

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            await self._sender.send(delivery)
        except WebhookFailed as error:
            await self._put_off(delivery, error)
        else:
            await self._outbox.delivered(delivery)

    async def _put_off(self, delivery: Delivery, error: WebhookFailed) -> None:
        delay = retry_delay(delivery.attempts) if error.retryable else None
        what_next = f"tried again in {delay}" if delay is not None else "given up"
        logger.warning("Webhook %s, try %s: %s It is %s.", delivery.message_id, delivery.attempts, error, what_next)
        await self._outbox.failed(delivery, error.message, retry_in=delay)
