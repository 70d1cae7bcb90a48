"""The preferences of a client: `Accept` (RFC 9110) and `Prefer: wait` (RFC 7240)."""

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta

_WAIT = re.compile(r'\s*wait\s*=\s*"?(?P<seconds>[0-9]{1,9})"?\s*(;.*)?', re.IGNORECASE)
_QUALITY = re.compile(r"\s*q\s*=\s*(?P<value>[01](\.[0-9]{0,3})?)\s*", re.IGNORECASE)


def preferred_wait(headers: Iterable[str], *, longest: timedelta) -> timedelta | None:
    """How long the client prefers to wait for the end; None if it does not say.

    Args:
        headers: Every `Prefer` header of the request.
        longest: The longest wait that is granted.
    """
    for preference in ",".join(headers).split(","):
        match = _WAIT.fullmatch(preference)
        if match:
            return min(timedelta(seconds=int(match["seconds"])), longest)
    return None


def best_match(accept: str, offers: Sequence[str]) -> str | None:
    """The offered media type that the client prefers, earlier offers first among equals; None if it accepts none.

    Args:
        accept: The `Accept` header; "" takes anything.
        offers: Media types without parameters.
    """
    ranges = [_media_range(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    scored = [(_quality(offer, ranges), offer) for offer in offers]
    best = max(scored, key=lambda pair: pair[0], default=(0.0, ""))
    return best[1] if best[0] > 0 else None


def _media_range(part: str) -> tuple[str, float]:
    name, *parameters = part.split(";")
    qualities = [match for parameter in parameters if (match := _QUALITY.fullmatch(parameter))]
    return name.strip().lower(), float(qualities[0]["value"]) if qualities else 1.0


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The quality of the most specific range that covers the offer."""
    given = dict(ranges)
    for covering in (offer, f"{offer.partition('/')[0]}/*", "*/*"):
        if covering in given:
            return given[covering]
    return 0.0
