"""Calls about tasks and the service."""

import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Unpack

from pydantic import BaseModel, JsonValue

from pagemill.client.calls import Calls, TaskRef, parse_answer, path_of, task_id_of
from pagemill.client.errors import NothingThere, NotInThatState
from pagemill.client.sending import SubmitOptions, Upload, form_fields, password_header
from pagemill.client.transport import Request
from pagemill.domain.task.task import TaskStartRequest, TaskStatus
from pagemill.wire.engine_wire import EngineListWire
from pagemill.wire.metrics_wire import MetricsWire
from pagemill.wire.python_documents import Document
from pagemill.wire.receipt_wire import ReceiptWire
from pagemill.wire.status_wire import SetupWire, StatusWire
from pagemill.wire.task_wire import (
    HealthWire,
    PageListWire,
    PageWire,
    SampleListWire,
    SampleWire,
    StateWire,
    TaskListWire,
    TaskWire,
)

UPLOAD_SILENCE_S = 120.0
"""The service inspects a document before it answers, and may have to inspect others first."""
TASKS_AT_ONCE = 100
SAMPLES_AT_ONCE = 1000


class RawEvents(BaseModel):
    """Unparsed events."""

    events: list[JsonValue]
    last_sequence: int


class TaskCalls(Calls):
    """Tasks and the service."""

    async def submit(
        self,
        document: Document,
        *,
        name: str | None = None,
        idempotency_key: str | None = None,
        password: str | None = None,
        **options: Unpack[SubmitOptions],
    ) -> TaskWire:
        """Send a document, repeatedly if necessary; this creates one task, however often it is sent.

        Args:
            document: A path, bytes, or an open file.
            name: Its name. Default: the file's name.
            idempotency_key: For 24 hours, the same document and options with the same key are the same task. Without
                a key, every call creates a task of its own.
            password: Of a protected PDF; the service keeps it until the task has ended.
            options: How to read it; see `SubmitOptions`.

        Raises:
            DocumentRejected: The service cannot read it.
            RequestRejected: An option is not valid.
            NoRoomForIt: It needs more memory, or another device, than the service has.
            ServiceBusy: The queue stayed full for too long.
            ClientError: See the tree in `pagemill.client.errors`.
        """
        upload = await self._transport.offload(lambda: Upload(document, name))
        fields = form_fields({"name": name, "password": password}) | form_fields(options)
        request = Request(
            "POST",
            "/tasks",
            headers={"Idempotency-Key": idempotency_key or uuid.uuid4().hex},
            uploads=(upload,),
            fields=fields,
            silence_s=UPLOAD_SILENCE_S,
        )
        return parse_answer(await self._send(request), TaskWire)

    async def start(self, task: TaskRef, *, device: str | None = None, password: str | None = None) -> TaskWire:
        """Queue a task that was submitted with `start=False`, perhaps on another device.

        A task with a protected PDF needs its `password` again if it has ended or the service was restarted.
        """
        body = TaskStartRequest(device=device).model_dump_json(exclude_none=True).encode()
        return await self._command(task, "start", body, password=password)

    async def retry(self, task: TaskRef, *, password: str | None = None) -> TaskWire:
        """Retry the unread pages of a finished task; its finished pages remain. For `password` see `start`."""
        return await self._command(task, "retry", password=password)

    async def cancel(self, task: TaskRef) -> TaskWire:
        """Stop a task within a page; its finished pages remain."""
        return await self._command(task, "cancel")

    async def delete(self, task: TaskRef) -> bool:
        """Delete a task that has ended or never started, with its document and results.

        Returns:
            False if it was running: then the service cancels it and keeps it.
        """
        try:
            return (await self._send(Request("DELETE", path_of(task)))).status == 204
        except NothingThere as error:
            if error.reply_was_lost:
                return True
            raise

    async def task(self, task: TaskRef) -> TaskWire:
        """The task as it is now, with its receipt once it has ended."""
        return await self._get(path_of(task), TaskWire)

    async def tasks(
        self,
        *,
        status: TaskStatus | str | None = None,
        labels: Mapping[str, str] | None = None,
        before: TaskRef | None = None,
        at_once: int = TASKS_AT_ONCE,
    ) -> AsyncGenerator[TaskWire, None]:
        """All tasks with this status and all these labels, newest first, fetched `at_once` at a time.

        Args:
            status: Only tasks with this status.
            labels: Only tasks with all these labels.
            before: Only tasks older than this.
            at_once: From 1 to 200.
        """
        wanted = [f"{name}:{value}" for name, value in (labels or {}).items()]
        last, more = None if before is None else task_id_of(before), True
        while more:
            query = {"status": status and str(status), "label": wanted, "before": last, "limit": at_once}
            found = await self._get("/tasks", TaskListWire, query=query)
            for task in found.tasks:
                yield task
            more = found.next is not None and bool(found.tasks)
            last = found.tasks[-1].task_id if found.tasks else None

    async def pages(self, task: TaskRef) -> Sequence[PageWire]:
        """The state of each page of the task, by number."""
        return (await self._get(path_of(task, "pages"), PageListWire)).pages

    async def receipt(self, task: TaskRef) -> ReceiptWire:
        """The memory receipt of the task so far."""
        return await self._get(path_of(task, "receipt"), ReceiptWire)

    async def health(self, task: TaskRef) -> HealthWire:
        """The health of the task."""
        return await self._get(path_of(task, "health"), HealthWire)

    async def samples(self, task: TaskRef) -> AsyncGenerator[SampleWire, None]:
        """Memory of the task's workers over time, oldest first, up to now."""
        after, more = 0, True
        while more:
            query = {"after": after, "limit": SAMPLES_AT_ONCE}
            found = await self._get(path_of(task, "metrics"), SampleListWire, query=query)
            for sample in found.samples:
                yield sample
            after, more = found.last_sequence, len(found.samples) == SAMPLES_AT_ONCE

    async def raw_events(self, task: TaskRef, *, after: int, limit: int) -> RawEvents:
        """The task's events after a sequence number, oldest first, including kinds that only newer versions know."""
        return await self._get(path_of(task, "events"), RawEvents, query={"after": after, "limit": limit})

    async def metrics(self) -> MetricsWire:
        """The metrics of the service."""
        return await self._get("/tasks/metrics", MetricsWire)

    async def status(self) -> StatusWire:
        """The whole service at this moment."""
        return await self._get("/status", StatusWire)

    async def setup(self) -> SetupWire:
        """Formats, engines and limits of the service."""
        return await self._get("/setup", SetupWire)

    async def alive(self) -> StateWire:
        """Returns once the service's process answers; needs no key."""
        return await self._get("/livez", StateWire)

    async def engines(self) -> EngineListWire:
        """The engines, their memory, and why an engine is unavailable."""
        return await self._get("/engines", EngineListWire)

    async def ready(self) -> StateWire:
        """Returns once the service can take work.

        Raises:
            ServiceBusy: It cannot take work now.
            ServiceUnreachable: The service does not answer.
        """
        return await self._get("/readyz", StateWire)

    async def _command(
        self, task: TaskRef, verb: str, body: bytes | None = None, *, password: str | None = None
    ) -> TaskWire:
        headers = ({"Content-Type": "application/json"} if body else {}) | password_header(password)
        try:
            reply = await self._send(Request("POST", path_of(task, verb), headers=headers, content=body))
        except NotInThatState as error:
            if error.reply_was_lost:
                return await self.task(task)  # an earlier attempt succeeded
            raise
        return parse_answer(reply, TaskWire)
