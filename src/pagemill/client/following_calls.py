"""Following tasks: their events as they come, their progress, their pages as they finish, their end.

stream ──broken, or the server ended──▶ again after the last event seen, sooner or later
   └──cannot be had (a proxy keeps it back, an old server)──▶ asked for every second instead
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from math import ceil

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from pagemill.client.calls import TaskRef, path_of, read_whole, refused, understood
from pagemill.client.errors import ClientError, ServiceUnreachable, WaitedTooLong
from pagemill.client.event_stream import EventStreamReader
from pagemill.client.result_calls import ResultCalls
from pagemill.client.task_calls import TaskCalls
from pagemill.client.transport import Request, StreamedReply
from pagemill.domain.events import TaskEvent
from pagemill.domain.page import Page
from pagemill.domain.tasks import PageState
from pagemill.web.wire import EventWire, TaskWire

STREAM = "text/event-stream"
ASK_AGAIN_S = 1.0
SILENT_STREAMS = 2
"""So many streams one after the other of which nothing came, and streams are held to be kept back on the way."""
EVENTS_AT_ONCE = 1000
LAST_STRETCH_S = 10.0
"""So short before the end of a wait, the service is asked to answer in time instead."""


NO_STREAM = frozenset({404, 405, 406})
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class _Events(BaseModel):
    """Events, those among them that only newer versions know."""

    events: list[JsonValue]


class StreamUnavailable(Exception):
    """Events cannot be had as a stream."""


class FollowingCalls(TaskCalls, ResultCalls):
    """What happens to tasks, as it happens."""

    async def follow(self, task: TaskRef, *, after: int = 0) -> AsyncGenerator[EventWire, None]:
        """The task's events with a higher sequence than `after`, each once, as they come, until it is over.

        A connection that breaks, and a server that is started anew, are got over. Events that only newer versions
        know are left out.
        """
        async with aclosing(self._batches(task, after=after)) as batches:
            async for batch in batches:
                for event in batch:
                    yield event

    async def watch(self, task: TaskRef, *, within: float | None = None) -> AsyncGenerator[TaskWire, None]:
        """The task as it stands, and again whenever something happened to it, until it is over.

        Args:
            task: The task.
            within: Seconds after which it ends all the same, within a second or so.
        """
        end = None if within is None else self._transport.now() + within
        state = await self.task(task)
        yield state
        if state.status.is_final:
            return
        async with aclosing(self._batches(task, until=end)) as batches:
            async for batch in batches:
                if batch:
                    state = await self.task(task)
                    yield state
                if state.status.is_final:
                    return
        yield await self._last_stretch(state, end)

    async def wait(self, task: TaskRef, *, within: float | None = None) -> TaskWire:
        """The task once it is over.

        Args:
            task: The task.
            within: Seconds after which to give up.

        Raises:
            WaitedTooLong: It is not over by then; it goes on all the same.
            ClientError: The service was away for longer than we are patient, or the task was deleted meanwhile.
        """
        state = None
        async with aclosing(self.watch(task, within=within)) as states:
            async for state in states:  # noqa: B007 - the last one counts
                pass
        if state is None or not state.status.is_final:
            raise WaitedTooLong(f"The task is not over after {within} s; it goes on, and may be waited for again.")
        return state

    async def read_pages(self, task: TaskRef) -> AsyncGenerator[Page, None]:
        """The task's pages as they are read, each once, until it is over; those read already come first, by number."""
        given: set[int] = set()
        for number in await self._read_so_far(task):
            given.add(number)
            yield await self.page(task, number)
        async with aclosing(self._batches(task)) as batches:
            async for batch in batches:
                for number in _pages_done(batch):
                    if number not in given:
                        given.add(number)
                        yield await self.page(task, number)
        for number in await self._read_so_far(task):
            if number not in given:
                yield await self.page(task, number)

    async def _read_so_far(self, task: TaskRef) -> list[int]:
        return [page.number for page in await self.pages(task) if page.state is PageState.DONE]

    async def _last_stretch(self, state: TaskWire, end: float | None) -> TaskWire:
        """The task at the end of the time, or at its own."""
        left = 0 if end is None else ceil(max(0.0, end - self._transport.now()))
        headers = {"Prefer": f"wait={left}"} if left else {}
        request = Request("GET", path_of(state), headers=headers, silence_s=self._rules.silence_s + left)
        return understood(await self._send(request), TaskWire)

    async def _batches(
        self, task: TaskRef, *, after: int = 0, until: float | None = None
    ) -> AsyncGenerator[Sequence[EventWire], None]:
        """Events as they come, several at once; nothing now and then. Ends with the task, or shortly before `until`."""
        retrying, silent, seen = self._retrying(), 0, after
        while not self._is_late(until):
            by_stream = silent < SILENT_STREAMS
            source = self._streamed(task, seen) if by_stream else self._asked_for(task, seen)
            heard = False
            try:
                async with aclosing(source) as batches:
                    async for batch in batches:
                        retrying.succeeded()
                        heard, silent = True, 0 if by_stream else silent
                        seen = batch[-1].sequence if batch else seen
                        yield batch
                        if self._is_late(until):
                            return
                if await self._is_over(task):
                    last = await self._events_after(task, seen)
                    if last:
                        yield last
                    return
                await self._transport.sleep(ASK_AGAIN_S)
            except StreamUnavailable:
                silent = SILENT_STREAMS
            except ClientError as error:
                silent += by_stream and not heard and isinstance(error, ServiceUnreachable) and error.was_silent
                await self._transport.sleep(retrying.pause_after(error))

    def _is_late(self, until: float | None) -> bool:
        return until is not None and self._transport.now() > until - LAST_STRETCH_S

    async def _is_over(self, task: TaskRef) -> bool:
        state = await self.task(task)
        return state.status.is_final and state.resource_cleanup_completed

    async def _streamed(self, task: TaskRef, after: int) -> AsyncGenerator[Sequence[EventWire], None]:
        headers = {"Accept": STREAM} | ({"Last-Event-ID": str(after)} if after else {})
        request = Request("GET", path_of(task, "events", "stream"), headers=headers, silence_s=self._rules.silence_s)
        async with self._transport.stream(request) as reply:
            if reply.status == 204:
                return
            await _check_stream(reply)
            reader = EventStreamReader()
            async with aclosing(reply.chunks()) as chunks:
                async for chunk in chunks:
                    yield [
                        event
                        for message in reader.feed(chunk)
                        for event in known_event(_JSON.validate_json(message.data))
                    ]

    async def _asked_for(self, task: TaskRef, after: int) -> AsyncGenerator[Sequence[EventWire], None]:
        while True:
            is_over = await self._is_over(task)
            events = await self._events_after(task, after)
            yield events
            after = events[-1].sequence if events else after
            if is_over:
                return
            await self._transport.sleep(ASK_AGAIN_S)

    async def _events_after(self, task: TaskRef, after: int) -> Sequence[EventWire]:
        query = {"after": after, "limit": EVENTS_AT_ONCE}
        found = await self._get(path_of(task, "events"), _Events, query=query)
        return [event for each in found.events for event in known_event(each)]


async def _check_stream(reply: StreamedReply) -> None:
    """Where there is no stream, asking tells why."""
    if reply.status in NO_STREAM or (reply.status == 200 and not _is_stream(reply)):
        raise StreamUnavailable
    if reply.status != 200:
        raise refused(await read_whole(reply))


def _is_stream(reply: StreamedReply) -> bool:
    return reply.headers.get("content-type", "").startswith(STREAM)


def known_event(event: JsonValue) -> Sequence[EventWire]:
    """The event, unless only newer versions know its kind."""
    with suppress(ValidationError):
        return [EventWire.model_validate(event)]
    return []


def _pages_done(batch: Sequence[EventWire]) -> list[int]:
    found = [event.details.get("page") for event in batch if event.event_type is TaskEvent.PAGE_DONE]
    return [number for number in found if isinstance(number, int)]
