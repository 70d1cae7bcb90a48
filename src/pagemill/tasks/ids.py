"""Task ids."""

import secrets
from datetime import datetime


def new_task_id(now: datetime) -> str:
    """A UUID of version 7 (RFC 9562): the milliseconds of `now`, then 74 random bits, so that ids sort by time."""
    millis = int(now.timestamp() * 1000)
    random = secrets.randbits(74)
    value = (millis << 80) | (0x7 << 76) | ((random >> 62) << 64) | (0b10 << 62) | (random & (1 << 62) - 1)
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
