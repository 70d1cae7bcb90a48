"""Who may use the service, and what admins did. Every call can raise `DatabaseUnavailable`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from pagemill.domain.callers import AdminUse, ApiKey, AuditEntry


class ApiKeys(Protocol):
    """API keys. Other processes see a change with their next read."""

    async def add(self, key: ApiKey) -> None:
        """Store a new key."""
        ...

    async def find(self, key_id: str) -> ApiKey | None:
        """The key with this id, whatever its state; None if there is none."""
        ...

    async def list_keys(self) -> Sequence[ApiKey]:
        """All keys, revoked and expired ones included, the oldest first."""
        ...

    async def revoke(self, key_id: str) -> ApiKey:
        """Refuse the key from now on. Revoking twice is not an error.

        Raises:
            NotFound: There is no such key.
        """
        ...

    async def replace(self, key_id: str, new: ApiKey, *, old_until: datetime | None) -> ApiKey:
        """Store a new key for an active one, which ends at `old_until`, or now if that is None; returns the old key.

        Raises:
            NotFound: There is no such key.
            Conflict: It is revoked or expired.
        """
        ...

    async def has_any(self) -> bool:
        """Whether there is any key, whatever its state."""
        ...


class AuditLog(Protocol):
    """Every use of an admin right."""

    async def record(self, use: AdminUse) -> None:
        """Write the use; it is on the disk once this returns. Equal uses within a minute share one entry."""
        ...

    async def read(self, *, before: int | None = None, limit: int = 100) -> Sequence[AuditEntry]:
        """Entries, the newest first; `before` is the last sequence of the previous page."""
        ...

    async def prune(self, kept_for: timedelta, *, limit: int = 1000) -> int:
        """Delete the outdated ones of the `limit` oldest entries; returns how many it deleted."""
        ...
