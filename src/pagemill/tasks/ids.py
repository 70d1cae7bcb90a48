"""Task ids."""

import secrets
from datetime import datetime

MOST_PLACES = 1 << 12


def new_task_id(now: datetime, *, place: int | None = None) -> str:
    """A UUID of version 7 (RFC 9562): the milliseconds of `now`, then random bits, so that ids sort by time.

    Args:
        now: The time.
        place: Position among ids of the same moment, to give them an order; up to 4095.
    """
    millis = int(now.timestamp() * 1000)
    order = secrets.randbelow(MOST_PLACES) if place is None else min(place, MOST_PLACES - 1)
    value = (millis << 80) | (0x7 << 76) | (order << 64) | (0b10 << 62) | secrets.randbits(62)
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
