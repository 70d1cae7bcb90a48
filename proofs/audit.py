"""Judges documents by the server's own records and by comparison with an undisturbed run."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from proofs.campaign import Sent

from pagemill.client import Client, ClientError
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, TaskStatus
from pagemill.wire.task_wire import EventWire, PageWire, TaskWire

EVENTS_AT_ONCE = 1000
PAGES_BEGIN = b'"pages":['


@dataclass
class Findings:
    """Counts over all documents.

    Attributes:
        lost: Pages without a result.
        twice: Pages stored more than once.
        stalled: Tasks that the watchdog had to end.
        identical: Documents whose text and JSON are those of the undisturbed run, byte for byte.
        retried: Times a page was queued again, by reason.
        longest_task_s: From submission to the end.
        longest_page_s: From a page's last interruption to its result.
        stories: A sentence for each document that is not as it should be.
    """

    tasks: int = 0
    pages: int = 0
    lost: int = 0
    twice: int = 0
    identical: int = 0
    not_ended: int = 0
    stalled: int = 0
    retried: Counter[str] = field(default_factory=Counter)
    longest_task_s: float = 0.0
    longest_page_s: float = 0.0
    stories: list[str] = field(default_factory=list)

    @property
    def retried_for_nothing(self) -> Mapping[str, int]:
        """Times a page was queued again for a reason that none of our disturbances explains."""
        return {reason: count for reason, count in self.retried.items() if reason not in OURS}


OURS = frozenset({"worker_crashed", "lease_lost", "timeout"})
"""Reasons for retries that this run causes: it killed a worker or the server, or stopped a worker for good."""

Digests = Mapping[str, str]
"""The digest of each document's results, by name."""


def digests_of(client: Client, sent: Iterable[Sent]) -> Digests:
    """The digests of the documents' results."""
    return {each.document.path.name: _digest(client, each.task_id) for each in sent if each.task_id is not None}


def audit(client: Client, sent: Sequence[Sent], expected: Digests) -> Findings:
    """Examine every document that was sent."""
    findings = Findings(tasks=len(sent), pages=sum(each.document.pages for each in sent))
    for each in sent:
        if each.task_id is None:
            findings.lost += each.document.pages
            findings.stories.append(f"{each.document.path.name} was {each.trouble}")
            continue
        _look(client, each, each.task_id, expected, findings)
    return findings


def _look(client: Client, sent: Sent, task_id: str, expected: Digests, findings: Findings) -> None:
    task, events = client.task(task_id), list(_events(client, task_id))
    name = sent.document.path.name
    done = [page for page in client.pages(task_id) if page.state is PageState.DONE]
    lost = sent.document.pages - len(done)
    findings.lost += lost
    findings.twice += sum(count - 1 for count in Counter(_pages(events, TaskEvent.PAGE_DONE)).values())
    findings.stalled += any(event.event_type is TaskEvent.STALLED for event in events)
    findings.retried.update(_reasons(events))
    findings.not_ended += not task.status.is_final
    findings.longest_task_s = max(findings.longest_task_s, _seconds(task.created_at, task.finished_at))
    findings.longest_page_s = max(findings.longest_page_s, _longest_interruption(events, done))
    if sent.trouble:
        findings.stories.append(f"{name} ({task_id}): {sent.trouble}")
    if lost or task.status is not TaskStatus.SUCCEEDED:
        findings.stories.append(f"{name} ({task_id}) is {task.status}, {lost} pages lost: {_why(task, client)}")
    elif _digest(client, task_id) == expected.get(name):
        findings.identical += 1
    else:
        findings.stories.append(f"{name} ({task_id}) differs from the undisturbed run")


def _why(task: TaskWire, client: Client) -> str:
    if task.failure is not None:
        return task.failure.message
    failed = [page.failure.message for page in client.pages(task) if page.failure is not None]
    return failed[0] if failed else "no reason is given"


def _digest(client: Client, task_id: str) -> str:
    """The digest of the text and of the pages in the JSON, whose head differs: it names the task and its times."""
    try:
        text = client.result(task_id, "text").content
        pages = client.result(task_id, "json").content.partition(PAGES_BEGIN)[2]
    except ClientError as error:
        return f"no result: {error}"
    return hashlib.sha256(text + b"\0" + pages).hexdigest()


def _events(client: Client, task_id: str) -> Iterable[EventWire]:
    after = 0
    while True:
        found = client.raw_events(task_id, after=after, limit=EVENTS_AT_ONCE)
        yield from (EventWire.model_validate(event) for event in found.events)
        after = found.last_sequence
        if len(found.events) < EVENTS_AT_ONCE:
            return


def _pages(events: Iterable[EventWire], kind: TaskEvent) -> list[object]:
    return [event.details.get("page") for event in events if event.event_type is kind]


def _reasons(events: Iterable[EventWire]) -> Iterable[str]:
    retried = [event.details for event in events if event.event_type is TaskEvent.PAGE_RETRIED]
    return (str(details.get("reason") or details.get("cause")) for details in retried)


def _longest_interruption(events: Iterable[EventWire], done: Iterable[PageWire]) -> float:
    since: dict[object, datetime] = {}
    for event in events:
        if event.event_type is TaskEvent.PAGE_RETRIED:
            since[event.details.get("page")] = event.timestamp
    return max((_seconds(since[page.number], page.finished_at) for page in done if page.number in since), default=0.0)


def _seconds(since: datetime, until: datetime | None) -> float:
    return 0.0 if until is None else (until - since).total_seconds()
