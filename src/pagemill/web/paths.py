"""The path of a request."""

from typing import Annotated

from fastapi import Depends, Request

from pagemill.domain.errors import NotFound

ID_CHARACTERS = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")
MAX_ID_LENGTH = 64


async def known_form(task_id: str) -> str:
    """A task's id from a path. Only what can be an id reaches the database.

    Raises:
        NotFound: It cannot be an id.
    """
    return _check_form(task_id, "task")


async def known_batch_form(batch_id: str) -> str:
    """A batch's id from a path; see `known_form`."""
    return _check_form(batch_id, "batch")


TaskId = Annotated[str, Depends(known_form)]
BatchId = Annotated[str, Depends(known_batch_form)]


def _check_form(given: str, kind: str) -> str:
    if len(given) > MAX_ID_LENGTH or not ID_CHARACTERS.issuperset(given):
        raise NotFound(f"There is no such {kind}: a {kind}'s id has only letters, digits, dashes and underscores.")
    return given


def root_of(request: Request) -> str:
    """The path under which the service is mounted; "" for the root."""
    return str(request.scope.get("root_path", ""))
