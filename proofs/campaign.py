"""Sends documents from several clients at once, and follows each to its end through all disturbances."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Condition, Lock

from proofs.chaos_documents import ChaosDocument

from pagemill.client import Client, ClientError, RetryRules, WaitedTooLong

CLIENTS = 6
PATIENT = RetryRules(first_delay_s=0.2, longest_delay_s=2.0, total_s=180.0)
LOOK_S = 10.0


@dataclass(frozen=True)
class Sent:
    """What a client knows of a document.

    Attributes:
        task_id: None if the service refused it.
        trouble: What the client was told, where that was not its end; empty where all went well.
    """

    document: ChaosDocument
    task_id: str | None
    seconds: float
    trouble: str = ""


class Progress:
    """Keeps clients and disturbances in step, so that neither runs away from the other. For several threads.

    Args:
        pages: Of all documents.
        kills: Of the whole plan; 0 lets the clients go as fast as they can.
        lead_pages: How far either may be ahead.
    """

    def __init__(self, *, pages: int, kills: int, lead_pages: int) -> None:
        self.sent_pages = 0
        self.ended_pages = 0
        self.kills = 0
        self._pages = pages
        self._all_kills = kills
        self._lead = lead_pages
        self._changed = Condition(Lock())

    def note_kill(self) -> None:
        """Note that one more kill is done."""
        with self._changed:
            self.kills += 1
            self._changed.notify_all()

    def release(self) -> None:
        """Note that no more disturbances follow."""
        with self._changed:
            self.kills = self._all_kills
            self._changed.notify_all()

    def want_work(self) -> None:
        """Let a client send another document, because too little work is left to disturb."""
        with self._changed:
            self._lead = max(self._lead, round(self.sent_pages - self._pages_due()) + 1)
            self._changed.notify_all()

    def note_end(self, pages: int) -> None:
        """Note that a document has ended."""
        with self._changed:
            self.ended_pages += pages
            self._changed.notify_all()

    def wait_to_send(self, pages: int) -> None:
        """Return when the next document may be sent."""
        with self._changed:
            self._changed.wait_for(lambda: self.sent_pages <= self._pages_due() + self._lead)
            self.sent_pages += pages

    def wait_to_disturb(self, limit_s: float) -> bool:
        """Wait until enough documents have ended for another disturbance; False if that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self.ended_pages >= self._pages_due() - self._lead, timeout=limit_s)

    def _pages_due(self) -> float:
        return self._pages * (self.kills / self._all_kills if self._all_kills else 1.0)


def send_all(
    url: str,
    documents: Sequence[ChaosDocument],
    *,
    engines: Sequence[str],
    progress: Progress,
    patience_s: Callable[[], float],
) -> list[Sent]:
    """Send them in order, `CLIENTS` at a time, and wait for each; a task may take `patience_s` between pages."""
    waiting = iter(enumerate(documents))
    turn = Lock()

    def work(_: int) -> list[Sent]:
        with Client(url, retries=PATIENT) as client:
            done: list[Sent] = []
            while True:
                with turn:
                    number, document = next(waiting, (0, None))
                    if document is None:
                        return done
                    progress.wait_to_send(document.pages)
                done.append(_send(client, document, engines[number % len(engines)], patience_s))
                progress.note_end(document.pages)

    with ThreadPoolExecutor(CLIENTS) as threads:
        return [sent for each in threads.map(work, range(CLIENTS)) for sent in each]


def _send(client: Client, document: ChaosDocument, engine: str, patience_s: Callable[[], float]) -> Sent:
    began = time.monotonic()
    try:
        task = client.submit(document.path, engine=engine)
    except ClientError as error:
        return Sent(document, None, time.monotonic() - began, trouble=f"refused: {error}")
    trouble = ""
    while True:
        try:
            client.wait(task, within=LOOK_S + 5)
            return Sent(document, task.task_id, time.monotonic() - began, trouble)
        except WaitedTooLong:
            if patience_s() <= 0:
                return Sent(document, task.task_id, time.monotonic() - began, trouble="did not end")
        except ClientError as error:
            trouble = f"the client gave up: {error}"
            if patience_s() <= 0:
                return Sent(document, task.task_id, time.monotonic() - began, trouble)
