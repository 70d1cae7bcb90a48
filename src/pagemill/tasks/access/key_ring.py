"""Identifies the sender of a request by its API key.

An answer of the database counts for `FRESH`, so every change of a key by any process takes effect within that time. A
service that has seen a key never becomes open again while it runs: otherwise the end of the last key would let everyone
in.
"""

import hmac
from collections.abc import Collection
from datetime import timedelta

from pagemill.domain.callers import ANYONE, ApiKey, Caller, Scope, digest_of, id_in
from pagemill.domain.ports import ApiKeys, Clock

FRESH = timedelta(seconds=1)
MOST_REMEMBERED = 1000


class KeyRing:
    """The keys that the service accepts. Runs in the server process.

    Args:
        keys: Keys of the database.
        clock: The time.
        fixed: Keys of the settings. Each is a separate caller with the scope `submit`.
    """

    def __init__(self, keys: ApiKeys, clock: Clock, *, fixed: Collection[str] = ()) -> None:
        self._keys = keys
        self._clock = clock
        self._fixed = {digest: _fixed_caller(digest) for digest in map(digest_of, fixed)}
        self._is_closed = bool(fixed)
        self._looked_at: float | None = None
        self._known: dict[str, tuple[float, ApiKey | None]] = {}

    @property
    def is_closed(self) -> bool:
        """Whether requests need a key, as far as is known."""
        return self._is_closed

    async def is_open(self) -> bool:
        """Whether everyone may use the service, because no key exists yet.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        if not self._is_closed and not self._is_fresh(self._looked_at):
            self._is_closed = await self._keys.has_any()
            self._looked_at = self._clock.monotonic()
        return not self._is_closed

    async def caller_with(self, token: str) -> Caller | None:
        """Who has this key; None if the service does not accept it.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        if fixed := self._fixed_with(token):
            return fixed
        key_id = id_in(token)
        key = await self._look_up(key_id) if key_id is not None else None
        if key is None or not key.is_token(token) or not key.is_active(self._clock.now()):
            return None
        self._is_closed = True  # there is a key
        return key.caller

    async def is_current(self, caller: Caller) -> bool:
        """Whether the service would still accept the caller.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        if caller == ANYONE:
            return await self.is_open()
        if not caller.key_id:
            return True
        key = await self._look_up(caller.key_id)
        return key is not None and key.is_active(self._clock.now())

    def _fixed_with(self, token: str) -> Caller | None:
        presented = digest_of(token)
        matches = [caller for digest, caller in self._fixed.items() if hmac.compare_digest(digest, presented)]
        return matches[0] if matches else None

    async def _look_up(self, key_id: str) -> ApiKey | None:
        looked_at, key = self._known.get(key_id, (None, None))
        if not self._is_fresh(looked_at):
            now = self._clock.monotonic()  # the answer is at least as new as the question
            key = await self._keys.find(key_id)
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[key_id] = now, key
        return key

    def _is_fresh(self, looked_at: float | None) -> bool:
        return looked_at is not None and self._clock.monotonic() - looked_at < FRESH.total_seconds()


def _fixed_caller(digest: str) -> Caller:
    """The caller of a key in the settings; its name does not reveal the key."""
    return Caller(f"key-{digest[:12]}", Scope.SUBMIT)
