"""Repeated requests: a repetition is answered with the task that the first request made."""

from dataclasses import dataclass

from pagemill.domain.errors import IdempotencyKeyReused
from pagemill.domain.task.task import Task, TaskCreateRequest


@dataclass(frozen=True)
class Submitted:
    """An earlier request with an idempotency key.

    Attributes:
        task_id: The task that it made.
        content: Its `TaskCreateRequest.content`.
    """

    task_id: str
    content: str


@dataclass(frozen=True)
class Submission:
    """The answer to a request to make a task.

    Attributes:
        replayed: An earlier request with the same key made the task; the document of this request is not needed.
    """

    task: Task
    replayed: bool = False


def check_same(earlier: Submitted, request: TaskCreateRequest) -> None:
    """Allow a key a second time only for the same content.

    Raises:
        IdempotencyKeyReused: The document or the options differ.
    """
    if earlier.content != request.content:
        raise IdempotencyKeyReused(
            f"The idempotency key {request.idempotency_key!r} belongs to an earlier request with another document or "
            "other options. Use a new key.",
            task_id=earlier.task_id,
        )
