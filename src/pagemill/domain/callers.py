"""Callers: who may use the service, what they may do, and the keys by which they are known.

A key reads `pagemill_<id>_<secret>`: a prefix that scanners for leaked secrets find, the id under which the database
keeps the key's hash, and 256 random bits.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from pagemill.domain.errors import InvalidRequest

PREFIX = "pagemill"
SECRET_BYTES = 32
_ID_BYTES = 6
_TOKEN = re.compile(rf"{PREFIX}_([0-9a-f]{{{2 * _ID_BYTES}}})_[A-Za-z0-9_-]{{43}}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
RESERVED_NAMES = ("key-", "address-")
"""Beginnings of the names that Pagemill itself gives to callers."""


class Scope(StrEnum):
    """What a key allows; each scope includes the ones before it."""

    READ = "read"
    """Read the caller's own tasks and results, and the state of the service."""
    SUBMIT = "submit"
    """Also send documents, and start, retry, cancel and delete the caller's own tasks."""
    ADMIN = "admin"
    """Also everything of every caller. Each use is in the audit log."""

    def includes(self, other: "Scope") -> bool:
        """Whether this scope allows what the other one does."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True)
class Caller:
    """Who sends a request.

    Attributes:
        name: The owner of what it sends. All keys with one name are one caller. Empty if the API is open.
        scope: What it may do.
        key_id: Its key in the database; empty for a key in the settings.
    """

    name: str
    scope: Scope
    key_id: str = ""

    @property
    def sees_only(self) -> str | None:
        """The caller whose tasks it sees; None for those of everyone."""
        return None if self.scope is Scope.ADMIN else self.name


ANYONE = Caller("", Scope.ADMIN)
"""Anyone who reaches a service without keys."""


@dataclass(frozen=True)
class ApiKey:
    """A key as the database keeps it: without its secret.

    Attributes:
        name: The name of its caller.
        digest: SHA-256 of the whole key, in hexadecimal. The key has 256 random bits, so nothing slower is needed.
        expires_at: From then on it is refused; None for never.
        revoked_at: Since then it is refused; None if it was not revoked.
    """

    key_id: str
    name: str
    scope: Scope
    digest: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def state(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    def is_active(self, now: datetime) -> bool:
        """Whether the service accepts it."""
        return self.state(now) == "active"

    def is_token(self, token: str) -> bool:
        """Whether this is the key; takes as long for a wrong one as for the right one."""
        return hmac.compare_digest(self.digest, digest_of(token))

    @property
    def caller(self) -> Caller:
        """Who uses it."""
        return Caller(self.name, self.scope, self.key_id)


@dataclass(frozen=True)
class IssuedKey:
    """A new key with its secret, which is shown once and kept nowhere.

    Attributes:
        token: What the caller sends.
    """

    key: ApiKey
    token: str = field(repr=False)

    @classmethod
    def make(cls, name: str, scope: Scope, *, now: datetime, expires_at: datetime | None = None) -> Self:
        """Make a random key.

        Raises:
            InvalidRequest: The name or the expiry cannot be used.
        """
        _check_name(name)
        if expires_at is not None and expires_at <= now:
            raise InvalidRequest(f"{expires_at.isoformat()} has passed already. Choose a later time.")
        key_id = secrets.token_hex(_ID_BYTES)
        token = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
        return cls(ApiKey(key_id, name, scope, digest_of(token), now, expires_at), token)


def digest_of(token: str) -> str:
    """SHA-256 of a key, in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def id_in(token: str) -> str | None:
    """The id in a key; None if it cannot be one of ours."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else None


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name.startswith(RESERVED_NAMES):
        reserved = " or ".join(f'"{each}"' for each in RESERVED_NAMES)
        raise InvalidRequest(
            f"{name!r} cannot be the name of a caller. Use 1 to 64 letters, digits, dots, dashes, underscores and at "
            f"signs, beginning with a letter or digit but not with {reserved}."
        )


@dataclass(frozen=True)
class AdminUse:
    """One use of an admin right.

    Attributes:
        name: Who: the caller's name, or the user of the command line.
        key_id: The caller's key; empty for the command line.
        action: What: the endpoint (`GET /tasks/{task_id}`) or the command (`keys revoke`).
        target: What it was done to, such as a task's id; empty for a whole list.
        owner: The owner of the target; empty for a list of everyone's.
    """

    name: str
    key_id: str
    action: str
    target: str = ""
    owner: str = ""


@dataclass(frozen=True)
class AuditEntry:
    """Equal uses of an admin right within one minute.

    Attributes:
        sequence: Rises with every entry.
        first_at: Time of the first use.
        last_at: Time of the last use in that minute.
        times: Number of uses.
    """

    sequence: int
    use: AdminUse
    first_at: datetime
    last_at: datetime
    times: int
