"""The JSON of API keys and of the audit log, defined only here."""

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from pagemill.domain.callers import ApiKey, AuditEntry, Scope
from pagemill.wire.wire_model import WireModel


class KeyWire(WireModel):
    """An API key, without its secret."""

    key_id: str
    name: str
    """The caller. All keys with one name are one caller."""
    scope: Scope
    state: str
    """`active`, `expired` or `revoked`."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey, *, now: datetime) -> Self:
        """The key as it is shown."""
        return cls.show(key, state=key.state(now))


class NewKeyWire(KeyWire):
    """A new API key, with its secret."""

    key: str
    """What the caller sends. It is shown this once."""


class KeyListWire(WireModel):
    """API keys, the oldest first."""

    keys: list[KeyWire]


class AuditEntryWire(WireModel):
    """Equal uses of an admin right within one minute."""

    sequence: int
    name: str
    """Who: the name of the caller, or the user of the command line."""
    key_id: str
    """The key it used; empty for the command line."""
    action: str
    """What: the endpoint or the command."""
    target: str
    """What it was done to, such as a task's id; empty for a whole list."""
    owner: str
    """The owner of the target; empty for a whole list, and for a target that was sent without a key."""
    first_at: datetime
    last_at: datetime
    times: int
    """Number of uses from `first_at` to `last_at`."""

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """The entry as it is shown."""
        use = entry.use
        return cls.show(entry, name=use.name, key_id=use.key_id, action=use.action, target=use.target, owner=use.owner)


class AuditListWire(WireModel):
    """Entries of the audit log, the newest first."""

    entries: list[AuditEntryWire]
    next: str | None
    """The URL of the next page; null on the last one."""

    @classmethod
    def of(cls, entries: Iterable[AuditEntry], *, following: str | None = None) -> Self:
        """The entries as they are shown."""
        return cls(entries=[AuditEntryWire.of(entry) for entry in entries], next=following)
