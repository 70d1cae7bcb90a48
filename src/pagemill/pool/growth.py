"""Finds leaks in how a worker's resident size develops from chunk to chunk."""

from collections import deque
from dataclasses import dataclass, field


@dataclass
class Growth:
    """Resident sizes of one worker between its chunks, over the last `window` pages.

    Attributes:
        pages: Pages it has read.
        sizes: (pages by then, bytes), oldest first.
    """

    window: int = 96
    pages: int = 0
    sizes: deque[tuple[int, int]] = field(default_factory=deque)

    def note(self, pages: int, rss_bytes: int) -> None:
        """Note that it has read `pages` more pages and holds `rss_bytes` now."""
        self.pages += pages
        self.sizes.append((self.pages, rss_bytes))
        while self.sizes[0][0] < self.pages - self.window:
            self.sizes.popleft()

    @property
    def bytes_per_page(self) -> float:
        """Bytes by which it surely grows with every page: 0 until it has read two whole windows.

        The first window is left out, because caches fill then. In the second, the smallest size of the last third is
        compared with the largest of the first third, so that sizes which go up and down do not count as growth.
        """
        if self.pages < 2 * self.window:
            return 0.0
        third = self.window / 3
        early = [size for pages, size in self.sizes if pages <= self.pages - 2 * third]
        late = [size for pages, size in self.sizes if pages > self.pages - third]
        return max(0.0, (min(late) - max(early)) / third) if early and late else 0.0
