"""Who watches whom: every node watches the next one in a ring, so that one connection each is enough. Pure."""

from collections.abc import Iterable, Sequence


def order_peers(own: str, others: Iterable[str]) -> Sequence[str]:
    """The other nodes, the one to watch first, then those to watch if it cannot be watched.

    Of any two nodes that are alive, one watches the other or a node that is nearer to it. So if a node and the one that
    watches it die together, the next one finds both.
    """
    owners = sorted({*others} - {own})
    return [owner for owner in owners if owner > own] + [owner for owner in owners if owner < own]
