"""What can be done to tasks, and what can be known of them and of the service."""

import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Unpack

from pydantic import BaseModel, JsonValue

from pagemill.client.calls import Calls, TaskRef, parse_answer, path_of, task_id_of
from pagemill.client.errors import NothingThere, NotInThatState
from pagemill.client.sending import Document, SubmitOptions, Upload, form_fields
from pagemill.client.transport import Request
from pagemill.domain.task.task import TaskStartRequest, TaskStatus
from pagemill.wire.engine_wire import EngineListWire
from pagemill.wire.metrics_wire import MetricsWire
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
"""A document is looked at before it is answered, and others may be looked at first."""
TASKS_AT_ONCE = 100
SAMPLES_AT_ONCE = 1000


class RawEvents(BaseModel):
    """Events as they came."""

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
        **options: Unpack[SubmitOptions],
    ) -> TaskWire:
        """Send a document, as often as it takes; however often that is, it makes one task.

        Args:
            document: A path, bytes, or an open file.
            name: What to call it; the file's name if left out.
            idempotency_key: For 24 hours, the same document and options under the same key are the same task; left
                out, every call makes a task of its own.
            options: How it is to be read; see `SubmitOptions`.

        Raises:
            DocumentRejected: It cannot be read.
            RequestRejected: An option cannot be used.
            NoRoomForIt: It needs more memory, or another device, than there is.
            ServiceBusy: The queue stayed full for as long as we are patient.
            ClientError: See the tree.
        """
        upload = await self._transport.offload(lambda: Upload(document, name))
        fields = form_fields(options) | ({} if name is None else {"name": name})
        request = Request(
            "POST",
            "/tasks",
            headers={"Idempotency-Key": idempotency_key or uuid.uuid4().hex},
            uploads=(upload,),
            fields=fields,
            silence_s=UPLOAD_SILENCE_S,
        )
        return parse_answer(await self._send(request), TaskWire)

    async def start(self, task: TaskRef, *, device: str | None = None) -> TaskWire:
        """Queue a task that was submitted with `start=False`, perhaps on another device."""
        body = TaskStartRequest(device=device).model_dump_json(exclude_none=True).encode()
        return await self._command(task, "start", body)

    async def retry(self, task: TaskRef) -> TaskWire:
        """Read those pages of a task that is over that were not read; what was read is kept."""
        return await self._command(task, "retry")

    async def cancel(self, task: TaskRef) -> TaskWire:
        """Stop a task within a page; what is finished is kept."""
        return await self._command(task, "cancel")

    async def delete(self, task: TaskRef) -> bool:
        """Remove a task that is over or was never started, with its document and results.

        Returns:
            False where it was under way: then it is being cancelled, and still there.
        """
        try:
            return (await self._send(Request("DELETE", path_of(task)))).status == 204
        except NothingThere as error:
            if error.reply_was_lost:
                return True
            raise

    async def task(self, task: TaskRef) -> TaskWire:
        """The task as it stands; with its receipt, once it is over."""
        return await self._get(path_of(task), TaskWire)

    async def tasks(
        self,
        *,
        status: TaskStatus | str | None = None,
        labels: Mapping[str, str] | None = None,
        before: TaskRef | None = None,
        at_once: int = TASKS_AT_ONCE,
    ) -> AsyncGenerator[TaskWire, None]:
        """All tasks of that status with all these labels, newest first, fetched `at_once` at a time.

        Args:
            status: Only these.
            labels: Only these.
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
        """Where each page of the task stands, by number."""
        return (await self._get(path_of(task, "pages"), PageListWire)).pages

    async def receipt(self, task: TaskRef) -> ReceiptWire:
        """What the task took of the machine so far."""
        return await self._get(path_of(task, "receipt"), ReceiptWire)

    async def health(self, task: TaskRef) -> HealthWire:
        """How the task is doing."""
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
        """What happened to the task after that, oldest first, kinds that only newer versions know included."""
        return await self._get(path_of(task, "events"), RawEvents, query={"after": after, "limit": limit})

    async def metrics(self) -> MetricsWire:
        """How the service is doing."""
        return await self._get("/tasks/metrics", MetricsWire)

    async def status(self) -> StatusWire:
        """The whole service at this moment."""
        return await self._get("/status", StatusWire)

    async def setup(self) -> SetupWire:
        """What the service can do and how it is set up."""
        return await self._get("/setup", SetupWire)

    async def alive(self) -> StateWire:
        """Returns once the service's process answers; needs no key."""
        return await self._get("/livez", StateWire)

    async def engines(self) -> EngineListWire:
        """The engines there are, why one cannot be used, and what they take."""
        return await self._get("/engines", EngineListWire)

    async def ready(self) -> StateWire:
        """Returns once the service can take work.

        Raises:
            ServiceBusy: It cannot.
            ServiceUnreachable: Nobody is there.
        """
        return await self._get("/readyz", StateWire)

    async def _command(self, task: TaskRef, verb: str, body: bytes | None = None) -> TaskWire:
        headers = {"Content-Type": "application/json"} if body else {}
        try:
            reply = await self._send(Request("POST", path_of(task, verb), headers=headers, content=body))
        except NotInThatState as error:
            if error.reply_was_lost:
                return await self.task(task)  # an earlier try came through
            raise
        return parse_answer(reply, TaskWire)
