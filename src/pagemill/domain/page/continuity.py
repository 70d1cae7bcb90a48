"""Decides whether a sentence continues from the end of one line at the beginning of another."""

_HYPHENS = frozenset("-\N{SOFT HYPHEN}\N{HYPHEN}")
_STOPS = frozenset(".?!:;…。！？：；")
_CLOSERS = "\"')]}»«”’“"


def continuity(end: str, start: str) -> float:
    """The evidence that `start` follows `end`: above 0 for it, below 0 against it.

    After a hyphen or an unfinished line, lower case should follow; after a full stop, it should not. Scripts
    without capitals, numbers and marks give no evidence.
    """
    before, first = end.rstrip().rstrip(_CLOSERS)[-1:], start.lstrip().lstrip(_CLOSERS)[:1]
    if not before or not first.isalpha() or first.lower() == first.upper():
        return 0.0
    goes_on = first.islower()
    if before in _HYPHENS:
        return 2.0 if goes_on else -1.5
    if before in _STOPS:
        return -1.5 if goes_on else 0.5
    if before.isalpha() or before == ",":
        return 1.0 if goes_on else -0.7
    return 0.0
