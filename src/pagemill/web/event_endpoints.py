"""Events over HTTP: a task's events as JSON or as a stream, and a stream of notices about all tasks."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from pagemill.tasks.progress.event_feed import EventFeed
from pagemill.tasks.task_reader import TaskReader
from pagemill.web.access import caller_of
from pagemill.web.event_stream import MEDIA_TYPE, MESSAGE_SCHEMA, SEQUENCE, event_stream, last_event_id, wants_stream
from pagemill.web.openapi import ANYWHERE, problem_responses
from pagemill.web.paths import TaskId
from pagemill.wire.task_wire import EventListWire

After = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="Only items with a higher sequence number.")]
EventCount = Annotated[int, Query(ge=1, le=1000, description="Maximum number of events in the answer.")]

_STREAM = {MEDIA_TYPE: {"schema": MESSAGE_SCHEMA}}
_OVER = {"description": "The task has ended and the client has seen all its events."}
_RESUME = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": SEQUENCE},
    "description": "The id of the last message you saw; the stream continues after it.",
}


class EventEndpoints:
    """The endpoints for events."""

    def __init__(self, reads: TaskReader, following: EventFeed) -> None:
        self._reads = reads
        self._following = following

    def router(self) -> APIRouter:
        """The endpoints at their paths."""
        router = APIRouter(responses=problem_responses(*ANYWHERE, "invalid_request"))
        resume = {"parameters": [_RESUME]}
        router.add_api_route(
            "/tasks/{task_id}/events",
            self.events,
            tags=["tasks"],
            summary="List the events of a task",
            response_model=EventListWire,
            openapi_extra=resume,
            responses={200: {"content": _STREAM}, 204: _OVER, **problem_responses("not_found", "invalid_request")},
        )
        router.add_api_route(
            "/tasks/{task_id}/events/stream",
            self.stream,
            tags=["tasks"],
            summary="Stream the events of a task",
            response_class=StreamingResponse,
            openapi_extra=resume,
            responses={
                200: {"description": "Server-sent events.", "content": _STREAM},
                204: _OVER,
                **problem_responses("not_found", "invalid_request"),
            },
        )
        router.add_api_route(
            "/events",
            self.notices,
            tags=["service"],
            summary="Stream changes of tasks",
            response_class=StreamingResponse,
            openapi_extra=resume,
            responses={200: {"description": "Server-sent events.", "content": _STREAM}},
        )
        return router

    async def events(
        self, task_id: TaskId, request: Request, after: After = None, limit: EventCount = 500
    ) -> EventListWire | Response:
        """The task's events, oldest first; as a stream if you accept `text/event-stream`."""
        last_event_id(request)  # refuses an invalid one even if it is not needed
        if wants_stream(request):
            return await self.stream(task_id, request, after)
        events = await self._reads.events(task_id, after=after or 0, limit=limit)
        return EventListWire.of(task_id, events, after=after or 0)

    async def stream(self, task_id: TaskId, request: Request, after: After = None) -> Response:
        """The task's events as they happen, until it has ended.

        A reader that returns after the end gets 204, so that a browser does not reconnect.
        """
        seen = last_event_id(request)
        after = (after or 0) if seen is None else seen
        task = await self._reads.get_task(task_id)
        is_over = task.status.is_final and task.resource_cleanup_completed
        if seen is not None and is_over and not await self._reads.events(task_id, after=after, limit=1):
            return Response(status_code=204)
        return event_stream(self._following.follow(task_id, after=after))

    async def notices(self, request: Request, after: After = None) -> Response:
        """Stream changes of your tasks with their progress, for overviews; changes in quick succession are merged.

        The stream begins with new changes, unless the reader sends the last id that it has seen.
        """
        seen = last_event_id(request)
        only = caller_of(request).sees_only
        return event_stream(self._following.notices(after=after if seen is None else seen, caller=only))
