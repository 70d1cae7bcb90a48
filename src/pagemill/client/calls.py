"""Makes every call: sends it, retries it while that may help, and parses the answer."""

import random
from collections.abc import Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from pagemill.client.errors import AnswerNotUnderstood, ClientError, Problem, ServiceRefusal, refusal
from pagemill.client.retries import Retrying, RetryRules
from pagemill.client.transport import Reply, Request, StreamedReply, Transport
from pagemill.wire.task_wire import TaskWire

W = TypeVar("W", bound=BaseModel)
TaskRef = str | TaskWire
"""A task or its id."""


class Calls:
    """The base of all calls.

    Args:
        transport: Sends requests to the service.
        retries: When to retry, and how long.
        spread: A random number between two.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        retries: RetryRules | None = None,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._transport = transport
        self._rules = retries or RetryRules()
        self._spread = spread

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    def _start_retrying(self) -> Retrying:
        return Retrying(self._rules, now=self._transport.now, spread=self._spread)

    async def _send(self, request: Request) -> Reply:
        """Send the request until it succeeds, and return the answer.

        Raises:
            ClientError: It did not succeed.
        """
        retrying = self._start_retrying()
        while True:
            try:
                reply = await self._transport.send(request)
                if not reply.is_success:
                    raise refusal_of(reply)
            except ClientError as error:
                pause = retrying.pause_after(error)
            else:
                return reply
            await self._transport.sleep(pause)

    async def _get(
        self,
        path: str,
        kind: type[W],
        *,
        query: Mapping[str, str | int | list[str] | None] | None = None,
    ) -> W:
        return parse_answer(await self._send(Request("GET", path, query=query or {})), kind)


def parse_answer(reply: Reply, kind: type[W]) -> W:
    """Parse an answer, and ignore additions of a newer service.

    Raises:
        AnswerNotUnderstood: This client does not understand the answer.
    """
    try:
        return kind.model_validate_json(reply.body, extra="ignore")
    except ValidationError as error:
        message = "This client does not understand the service's answer. Check that their versions match."
        raise AnswerNotUnderstood(message) from error


async def read_whole(reply: StreamedReply) -> Reply:
    """Read the whole body of an answer.

    Raises:
        ServiceUnreachable: The connection broke.
    """
    async with aclosing(reply.chunks()) as chunks:
        body = b"".join([chunk async for chunk in chunks])
    return Reply(reply.status, reply.headers, body)


def refusal_of(reply: Reply) -> ServiceRefusal:
    """The error in an answer, from the service or a proxy."""
    try:
        problem = Problem.model_validate_json(reply.body)
    except ValidationError:
        problem = Problem(
            status=reply.status, detail=f"The answer was HTTP {reply.status}, perhaps from a proxy. Try again later."
        )
    return refusal(problem, retry_after_s=_retry_after_s(reply.headers.get("retry-after", "")))


def _retry_after_s(value: str) -> float | None:
    """Retry-After in seconds, from seconds or a date (RFC 9110)."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def task_id_of(task: TaskRef) -> str:
    """The id of a task."""
    return task if isinstance(task, str) else task.task_id


def path_of(task: TaskRef, *parts: str | int) -> str:
    """The path of a task, or of a part of it."""
    return "/".join(["/tasks", quote(task_id_of(task), safe=""), *map(str, parts)])
