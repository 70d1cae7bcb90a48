"""Server-sent events, as the HTML standard defines them.

A message's `id` is its sequence number; a reader that reconnects sends the last one as `Last-Event-ID`. Comment lines
keep connections open through proxies, and reveal readers that have disconnected.
"""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from pagemill.domain.errors import NotFound
from pagemill.domain.task.events import EventRecord, TaskNotice
from pagemill.web.negotiation import best_match
from pagemill.web.problems import FieldProblem, RequestRefused
from pagemill.wire.task_wire import EventWire, NoticeWire

MEDIA_TYPE = "text/event-stream"
RECONNECT_MS = 2000
CHANGED = "task_changed"
"""Name of messages about a task instead of a single event."""
KEEP_ALIVE = b": nothing new\n\n"

SEQUENCE = "^([0-9]{1,18})?$"
_SEQUENCE = re.compile(SEQUENCE)
MESSAGE_SCHEMA = {
    "type": "object",
    "description": "One message of the stream; its data is JSON.",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer"},
    },
}
"""The OpenAPI description of a stream: the form of each message in it."""


def wants_stream(request: Request) -> bool:
    """Whether the client prefers a stream to one JSON answer."""
    return best_match(request.headers.get("accept", ""), ("application/json", MEDIA_TYPE)) == MEDIA_TYPE


def last_event_id(request: Request) -> int | None:
    """The last sequence number that a reconnecting reader has seen; None if it sends none.

    Raises:
        RequestRefused: `invalid_request`.
    """
    given = request.headers.get("last-event-id", "").strip()
    if not given:
        return None
    if not _SEQUENCE.fullmatch(given):
        problem = FieldProblem(field="Last-Event-ID", message="not a sequence number; send the id of the last message")
        raise RequestRefused.for_fields([problem])
    return int(given)


def event_stream(batches: AsyncGenerator[Sequence[EventRecord] | Sequence[TaskNotice], None]) -> StreamingResponse:
    """The response that streams the items of all sequences; an empty sequence sends a heartbeat."""
    headers = {"Content-Type": MEDIA_TYPE, "X-Accel-Buffering": "no"}
    return StreamingResponse(_messages(batches), headers=headers)


async def _messages(
    batches: AsyncGenerator[Sequence[EventRecord] | Sequence[TaskNotice], None],
) -> AsyncGenerator[bytes, None]:
    yield f"retry: {RECONNECT_MS}\n\n".encode()
    async with aclosing(batches):
        try:
            async for batch in batches:
                yield b"".join(map(_message, batch)) or KEEP_ALIVE
        except NotFound:
            return


def _message(item: EventRecord | TaskNotice) -> bytes:
    match item:
        case EventRecord():
            return _encode_event(item.sequence, item.event_type, EventWire.of(item))
        case TaskNotice():
            return _encode_event(item.sequence, CHANGED, NoticeWire.of(item))


def _encode_event(sequence: int, name: str, data: BaseModel) -> bytes:
    """JSON text contains no bare line ends, so the data is one line."""
    return f"id: {sequence}\nevent: {name}\ndata: {data.model_dump_json()}\n\n".encode()
