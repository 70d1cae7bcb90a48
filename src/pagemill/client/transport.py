"""What the client needs from the outside world: the one port under all calls.

Its methods are coroutines for both clients: `AsyncHttp` awaits its work, `BlockingHttp` does it directly and never
suspends. So the same code serves `AsyncClient` and `Client`.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from pagemill.client.sending import Upload

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One request to the service.

    Attributes:
        path: Below the service's address.
        query: Its parameters, without those that are None.
        content: The body, JSON.
        uploads: Documents, each sent as a part `file` of a form.
        fields: The form's other parts.
        silence_s: A connection that is silent for this long is broken.
    """

    method: str
    path: str
    query: Mapping[str, str | int | list[str] | None] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = None
    uploads: Sequence[Upload] = ()
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    silence_s: float = 30.0


@dataclass(frozen=True)
class Reply:
    """The answer to a request; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the request succeeded."""
        return 200 <= self.status < 300


class StreamedReply(Protocol):
    """An answer whose body is read as it arrives."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """By name in lower case."""
        ...

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives.

        Raises:
            ServiceUnreachable: The connection broke.
        """
        ...


class Transport(Protocol):
    """Sends requests to the service, and provides time."""

    async def send(self, request: Request) -> Reply:
        """Send a request, and return the whole answer.

        Raises:
            ServiceUnreachable: No answer came.
        """
        ...

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamedReply]:
        """Send a request, and return the answer with its body still to come. Raises as `send`."""
        ...

    async def offload(self, work: Callable[[], T]) -> T:
        """Run blocking work, such as reading files."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
