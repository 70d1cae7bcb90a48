"""A page as pixels, which `documents` makes and `engines` read."""

from dataclasses import dataclass, replace


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

    def crop(self, left: int, top: int, right: int, bottom: int) -> "PageImage":
        """A copy of a part of it: columns from `left`, rows from `top`, up to but excluding `right` and `bottom`."""
        flat, stride = self.data.cast("B"), self.width_px * self.channels
        rows = (
            flat[row * stride + left * self.channels : row * stride + right * self.channels]
            for row in range(top, bottom)
        )
        shape = (bottom - top, right - left, self.channels)
        return replace(
            self,
            data=memoryview(b"".join(rows)).cast("B", shape),
            width_px=right - left,
            height_px=bottom - top,
        )

    @property
    def is_plain(self) -> bool:
        """Whether all its pixels have one colour."""
        flat, stride = self.data.cast("B"), self.width_px * self.channels
        first = bytes(flat[: self.channels]) * self.width_px
        return all(flat[row : row + stride].tobytes() == first for row in range(0, len(flat), stride))

    @property
    def pixels(self) -> int:
        """Columns times rows."""
        return self.width_px * self.height_px
