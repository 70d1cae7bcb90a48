"""Follows events reliably.

stream ──broken, or the server ended──▶ opened again after the last event
   └──unavailable (a proxy holds it back, an old server)──▶ polled every second instead
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import JsonValue, TypeAdapter

from pagemill.client.calls import Calls, read_whole, refusal_of
from pagemill.client.errors import ClientError, ServiceUnreachable
from pagemill.client.event_stream import EventStreamReader
from pagemill.client.transport import Request, StreamedReply

STREAM = "text/event-stream"
ASK_AGAIN_S = 1.0
SILENT_STREAMS = 2
"""After this many streams in a row without data, a proxy must be holding them back."""
LAST_STRETCH_S = 10.0
"""Following ends this long before its time limit, and its caller asks once more at the end."""
NO_STREAM = frozenset({404, 405, 406})
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
E = TypeVar("E")


class StreamUnavailable(Exception):
    """Events are not available as a stream."""


@dataclass(frozen=True)
class Heard(Generic[E]):
    """Some events. Continue after `last`."""

    items: Sequence[E]
    last: int


class Followed(Protocol[E]):
    """Something that can be followed."""

    @property
    def stream(self) -> str:
        """Path of its stream."""
        ...

    def parse_known(self, data: JsonValue) -> Sequence[E]:
        """The event in a message; empty if only newer versions know it."""
        ...

    async def ask(self, after: int) -> Heard[E]:
        """All events after a sequence number."""
        ...

    async def is_over(self) -> bool:
        """Whether nothing more will happen."""
        ...


class Following(Calls):
    """Follows events: over a stream, or by polling if streams are not available."""

    async def _hear(
        self, followed: Followed[E], *, after: int = 0, until: float | None = None
    ) -> AsyncGenerator[Sequence[E], None]:
        """Yield events as they happen, several at once, sometimes none.

        It ends when no more events can follow, or shortly before `until` on the transport's clock.
        """
        retrying, silent, last = self._start_retrying(), 0, after
        while not self._is_late(until):
            by_stream = silent < SILENT_STREAMS
            source = self._stream(followed, last) if by_stream else self._poll(followed, last)
            was_heard = False
            try:
                async with aclosing(source) as coming:
                    async for heard in coming:
                        retrying.start_over()
                        was_heard, silent = True, 0 if by_stream else silent
                        last = heard.last
                        yield heard.items
                        if self._is_late(until):
                            return
                if await followed.is_over():
                    yield (await followed.ask(last)).items
                    return
                await self._transport.sleep(ASK_AGAIN_S)
            except StreamUnavailable:
                silent = SILENT_STREAMS
            except ClientError as error:
                silent += by_stream and not was_heard and isinstance(error, ServiceUnreachable) and error.was_silent
                await self._transport.sleep(retrying.pause_after(error))

    def _is_late(self, until: float | None) -> bool:
        return until is not None and self._transport.now() > until - LAST_STRETCH_S

    async def _stream(self, followed: Followed[E], after: int) -> AsyncGenerator[Heard[E], None]:
        headers = {"Accept": STREAM} | ({"Last-Event-ID": str(after)} if after else {})
        request = Request("GET", followed.stream, headers=headers, silence_s=self._rules.silence_s)
        async with self._transport.stream(request) as reply:
            if reply.status == 204:
                return
            await _check_stream(reply)
            reader, last = EventStreamReader(), after
            async with aclosing(reply.chunks()) as chunks:
                async for chunk in chunks:
                    messages = list(reader.feed(chunk))
                    last = int(messages[-1].id or last) if messages else last
                    items = [item for each in messages for item in followed.parse_known(_JSON.validate_json(each.data))]
                    yield Heard(items, last)

    async def _poll(self, followed: Followed[E], after: int) -> AsyncGenerator[Heard[E], None]:
        while True:
            is_over = await followed.is_over()
            heard = await followed.ask(after)
            after = heard.last
            yield heard
            if is_over:
                return
            await self._transport.sleep(ASK_AGAIN_S)


async def _check_stream(reply: StreamedReply) -> None:
    """Raise `StreamUnavailable` if the answer is not a stream (polling finds out why), or the service's refusal."""
    if reply.status in NO_STREAM or (reply.status == 200 and not _is_stream(reply)):
        raise StreamUnavailable
    if reply.status != 200:
        raise refusal_of(await read_whole(reply))


def _is_stream(reply: StreamedReply) -> bool:
    return reply.headers.get("content-type", "").startswith(STREAM)
