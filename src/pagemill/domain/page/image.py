"""A page as pixels, which `documents` makes and `engines` read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PageImage:
    """A rendered page.

    Attributes:
        data: C-contiguous uint8 samples, shape (height_px, width_px, channels); `numpy.asarray(image.data)`
            does not copy. One channel is gray, three are red, green, blue.
        width_px: Columns.
        height_px: Rows.
        channels: 1 or 3.
        dpi: Pixels per inch; None if the source states none.
    """

    data: memoryview
    width_px: int
    height_px: int
    channels: int
    dpi: float | None

    @property
    def pixels(self) -> int:
        """Columns times rows."""
        return self.width_px * self.height_px
