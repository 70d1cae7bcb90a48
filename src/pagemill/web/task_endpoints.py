"""The task endpoints: one method each, from the request to the ports and back."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import WithJsonSchema

from pagemill.domain.errors import Conflict
from pagemill.domain.task.task import Task, TaskPage, TaskStartRequest, TaskStatus
from pagemill.tasks.manager import TaskManager
from pagemill.tasks.task_reader import TaskReader
from pagemill.web.access import caller_of
from pagemill.web.headers import REPLAYED, document_password
from pagemill.web.negotiation import preferred_wait
from pagemill.web.openapi import (
    ANYWHERE,
    CHANGES,
    UPLOAD,
    idempotency_parameter,
    password_parameter,
    problem_responses,
    upload_operation,
    wait_parameter,
)
from pagemill.web.options import LABEL, label_filter
from pagemill.web.paging import link_next
from pagemill.web.paths import TaskId, root_of
from pagemill.web.receiving import receive_task
from pagemill.web.submitting import submit_document
from pagemill.web.uploads import UploadStore
from pagemill.web.web_config import WebConfig
from pagemill.wire.metrics_wire import MetricsWire
from pagemill.wire.receipt_wire import ReceiptWire
from pagemill.wire.task_wire import (
    HealthWire,
    PageListWire,
    PageWire,
    SampleListWire,
    TaskListWire,
    TaskWire,
    task_path,
)

Cursor = Annotated[
    str | None,
    Query(
        pattern=r"^[0-9A-Za-z_-]{1,64}$", description="The last task_id of the previous page; tasks come newest first."
    ),
]
Labels = Annotated[
    Sequence[Annotated[str, WithJsonSchema({"type": "string", "pattern": LABEL})]],
    Query(description="Only tasks with this label, as name:value. Repeat to require several labels."),
]
PageSize = Annotated[int, Query(ge=1, le=200, description="Maximum number of tasks in the answer.")]
After = Annotated[int, Query(ge=0, le=2**63 - 1, description="Only items with a higher sequence number.")]
SampleCount = Annotated[int, Query(ge=1, le=10_000, description="Maximum number of samples in the answer.")]


_OPENING = ("encrypted_document", "invalid_document", "pool_exhausted", "timed_out", "worker_lost")
"""Problems of opening a document with a password."""

_START = (
    "not_found",
    "illegal_transition",
    "length_required",
    "body_too_large",
    "invalid_request",
    "unknown_engine",
    "engine_unavailable",
    "device_unavailable",
    "queue_full",
    "never_fits",
    *_OPENING,
)
_RETRY = ("not_found", "illegal_transition", "queue_full", "invalid_request", *_OPENING)
_OVER: dict[int | str, dict[str, Any]] = {
    200: {"model": TaskWire, "description": "You asked to wait (`Prefer: wait`), and the task has ended."}
}


class TaskEndpoints:
    """The endpoints for tasks."""

    def __init__(
        self,
        commands: TaskManager,
        reads: TaskReader,
        *,
        uploads: UploadStore,
        config: WebConfig,
    ) -> None:
        self._commands = commands
        self._reads = reads
        self._config = config
        self._uploads = uploads

    def router(self) -> APIRouter:
        """The endpoints at their paths."""
        router = APIRouter(prefix="/tasks", tags=["tasks"], responses=problem_responses(*ANYWHERE))
        self._add_collection(router)
        self._add_commands(router)
        self._add_reads(router)
        return router

    def _add_collection(self, router: APIRouter) -> None:
        upload = upload_operation()
        router.add_api_route(
            "",
            self.create,
            methods=["POST"],
            status_code=202,
            summary="Send a document",
            openapi_extra={
                **upload,
                "parameters": [*upload["parameters"], wait_parameter(), idempotency_parameter(), password_parameter()],
            },
            responses={**_OVER, **problem_responses(*CHANGES, *UPLOAD)},
        )
        router.add_api_route("", self.list_, summary="List tasks", responses=problem_responses("invalid_request"))
        router.add_api_route("/metrics", self.metrics, summary="Metrics of the service")

    def _add_commands(self, router: APIRouter) -> None:
        waits = {"parameters": [wait_parameter(), password_parameter()]}
        router.add_api_route(
            "/{task_id}/start",
            self.start,
            methods=["POST"],
            status_code=202,
            summary="Start a task",
            openapi_extra=waits,
            responses={**_OVER, **problem_responses(*CHANGES, *_START)},
        )
        router.add_api_route(
            "/{task_id}/retry",
            self.retry,
            methods=["POST"],
            status_code=202,
            summary="Retry the failed pages of a task",
            openapi_extra=waits,
            responses={**_OVER, **problem_responses(*CHANGES, *_RETRY)},
        )
        router.add_api_route(
            "/{task_id}/cancel",
            self.cancel,
            methods=["POST"],
            status_code=202,
            summary="Cancel a task",
            openapi_extra={"parameters": [wait_parameter()]},
            responses={**_OVER, **problem_responses(*CHANGES, "not_found", "illegal_transition")},
        )
        router.add_api_route(
            "/{task_id}",
            self.delete,
            methods=["DELETE"],
            status_code=204,
            response_model=None,
            summary="Delete a task, or cancel it if it is running",
            responses={
                202: {"model": TaskWire, "description": "It was running and is being cancelled."},
                **problem_responses(*CHANGES, "not_found", "illegal_transition"),
            },
        )

    def _add_reads(self, router: APIRouter) -> None:
        missing = problem_responses("not_found")
        router.add_api_route(
            "/{task_id}",
            self.get,
            summary="Get a task",
            openapi_extra={"parameters": [wait_parameter()]},
            responses=missing,
        )
        router.add_api_route(
            "/{task_id}/pages",
            self.pages,
            summary="List the pages of a task",
            response_model=PageListWire,
            responses=missing,
        )
        router.add_api_route(
            "/{task_id}/receipt", self.receipt, summary="Get the memory receipt of a task", responses=missing
        )
        router.add_api_route(
            "/{task_id}/metrics",
            self.samples,
            summary="Get the memory of a task over time",
            responses=problem_responses("not_found", "invalid_request"),
        )
        router.add_api_route("/{task_id}/health", self.health, summary="Get the health of a task", responses=missing)

    async def create(self, request: Request, response: Response) -> TaskWire:
        """Send a document: as the part `file` of a form, or as the body itself. It is queued unless `start=false`.

        Send options in the query or in the form; the form's value counts if both have one.

        With an `Idempotency-Key` you can repeat the request for 24 hours without creating a second task.
        """
        wanted = await receive_task(request, self._uploads)
        submission = await submit_document(self._commands, self._uploads, wanted)
        task = submission.task
        if submission.replayed:
            response.headers[REPLAYED] = "true"
        response.headers["Location"] = task_path(task.task_id, root=root_of(request))
        return await self._answer_command(task, request, response)

    async def list_(
        self,
        request: Request,
        response: Response,
        status: TaskStatus | None = None,
        label: Labels = (),
        before: Cursor = None,
        limit: PageSize = 50,
    ) -> TaskListWire:
        """Your tasks, newest first, one page at a time."""
        labels = label_filter(label)
        only = caller_of(request).sees_only
        found = await self._reads.list_tasks(status=status, labels=labels, caller=only, before=before, limit=limit + 1)
        shown, root, following = found[:limit], root_of(request), None
        if len(found) > limit:
            query = {"status": status, "label": label, "before": shown[-1].task_id, "limit": limit}
            following = link_next(response, f"{root}/tasks", query)
        return TaskListWire(tasks=[TaskWire.of(task, root=root) for task in shown], next=following)

    async def metrics(self) -> MetricsWire:
        """Tasks, memory by device, use of the pool and waiting time."""
        return MetricsWire.of(await self._reads.metrics())

    async def get(self, task_id: TaskId, request: Request, response: Response) -> TaskWire:
        """The task now; with `Prefer: wait=N`, when it ends or after N seconds."""
        task = await self._wait_as_asked(await self._reads.get_task(task_id), request, response)
        receipt = ReceiptWire.of(await self._reads.receipt(task_id)) if task.status.is_final else None
        return TaskWire.of(task, root=root_of(request), receipt=receipt)

    async def pages(self, task_id: TaskId) -> Response:
        """The state of every page of the task."""
        content = await asyncio.to_thread(_page_list, task_id, await self._reads.pages(task_id))
        return Response(content, media_type="application/json")

    async def health(self, task_id: TaskId) -> HealthWire:
        """Status, memory, duration, device and warnings of the task."""
        return HealthWire.show(await self._reads.health(task_id))

    async def samples(self, task_id: TaskId, after: After = 0, limit: SampleCount = 1000) -> SampleListWire:
        """Memory of the task's workers over time, oldest first; sampled every two seconds while it runs."""
        return SampleListWire.of(task_id, await self._reads.samples(task_id, after=after, limit=limit), after=after)

    async def receipt(self, task_id: TaskId) -> ReceiptWire:
        """The estimated, reserved and used memory of the task, and what happened when it was not enough."""
        return ReceiptWire.of(await self._reads.receipt(task_id))

    async def start(
        self, task_id: TaskId, request: Request, response: Response, body: TaskStartRequest | None = None
    ) -> TaskWire:
        """Queue a task that was created with `start=false`, or the failed pages of a finished task."""
        task = await self._commands.start_task(task_id, body or TaskStartRequest(), password=document_password(request))
        return await self._answer_command(task, request, response)

    async def retry(self, task_id: TaskId, request: Request, response: Response) -> TaskWire:
        """Retry the unread pages of a finished task. Its finished pages are kept."""
        task = await self._commands.retry_task(task_id, password=document_password(request))
        return await self._answer_command(task, request, response)

    async def cancel(self, task_id: TaskId, request: Request, response: Response) -> TaskWire:
        """Stop the task within a page. Finished pages are kept."""
        return await self._answer_command(await self._commands.cancel_task(task_id), request, response)

    async def delete(self, task_id: TaskId, request: Request, response: Response) -> TaskWire | None:
        """Delete a task that has ended or was never started (204); cancel it if it is running (202)."""
        try:
            await self._commands.delete_task(task_id)
        except Conflict:
            response.status_code = 202
            return TaskWire.of(await self._commands.cancel_task(task_id), root=root_of(request))
        response.status_code = 204
        return None

    async def _answer_command(self, task: Task, request: Request, response: Response) -> TaskWire:
        """The answer to a command: 200 if the client waited and the task ended, otherwise 202."""
        waited = await self._wait_as_asked(task, request, response)
        is_over = "Preference-Applied" in response.headers and waited.status.is_final
        response.status_code = 200 if is_over else 202
        return TaskWire.of(waited, root=root_of(request))

    async def _wait_as_asked(self, task: Task, request: Request, response: Response) -> Task:
        wait = preferred_wait(request.headers.getlist("prefer"), longest=self._config.max_wait)
        if wait is None or task.status is TaskStatus.CREATED:
            return task
        response.headers["Preference-Applied"] = f"wait={wait.total_seconds():.0f}"
        return task if task.status.is_final else await self._reads.wait(task.task_id, wait)


def _page_list(task_id: str, pages: Sequence[TaskPage]) -> str:
    """The answer as JSON. Thousands of pages take long to encode, so call it outside the event loop."""
    return PageListWire(task_id=task_id, pages=[PageWire.of(page) for page in pages]).model_dump_json()
