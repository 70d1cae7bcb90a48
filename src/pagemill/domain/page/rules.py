"""Orders passages that nothing cuts apart: text around a quotation, headings over some columns.

T. Breuel's rules decide ("High performance document layout analysis", 2003): a passage comes before those below it,
and before those to its right unless something between the two spans both.
"""

from collections.abc import Iterator

from pagemill.domain.page.cuts import Region, from_top
from pagemill.domain.page.passages import Passage


def ordered_by_rules(passages: Region, size: float) -> list[Passage]:
    """Order passages, on a page whose writing is `size` pixels high.

    The next one waits for no other, if possible below the last one; in a cycle, for the fewest.
    """
    ranked = sorted(passages, key=from_top)
    rules = _Rules(ranked, 0.35 * size)
    waiting = set(range(len(ranked)))
    order: list[int] = []
    while waiting:
        least = min(len(rules.before[at] & waiting) for at in waiting)
        ready = [at for at in waiting if len(rules.before[at] & waiting) == least]
        chosen = min(ready, key=lambda at: (not (order and rules.is_below(at, order[-1])), at))
        order.append(chosen)
        waiting.discard(chosen)
    return [ranked[at] for at in order]


class _Rules:
    """The passages, numbered from the top, that come before each passage."""

    def __init__(self, ranked: Region, slack: float) -> None:
        self._passages, self._slack = ranked, slack
        count = range(len(ranked))
        self._over = [{at for at in count if at != one and self._overlap(one, at)} for one in count]
        self._floats = {at for at in count if self._is_flowed_around(at)}
        self.before = [set(self._find_before(at)) for at in count]

    def is_below(self, at: int, last: int) -> bool:
        """Whether it continues the column of the last one."""
        return at in self._over[last] and at > last

    def _overlap(self, one: int, other: int) -> bool:
        first, second = self._passages[one], self._passages[other]
        return min(first.x1, second.x1) - max(first.x0, second.x0) > self._slack

    def _is_flowed_around(self, at: int) -> bool:
        """Whether a longer passage runs past it in the same column, so that it separates nothing."""
        passage = self._passages[at]
        beside = (self._passages[other] for other in self._over[at])
        return any(
            min(passage.y1, other.y1) - max(passage.y0, other.y0) > 0.5 * passage.height
            and len(other.rows) > len(passage.rows)
            for other in beside
        )

    def _find_before(self, at: int) -> Iterator[int]:
        passage = self._passages[at]
        for other in range(len(self._passages)):
            if other in self._over[at]:
                if other < at:
                    yield other
            elif self._passages[other].x0 < passage.x0 and not self._is_parted(at, other):
                yield other

    def _is_parted(self, one: int, other: int) -> bool:
        first, second = self._passages[one], self._passages[other]
        top, bottom = min(first.y1, second.y1) - self._slack, max(first.y0, second.y0) + self._slack
        spanning = (self._over[one] & self._over[other]) - self._floats
        return any(top <= self._passages[at].y0 and self._passages[at].y1 <= bottom for at in spanning)
