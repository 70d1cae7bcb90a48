"""Sends one document, follows it to its end, and records the outcome."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from pagemill.domain.task.task import PageState, TaskStatus
from pagemill.wire.task_wire import EventListWire, PageListWire, TaskWire

ANSWER_WITHIN_S = 180.0
ENDED_BEYOND = 1.25
"""A worker over its reservation by more than this is ended …"""
OVERSHOOT = 1.1
"""… at the guard's next look, until when it goes on growing."""
PATIENCE = {"Prefer": "wait=30"}


@dataclass(frozen=True)
class Fate:
    """How a document ended.

    Attributes:
        end: The task's status, or the HTTP status of a refusal.
        reason: Why it was refused or not read in full.
        complaint: What broke a promise: "did not end", …; empty where nothing did.
        peak_mib: Highest peak of a worker on its pages; None if no page was worked.
        reserved_mib: Highest reservation of its chunks.
        task_id: Its task; empty where it was refused.
        accepted_s: Seconds until the upload was answered.
    """

    name: str
    end: str
    seconds: float
    reason: str = ""
    complaint: str = ""
    peak_mib: int | None = None
    reserved_mib: int | None = None
    task_id: str = ""
    accepted_s: float = 0.0


class Sender:
    """A client with an API key; used in a `with` statement. Its methods may be called from several threads.

    Args:
        url: Where the server is.
        key: Its API key.
        within_s: How long a document may take from one finished page to the next, and to its end.
        longest_s: One that goes on for longer is cancelled.
        fields: Options of every document.
    """

    def __init__(
        self, url: str, key: str, *, within_s: float, longest_s: float, fields: Mapping[str, str] | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=ANSWER_WITHIN_S)
        self._within_s = within_s
        self._longest_s = longest_s
        self._fields = dict(fields or {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def send(self, document: Path) -> Fate:
        """Send it and follow it; never raises an error because of the server."""
        began = time.monotonic()
        name = f"{document.parent.name}/{document.name}"
        try:
            return self._send(name, document, began)
        except (httpx.HTTPError, ValueError) as error:
            words = f"got no answer: {error!r}"
            return Fate(name, "no answer", time.monotonic() - began, complaint=words)

    def look(self, fate: Fate) -> str:
        """Have its first page drawn and its searchable PDF made; what is wrong with an answer, or nothing."""
        for path in (f"/tasks/{fate.task_id}/pages/1/image", f"/tasks/{fate.task_id}/result?format=pdf"):
            try:
                answer = self._http.get(path)
            except httpx.HTTPError as error:
                return f"had no answer from {path}: {error!r}"
            if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR and "retry-after" not in answer.headers:
                return f"was answered {answer.status_code} by {path}: {answer.text[:300]}"
        return ""

    def story(self, fate: Fate) -> str:
        """When it was accepted, and the events of its task, each with the seconds since the first."""
        answer = self._http.get(f"/tasks/{fate.task_id}/events", headers={"Accept": "application/json"})
        events = EventListWire.model_validate_json(answer.content).events
        seconds = [(event.timestamp - events[0].timestamp).total_seconds() for event in events]
        told = (f"+{at:.1f} {event.event_type}" for at, event in zip(seconds, events, strict=True))
        return ", ".join((f"accepted after {fate.accepted_s:.1f} s", *told))

    def _send(self, name: str, document: Path, began: float) -> Fate:
        answer = self._post(document, began)
        if answer.status_code != HTTPStatus.ACCEPTED:
            return _refused_fate(name, answer, time.monotonic() - began)
        accepted_s = time.monotonic() - began
        task = self._follow(TaskWire.model_validate_json(answer.content))
        fate = _fate(name, task, time.monotonic() - began, self._reason(task))
        return replace(fate, accepted_s=accepted_s)

    def _reason(self, task: TaskWire) -> str:
        """Why it was not read in full; empty if an unread page has no reason."""
        if task.failure or task.status is not TaskStatus.PARTIALLY_SUCCEEDED:
            return f"{task.failure.reason}: {task.failure.message}" if task.failure else ""
        pages = PageListWire.model_validate_json(self._http.get(f"/tasks/{task.task_id}/pages").content).pages
        unread = [page for page in pages if page.state is not PageState.DONE]
        failures = [page.failure for page in unread if page.failure]
        return f"{failures[0].reason}: {failures[0].message}" if 0 < len(unread) == len(failures) else ""

    def _follow(self, task: TaskWire) -> TaskWire:
        """The task once it has ended, or once it has finished no page for too long.

        One of so many pages that it goes on and on is cancelled, and has to end by that.
        """
        began = since = time.monotonic()
        settled = -1
        while not task.status.is_final and time.monotonic() - since < self._within_s:
            task = TaskWire.model_validate_json(self._http.get(f"/tasks/{task.task_id}", headers=PATIENCE).content)
            if _count_settled(task) > settled and task.status is not TaskStatus.CANCELLING:
                settled, since = _count_settled(task), time.monotonic()
            if time.monotonic() - began > self._longest_s and not task.status.is_final:
                self._http.post(f"/tasks/{task.task_id}/cancel")
        return task

    def _post(self, document: Path, began: float) -> httpx.Response:
        """The answer to the upload; obeys "come back later" for as long as a document may take."""
        while True:
            with document.open("rb") as file:
                answer = self._http.post("/tasks", files={"file": (document.name, file)}, data=self._fields)
            if "retry-after" not in answer.headers or time.monotonic() - began > self._within_s:
                return answer
            time.sleep(min(5.0, float(answer.headers["retry-after"])))


def _refused_fate(name: str, answer: httpx.Response, seconds: float) -> Fate:
    problem = answer.json()
    is_clear = 400 <= answer.status_code < 500 or answer.status_code == HTTPStatus.INSUFFICIENT_STORAGE
    complaint = "" if is_clear and problem.get("detail") else f"was answered {answer.status_code}: {answer.text[:200]}"
    reason = f"{problem.get('code', '')}: {problem.get('detail', '')}"
    return Fate(name, f"HTTP {answer.status_code}", seconds, reason=reason, complaint=complaint)


def _count_settled(task: TaskWire) -> int:
    return task.progress.pages_done + task.progress.pages_failed


def _fate(name: str, task: TaskWire, seconds: float, reason: str) -> Fate:
    complaint = ""
    if task.status is TaskStatus.CANCELLED:
        reason = f"cancelled after {_count_settled(task)} of {task.progress.pages_total} pages"
    elif not task.status.is_final:
        settled = f"{_count_settled(task)} of {task.progress.pages_total}"
        complaint = f"did not end: {settled} pages are settled after {seconds:.0f} s"
    elif task.progress.pages_done < task.progress.pages_total and not reason:
        complaint = "ended without a reason"
    peak, reserved = (task.receipt.peak_mb, task.receipt.reserved_mb) if task.receipt else (None, None)
    if peak and reserved and peak > ENDED_BEYOND * OVERSHOOT * reserved:
        complaint = f"reached {peak} MiB with {reserved} MiB reserved"
    return Fate(name, task.status, seconds, reason, complaint, peak, reserved, task.task_id)
