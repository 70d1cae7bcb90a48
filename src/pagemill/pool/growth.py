"""How a worker's resident size goes on from chunk to chunk, and what that says of leaks."""

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
        """So many pages more were read, and it holds this now."""
        self.pages += pages
        self.sizes.append((self.pages, rss_bytes))
        while self.sizes[0][0] < self.pages - self.window:
            self.sizes.popleft()

    @property
    def bytes_per_page(self) -> float:
        """Bytes by which it has grown with every page, surely: 0 until it has read a whole window twice.

        The first window is left out, since caches fill then. Of the second, the smallest size in the last third is held
        against the largest in the first third, so that sizes which go up and down are no growth.
        """
        if self.pages < 2 * self.window:
            return 0.0
        third = self.window / 3
        early = [size for pages, size in self.sizes if pages <= self.pages - 2 * third]
        late = [size for pages, size in self.sizes if pages > self.pages - third]
        return max(0.0, (min(late) - max(early)) / third) if early and late else 0.0
