"""Sending the same thing twice: a request that is repeated is answered with the task it made the first time."""

from dataclasses import dataclass

from pagemill.domain.errors import IdempotencyKeyReused
from pagemill.domain.task.task import Task, TaskCreateRequest


@dataclass(frozen=True)
class Submitted:
    """What was sent under an idempotency key.

    Attributes:
        task_id: The task it made.
        content: `TaskCreateRequest.content` of it.
    """

    task_id: str
    content: str


@dataclass(frozen=True)
class Submission:
    """The answer to a request to make a task.

    Attributes:
        replayed: The task was made by an earlier request with the same key; this one's document is not needed.
    """

    task: Task
    replayed: bool = False


def check_same(earlier: Submitted, request: TaskCreateRequest) -> None:
    """Allow a key to be used again only for the same content.

    Raises:
        IdempotencyKeyReused: It is another document, or other options.
    """
    if earlier.content != request.content:
        raise IdempotencyKeyReused(
            f"The idempotency key {request.idempotency_key!r} belongs to an earlier request with another document or "
            "other options. Use a new key.",
            task_id=earlier.task_id,
        )
