"""Lets callers reach their own tasks and batches, and admins all of them; it records each admin's use first."""

from pagemill.domain.callers import ANYONE, AdminUse, Caller, Scope
from pagemill.domain.ports import AuditLog
from pagemill.domain.task.document_batch import no_such_batch
from pagemill.domain.task.task import no_such_task
from pagemill.tasks.access.ownership import Ownership


class Gate:
    """Checks owners and scopes. Runs in the server process.

    A use of an admin right is on the disk before the request goes on; if it cannot be recorded, the request fails.
    """

    def __init__(self, owners: Ownership, audit: AuditLog) -> None:
        self._owners = owners
        self._audit = audit

    async def check_task(self, caller: Caller, task_id: str, action: str) -> None:
        """Check that the caller may apply `action` to a task.

        Raises:
            NotFound: There is no such task, or it belongs to another caller; the error does not tell which.
            DatabaseUnavailable: The owner cannot be found, or the use cannot be recorded.
        """
        if caller == ANYONE:
            return
        owner = await self._owners.of_task(task_id)
        if not await self._may_reach(caller, owner, action, task_id):
            raise no_such_task(task_id)

    async def check_batch(self, caller: Caller, batch_id: str, action: str) -> None:
        """Check that the caller may apply `action` to a batch.

        Raises:
            NotFound: As `check_task`.
            DatabaseUnavailable: As `check_task`.
        """
        if caller == ANYONE:
            return
        owner = await self._owners.of_batch(batch_id)
        if not await self._may_reach(caller, owner, action, batch_id):
            raise no_such_batch(batch_id)

    async def note_all(self, caller: Caller, action: str, target: str = "") -> None:
        """Record an admin's action on the data of all callers; do nothing for other callers."""
        if caller != ANYONE and caller.scope is Scope.ADMIN:
            await self._audit.record(AdminUse(caller.name, caller.key_id, action, target))

    async def _may_reach(self, caller: Caller, owner: str, action: str, target: str) -> bool:
        if owner == caller.name:
            return True
        if caller.scope is not Scope.ADMIN:
            return False
        await self._audit.record(AdminUse(caller.name, caller.key_id, action, target, owner))
        return True
