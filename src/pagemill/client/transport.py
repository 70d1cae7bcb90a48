"""What the client asks of the outside world: the one port under everything it does.

Written as coroutines, for both colours: `AsyncHttp` awaits what it does, `BlockingHttp` does it on the spot and never
suspends, so that the very same code serves `AsyncClient` and `Client`.
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
        query: Its parameters; one that is None is left out.
        content: The body, JSON.
        uploads: Documents, each sent as a part `file` of a form.
        fields: The form's other parts.
        silence_s: Nothing heard for so long counts as a broken connection.
    """

    method: str
    path: str
    query: Mapping[str, str | int | list[str] | None] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    uploads: Sequence[Upload] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    silence_s: float = 30.0


@dataclass(frozen=True)
class Reply:
    """The answer to a request; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether it is what was asked for."""
        return 200 <= self.status < 300


class StreamedReply(Protocol):
    """An answer whose body is read as it comes."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """By name in lower case."""
        ...

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes.

        Raises:
            ServiceUnreachable: It broke off.
        """
        ...


class Transport(Protocol):
    """How requests reach the service, and how time passes meanwhile."""

    async def send(self, request: Request) -> Reply:
        """The whole answer.

        Raises:
            ServiceUnreachable: None came.
        """
        ...

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamedReply]:
        """The answer, its body still to come. Raises what `send` does."""
        ...

    async def offload(self, work: Callable[[], T]) -> T:
        """Do what blocks: files."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    async def close(self) -> None:
        """Give all connections back."""
        ...
