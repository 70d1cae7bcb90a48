"""Calls that follow tasks: their events, their progress, their finished pages, their end."""

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
    """Live events of tasks."""

    async def follow(self, task: TaskRef, *, after: int = 0) -> AsyncGenerator[EventWire, None]:
        """Yield the task's events with a higher sequence than `after`, each once, until it has ended.

        It survives a broken connection and a restart of the server, and omits events that only newer versions know.
        """
        async with aclosing(self._hear(TaskEvents(self, task), after=after)) as heard:
            async for batch in heard:
                for event in batch:
                    yield event

    async def watch(self, task: TaskRef, *, within: float | None = None) -> AsyncGenerator[TaskWire, None]:
        """Yield the task now and after every change, until it has ended.

        Args:
            task: The task.
            within: Seconds after which to stop anyway, to within about a second.
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
        """Wait until the task has ended, and return it.

        Args:
            task: The task.
            within: Seconds after which to give up.

        Raises:
            WaitedTooLong: It has not ended by then; it continues.
            ClientError: The service was away for too long, or the task was deleted meanwhile.
        """
        state = None
        async with aclosing(self.watch(task, within=within)) as states:
            async for state in states:  # noqa: B007 - keep only the last
                pass
        if state is None or not state.status.is_final:
            raise WaitedTooLong(f"The task did not end within {within} s. It continues; you can wait again.")
        return state

    async def read_pages(self, task: TaskRef) -> AsyncGenerator[Page, None]:
        """Yield the task's pages as they are read, each once, until it has ended; finished ones come first."""
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
        """The task at the time limit, or at its end."""
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

    def parse_known(self, data: JsonValue) -> Sequence[EventWire]:
        """See `Followed.parse_known`."""
        return known_event(data)

    async def ask(self, after: int) -> Heard[EventWire]:
        """See `Followed.ask`."""
        events: list[EventWire] = []
        while True:
            found = await self._calls.raw_events(self._task, after=after, limit=EVENTS_AT_ONCE)
            events += [event for each in found.events for event in known_event(each)]
            after = found.last_sequence
            if len(found.events) < EVENTS_AT_ONCE:
                return Heard(events, after)

    async def is_over(self) -> bool:
        """See `Followed.is_over`."""
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
