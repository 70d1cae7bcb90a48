"""Access control: who a caller is, and what it may do with which tasks and batches."""

from dataclasses import dataclass

from pagemill.domain.ports import ApiKeys, AuditLog, Clock
from pagemill.tasks.access.ownership import Ownership


@dataclass(frozen=True)
class Access:
    """The parts of access control.

    Attributes:
        keys: Keys of the database.
        owners: Finds the owners of tasks and batches.
        audit: Uses of admin rights.
        clock: The time.
    """

    keys: ApiKeys
    owners: Ownership
    audit: AuditLog
    clock: Clock
