"""The work of `pagemill keys`."""

import getpass
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from pagemill.app.key_store import open_store
from pagemill.cli.exits import ExitCode
from pagemill.cli.showing import print_json, print_line, print_note, print_rows
from pagemill.domain.callers import AdminUse, ApiKey, IssuedKey, Scope
from pagemill.domain.clocks import SystemClock
from pagemill.domain.errors import InvalidRequest, NotFound
from pagemill.settings import Settings
from pagemill.store.parts import StoreParts
from pagemill.wire.access_wire import AuditListWire, KeyListWire, KeyWire, NewKeyWire

_DURATION = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_KEY_HEADS = ("id", "caller", "scope", "state", "created", "expires")
_AUDIT_HEADS = ("first", "last", "times", "who", "key", "what", "to", "of")


async def create_key(settings: Settings, name: str, scope: Scope, *, expires: str | None, as_json: bool) -> ExitCode:
    """Create a key and print it."""
    now = SystemClock().now()
    new = IssuedKey.make(name, scope, now=now, expires_at=moment(expires, now) if expires else None)
    async with open_store(settings) as store:
        await _record(store, "keys create", new.key)
        await store.keys.add(new.key)
    _show(new, as_json=as_json)
    return ExitCode.OK


async def list_keys(settings: Settings, *, as_json: bool) -> ExitCode:
    """Print all keys."""
    now = SystemClock().now()
    async with open_store(settings) as store:
        keys = [KeyWire.of(key, now=now) for key in await store.keys.list_keys()]
    if as_json:
        print_json(KeyListWire(keys=keys))
        return ExitCode.OK
    rows = ((key.key_id, key.name, key.scope, key.state, key.created_at, key.expires_at) for key in keys)
    print_rows(_KEY_HEADS, rows)
    return ExitCode.OK


async def revoke_key(settings: Settings, key_id: str) -> ExitCode:
    """Revoke a key."""
    async with _known_key(settings, key_id) as (store, key):
        await _record(store, "keys revoke", key)
        await store.keys.revoke(key_id)
    print_line(f"Key {key_id} of {key.name} is revoked. Running servers refuse it within a second.")
    return ExitCode.OK


async def rotate_key(
    settings: Settings, key_id: str, *, overlap: str | None, expires: str | None, as_json: bool
) -> ExitCode:
    """Replace a key and print the new one."""
    now = SystemClock().now()
    async with _known_key(settings, key_id) as (store, old):
        expires_at = moment(expires, now) if expires else old.expires_at
        new = IssuedKey.make(old.name, old.scope, now=now, expires_at=expires_at)
        await _record(store, "keys rotate", old)
        await store.keys.replace(key_id, new.key, old_until=moment(overlap, now) if overlap else None)
    _show(new, as_json=as_json)
    return ExitCode.OK


async def show_audit(settings: Settings, *, limit: int, as_json: bool) -> ExitCode:
    """Print the newest entries of the audit log."""
    async with open_store(settings) as store:
        found = AuditListWire.of(await store.audit.read(limit=limit))
    if as_json:
        print_json(found)
        return ExitCode.OK
    rows = (
        (each.first_at, each.last_at, each.times, each.name, each.key_id, each.action, each.target, each.owner)
        for each in found.entries
    )
    print_rows(_AUDIT_HEADS, rows)
    return ExitCode.OK


def moment(text: str, now: datetime) -> datetime:
    """Parse a duration from now, or a date and time, which is local unless it names its offset.

    Raises:
        InvalidRequest: The text is neither.
    """
    try:
        if found := _DURATION.fullmatch(text):
            return now + timedelta(**{_UNITS[found[2]]: int(found[1])})
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        message = f'{text!r} is not a time. Write a duration such as "30d" or "12h", or a date such as 2027-01-31.'
        raise InvalidRequest(message) from None


@asynccontextmanager
async def _known_key(settings: Settings, key_id: str) -> AsyncIterator[tuple[StoreParts, ApiKey]]:
    async with open_store(settings) as store:
        key = await store.keys.find(key_id)
        if key is None:
            raise NotFound(f"There is no key {key_id!r}. `pagemill keys list` shows all keys and their ids.")
        yield store, key


async def _record(store: StoreParts, action: str, key: ApiKey) -> None:
    """Record an action in the audit log, before it is done, as for everything that only an admin may do."""
    await store.audit.record(AdminUse(_user(), "", action, key.key_id, key.name))


def _user() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # the user has no name
        name = f"uid {os.getuid()}"
    return f"{name} on {socket.gethostname()}"[:255]


def _show(new: IssuedKey, *, as_json: bool) -> None:
    """Print the key alone on stdout, so that a script can use it, and a note about it on stderr."""
    key = KeyWire.of(new.key, now=new.key.created_at)
    if as_json:
        print_json(NewKeyWire(**key.model_dump(), key=new.token))
        return
    until = f"expires at {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "never expires"
    print_line(new.token)
    print_note(f"Key {key.key_id} of {key.name} (scope {key.scope}) {until}. Keep it: it is not shown again.")
