"""Passwords of protected documents: in this process's memory, and only until their task is over.

They are in no database, file, log, event, receipt or answer. After a restart they are gone: the remaining pages
fail, and the task says that it needs its password again (docs/decisions/0014-passwords-in-memory.md).
"""

import asyncio
from contextlib import suppress
from typing import Protocol

from pagemill.domain.errors import DatabaseUnavailable, EncryptedDocument, NotFound
from pagemill.domain.task.task import PageLease, Task

_LOOK_AGAIN_S = 5.0

FORGOTTEN = (
    "The PDF is protected, and the service lost its password in a restart. Retry the task with its password. Its "
    "finished pages remain available."
)
AGAIN = (
    "The PDF is protected, and the service keeps a password only until its task has ended. Send the password again, in "
    "the header Pagemill-Password or with --password on the command line."
)


class Ends(Protocol):
    """Tells when tasks end; see `TaskWatch`."""

    @property
    def is_closed(self) -> bool:
        """Whether the service is stopping."""
        ...

    async def until_final(self, task_id: str) -> Task:
        """The task once it has ended, or as it is when the watch closes. Raises NotFound."""
        ...


class Passwords:
    """The passwords that this server knows, by task. Runs in the server's event loop.

    Args:
        owner: The name of this server in leases.
        watch: Tells when a task is over.
    """

    def __init__(self, owner: str, watch: Ends) -> None:
        self.owner = owner
        self._watch = watch
        self._known: dict[str, str] = {}
        self._following: dict[str, asyncio.Task[None]] = {}

    def hold(self, task_id: str, password: str) -> None:
        """Keep the password of a task that is about to be stored; `follow` it once it is, or `forget` it."""
        self._leave(task_id)
        self._known[task_id] = password

    def forget(self, task_id: str) -> None:
        """Forget the password of a task."""
        self._known.pop(task_id, None)
        self._leave(task_id)

    def follow(self, task_id: str) -> None:
        """Forget the password of a task once the task has ended or was deleted."""
        if task_id in self._known and task_id not in self._following:
            self._following[task_id] = asyncio.create_task(self._until_over(task_id), name=f"password of {task_id}")

    def find(self, task_id: str) -> str | None:
        """The password, if it is known here."""
        return self._known.get(task_id)

    def may_open(self, task_id: str, password_at: str | None) -> bool:
        """Whether this server may claim pages of the task; another server may know its password.

        It also claims the pages of tasks whose passwords it lost in a restart; these pages then fail.
        """
        return password_at is None or password_at == self.owner or task_id in self._known

    def check(self, lease: PageLease) -> str | None:
        """The password for the pages of a lease; None if they need none.

        Raises:
            EncryptedDocument: They need one, and this process no longer has it.
        """
        if lease.password_at is None:
            return None
        if (password := self.find(lease.task_id)) is None:
            raise EncryptedDocument(FORGOTTEN)
        return password

    def need(self, task: Task, given: str | None) -> str | None:
        """The password that opens the document of a task, which may have ended; None if it needs none.

        Raises:
            EncryptedDocument: It needs one, none was given, and none is known.
        """
        if not task.needs_password:
            return None
        password = given or self.find(task.task_id)
        if password is None:
            raise EncryptedDocument(AGAIN)
        return password

    async def stop(self) -> None:
        """Stop following tasks."""
        following = list(self._following.values())
        for each in following:
            each.cancel()
        await asyncio.gather(*following, return_exceptions=True)

    async def _until_over(self, task_id: str) -> None:
        while not self._watch.is_closed:
            with suppress(DatabaseUnavailable):
                if await self._is_over(task_id):
                    del self._following[task_id]
                    self._known.pop(task_id, None)
                    return
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _is_over(self, task_id: str) -> bool:
        try:
            return (await self._watch.until_final(task_id)).status.is_final
        except NotFound:
            return True

    def _leave(self, task_id: str) -> None:
        if (following := self._following.pop(task_id, None)) is not None:
            following.cancel()
