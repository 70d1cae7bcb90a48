"""Batches of documents over HTTP."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from pagemill.domain.errors import Conflict, DatabaseUnavailable, DocumentsRefused
from pagemill.domain.task.task import TaskCreateRequest, TaskStatus
from pagemill.domain.text import without_paths
from pagemill.tasks.batch_manager import DocumentBatchManager
from pagemill.web.access import caller_of
from pagemill.web.batch_receiving import receive_batch
from pagemill.web.event_stream import MEDIA_TYPE, MESSAGE_SCHEMA, event_stream, last_event_id
from pagemill.web.headers import REPLAYED, idempotency_key
from pagemill.web.openapi import (
    ANYWHERE,
    CHANGES,
    UPLOAD,
    batch_operation,
    idempotency_parameter,
    password_parameter,
    problem_responses,
)
from pagemill.web.paging import link_next
from pagemill.web.paths import BatchId, root_of
from pagemill.web.problems import FieldProblem, RequestRefused
from pagemill.web.uploads import UploadStore
from pagemill.wire.batch_wire import BatchListWire, BatchWire, batch_path
from pagemill.wire.task_wire import TaskListWire, TaskWire

Cursor = Annotated[
    str | None,
    Query(pattern=r"^[0-9A-Za-z_-]{1,64}$", description="The last id of the previous page; batches come newest first."),
]
PageSize = Annotated[int, Query(ge=1, le=200, description="Maximum number in the answer.")]
After = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="Only items with a higher sequence number.")]
_OVER = {"description": "The batch has ended and the client has seen all its events."}


class BatchEndpoints:
    """The endpoints for batches of documents."""

    def __init__(self, batches: DocumentBatchManager, *, uploads: UploadStore) -> None:
        self._batches = batches
        self._uploads = uploads

    def router(self) -> APIRouter:
        """The endpoints at their paths."""
        router = APIRouter(prefix="/batches", tags=["batches"], responses=problem_responses(*ANYWHERE))
        missing = problem_responses("not_found")
        upload = batch_operation()
        router.add_api_route(
            "",
            self.create,
            methods=["POST"],
            status_code=202,
            summary="Send several documents",
            openapi_extra={
                **upload,
                "parameters": [*upload["parameters"], idempotency_parameter(), password_parameter()],
            },
            responses=problem_responses(*CHANGES, *UPLOAD, "batch_too_large", "documents_refused"),
        )
        router.add_api_route("", self.list_, summary="List batches", responses=problem_responses("invalid_request"))
        router.add_api_route("/{batch_id}", self.get, summary="Get a batch", responses=missing)
        router.add_api_route(
            "/{batch_id}/tasks",
            self.tasks,
            summary="List the tasks of a batch",
            responses=problem_responses("not_found", "invalid_request"),
        )
        router.add_api_route(
            "/{batch_id}/events",
            self.events,
            summary="Stream changes of a batch's tasks",
            response_class=StreamingResponse,
            responses={
                200: {"description": "Server-sent events.", "content": {MEDIA_TYPE: {"schema": MESSAGE_SCHEMA}}},
                204: _OVER,
                **problem_responses("not_found", "invalid_request"),
            },
        )
        router.add_api_route(
            "/{batch_id}/cancel",
            self.cancel,
            methods=["POST"],
            status_code=202,
            summary="Cancel a batch",
            responses=problem_responses(*CHANGES, "not_found"),
        )
        router.add_api_route(
            "/{batch_id}",
            self.delete,
            methods=["DELETE"],
            status_code=204,
            response_model=None,
            summary="Delete a batch, or cancel it if it is running",
            responses={
                202: {"model": BatchWire, "description": "It was running and is being cancelled."},
                **problem_responses(*CHANGES, "not_found"),
            },
        )
        return router

    async def create(self, request: Request, response: Response) -> BatchWire:
        """Send several documents, each as a part `file` of one form, with options for all of them.

        Send options in the query or in the form; the form's value counts if both have one.

        The service accepts all or none: if it cannot read one, or the queue has no room for all, it stores nothing.
        With an `Idempotency-Key` you can repeat the request for 24 hours without creating a second batch.
        """
        key = idempotency_key(request)
        wanted = await receive_batch(request, self._uploads, most=self._batches.most)
        caller = caller_of(request).name
        try:
            submission = await self._batches.submit_batch(wanted, caller=caller, idempotency_key=key)
        except DatabaseUnavailable:
            raise  # the batch may be stored, as after a cancellation; if not, pruning removes its documents
        except Exception as error:
            await self._remove(wanted)
            if isinstance(error, DocumentsRefused):
                raise _refusal(error) from error
            raise
        if submission.replayed:
            await self._remove(wanted)
            response.headers[REPLAYED] = "true"
        root = root_of(request)
        response.headers["Location"] = batch_path(submission.batch.batch_id, root=root)
        return BatchWire.of(submission.batch, root=root)

    async def list_(
        self, request: Request, response: Response, before: Cursor = None, limit: PageSize = 50
    ) -> BatchListWire:
        """Your batches, newest first, one page at a time."""
        only = caller_of(request).sees_only
        found = await self._batches.list_batches(caller=only, before=before, limit=limit + 1)
        shown, root, following = found[:limit], root_of(request), None
        if len(found) > limit:
            following = link_next(response, f"{root}/batches", {"before": shown[-1].batch_id, "limit": limit})
        return BatchListWire(batches=[BatchWire.of(batch, root=root) for batch in shown], next=following)

    async def get(self, batch_id: BatchId, request: Request) -> BatchWire:
        """The batch now: how many tasks have each status, and how many pages are read."""
        return BatchWire.of(await self._batches.get_batch(batch_id), root=root_of(request))

    async def tasks(
        self,
        batch_id: BatchId,
        request: Request,
        response: Response,
        status: TaskStatus | None = None,
        before: Cursor = None,
        limit: PageSize = 50,
    ) -> TaskListWire:
        """The tasks of the batch, newest first, one page at a time. Each has links to its results."""
        found = await self._batches.batch_tasks(batch_id, status=status, before=before, limit=limit + 1)
        shown, root, following = found[:limit], root_of(request), None
        if len(found) > limit:
            query = {"status": status, "before": shown[-1].task_id, "limit": limit}
            following = link_next(response, f"{batch_path(batch_id, root=root)}/tasks", query)
        return TaskListWire(tasks=[TaskWire.of(task, root=root) for task in shown], next=following)

    async def events(self, batch_id: BatchId, request: Request, after: After = None) -> Response:
        """Stream the batch's tasks that change, with their progress, as server-sent events, until all have ended.

        A reader that returns after the end and has seen everything gets 204, so that a browser does not reconnect.
        """
        seen = last_event_id(request)
        after = (after or 0) if seen is None else seen
        batch = await self._batches.get_batch(batch_id)
        if seen is not None and batch.status.is_final and not await self._has_unseen(batch_id, after=after):
            return Response(status_code=204)
        return event_stream(self._batches.follow_batch(batch_id, after=after))

    async def cancel(self, batch_id: BatchId, request: Request) -> BatchWire:
        """Cancel every unfinished task of the batch. Finished pages are kept."""
        return BatchWire.of(await self._batches.cancel_batch(batch_id), root=root_of(request))

    async def delete(self, batch_id: BatchId, request: Request, response: Response) -> BatchWire | None:
        """Delete a finished batch with its tasks and results (204); cancel it if it is running (202)."""
        try:
            await self._batches.delete_batch(batch_id)
        except Conflict:
            response.status_code = 202
            return BatchWire.of(await self._batches.cancel_batch(batch_id), root=root_of(request))
        response.status_code = 204
        return None

    async def _remove(self, wanted: Sequence[TaskCreateRequest]) -> None:
        for each in wanted:
            await self._uploads.remove(each.document)

    async def _has_unseen(self, batch_id: str, *, after: int) -> bool:
        """Whether a finished batch has events that the reader has not seen."""
        async with aclosing(self._batches.follow_batch(batch_id, after=after)) as notices:
            async for found in notices:
                return bool(found)
        return False


def _refusal(error: DocumentsRefused) -> RequestRefused:
    problems = [
        FieldProblem(field=f"file {place}", message=f"{name}: {without_paths(refusal.message)} ({refusal.code})")
        for (place, name), refusal in error.refusals.items()
    ]
    return RequestRefused(error.code, without_paths(error.message), errors=problems)
