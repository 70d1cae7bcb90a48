"""Who a caller is, what it may do, and whose things are."""

from dataclasses import dataclass

from pagemill.domain.ports import ApiKeys, AuditLog, Clock
from pagemill.tasks.access.ownership import Ownership


@dataclass(frozen=True)
class Access:
    """What access control rests on.

    Attributes:
        keys: Keys of the database.
        owners: Whose tasks and batches are.
        audit: Uses of admin rights.
        clock: The time.
    """

    keys: ApiKeys
    owners: Ownership
    audit: AuditLog
    clock: Clock
