"""What stands in the path of a request."""

from typing import Annotated

from fastapi import Depends, Request

from pagemill.domain.errors import NotFound

ID_CHARACTERS = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")
MAX_ID_LENGTH = 64


async def known_form(task_id: str) -> str:
    """The id in the path if it can be one; nothing else reaches the database."""
    if len(task_id) > MAX_ID_LENGTH or not ID_CHARACTERS.issuperset(task_id):
        raise NotFound("There is no such task: a task's id has only letters, digits and dashes.")
    return task_id


TaskId = Annotated[str, Depends(known_form)]


def root_of(request: Request) -> str:
    """The path under which the service is mounted; "" where it is at the top."""
    return str(request.scope.get("root_path", ""))
