from itertools import combinations

from pagemill.tasks.decisions.ring import order_peers

NODES = ("d", "a", "c", "b")


def test_every_node_watches_the_next_one() -> None:
    assert [order_peers(own, NODES) for own in sorted(NODES)] == [
        ["b", "c", "d"],
        ["c", "d", "a"],
        ["d", "a", "b"],
        ["a", "b", "c"],
    ]
    assert order_peers("a", ["a"]) == []


def test_whoever_dies_together_is_found_by_those_who_are_left() -> None:
    """A watcher goes on to the next node once it has found one dead."""
    for size in range(1, len(NODES)):
        for dead in combinations(NODES, size):
            left, found = sorted({*NODES} - {*dead}), set[str]()
            for _ in dead:
                watched = {order_peers(own, {*NODES} - found)[0] for own in left if {*NODES} - found - {own}}
                found |= watched & {*dead}
            assert found == {*dead}
