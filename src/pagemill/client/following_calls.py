"""Following tasks: their events as they come, their progress, their pages as they finish, their end."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from math import ceil

from pydantic import JsonValue, ValidationError

from pagemill.client.calls import TaskRef, parse_answer, path_of
from pagemill.client.errors import WaitedTooLong
from pagemill.client.following import Following, Heard
from pagemill.client.result_calls import ResultCalls
from pagemill.client.task_calls import TaskCalls
from pagemill.client.transport import Request
from pagemill.domain.page.page import Page
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState
from pagemill.wire.task_wire import EventWire, TaskWire

EVENTS_AT_ONCE = 1000


class FollowingCalls(TaskCalls, ResultCalls, Following):
    """What happens to tasks, as it happens."""

    async def follow(self, task: TaskRef, *, after: int = 0) -> AsyncGenerator[EventWire, None]:
        """The task's events with a higher sequence than `after`, each once, as they come, until it is over.

        A connection that breaks, and a server that is started anew, are got over. Events that only newer versions
        know are left out.
        """
        async with aclosing(self._hear(TaskEvents(self, task), after=after)) as heard:
            async for batch in heard:
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
        async with aclosing(self._hear(TaskEvents(self, task), until=end)) as heard:
            async for batch in heard:
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
            raise WaitedTooLong(f"The task did not end within {within} s. It continues; you can wait again.")
        return state

    async def read_pages(self, task: TaskRef) -> AsyncGenerator[Page, None]:
        """The task's pages as they are read, each once, until it is over; those read already come first, by number."""
        given: set[int] = set()
        for number in await self._read_so_far(task):
            given.add(number)
            yield await self.page(task, number)
        async with aclosing(self._hear(TaskEvents(self, task))) as heard:
            async for batch in heard:
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
        return parse_answer(await self._send(request), TaskWire)


class TaskEvents:
    """A task's events, as they are followed."""

    def __init__(self, calls: TaskCalls, task: TaskRef) -> None:
        self._calls = calls
        self._task = task
        self.stream = path_of(task, "events", "stream")

    def known(self, data: JsonValue) -> Sequence[EventWire]:
        """See `Followed`."""
        return known_event(data)

    async def ask(self, after: int) -> Heard[EventWire]:
        """See `Followed`."""
        events: list[EventWire] = []
        while True:
            found = await self._calls.raw_events(self._task, after=after, limit=EVENTS_AT_ONCE)
            events += [event for each in found.events for event in known_event(each)]
            after = found.last_sequence
            if len(found.events) < EVENTS_AT_ONCE:
                return Heard(events, after)

    async def is_over(self) -> bool:
        """See `Followed`."""
        state = await self._calls.task(self._task)
        return state.status.is_final and state.resource_cleanup_completed


def known_event(event: JsonValue) -> Sequence[EventWire]:
    """The event, unless only newer versions know its kind."""
    with suppress(ValidationError):
        return [EventWire.model_validate(event)]
    return []


def _pages_done(batch: Sequence[EventWire]) -> list[int]:
    found = [event.details.get("page") for event in batch if event.event_type is TaskEvent.PAGE_DONE]
    return [number for number in found if isinstance(number, int)]
