"""The documents of a soak: small enough to be read often, of every kind and many sizes, the same for the same seed."""

import random
from collections.abc import Sequence
from pathlib import Path

import pikepdf
from benchmarks.digital import digital_pdf
from benchmarks.samples import DPI, sample_pages
from PIL import Image, ImageDraw
from tests.data.documents import make_scan

_SCALES = (0.4, 0.5, 0.6, 0.8, 1.0)
_WIGGLE = 0.1
"""Sizes differ by so much from their scale, so that engines meet sizes that they never saw, at about the same cost."""
_LAYOUTS = 7
_STRIP = 7
"""A strip is this part of a page."""


def samples(seed: int) -> list[Image.Image]:
    """The pages that documents are cut from."""
    return [sample.image.convert("L") for sample in sample_pages(_LAYOUTS, seed=seed)]


class Documents:
    """Makes the documents of one step.

    Args:
        pages: What they are cut from.
        seed: With the number, decides all of them, whatever other steps make meanwhile.
        number: Of the step; it stands on their pages, so that no two steps send the same.
    """

    def __init__(self, pages: Sequence[Image.Image], *, seed: int, number: int) -> None:
        self._chance = random.Random(f"{seed} {number}")  # noqa: S311 - test pages, not secrets
        self._samples = pages
        self._number = number
        self._made = 0

    def scan(self, path: Path, pages: int) -> Path:
        """A PDF of strips of scanned pages without a text layer."""
        first, *rest = self._strips(pages)
        first.save(path, save_all=True, append_images=rest, resolution=DPI, quality=80)
        return path

    def tiff(self, path: Path, frames: int) -> Path:
        """A TIFF of this many frames."""
        first, *rest = self._strips(frames)
        first.save(path, save_all=True, append_images=rest, compression="tiff_lzw", dpi=(DPI, DPI))
        return path

    def image(self, path: Path) -> Path:
        """One strip, in the format that the suffix names."""
        self._strips(1)[0].save(path, dpi=(DPI, DPI))
        return path

    def sheet(self, path: Path) -> Path:
        """A full A4 page with a seventh of its text."""
        strip = self._strip(1.0)
        page = Image.new("L", (strip.width, strip.height * 6), 248)
        page.paste(strip)
        page.save(path, dpi=(DPI, DPI))
        return path

    def digital(self, path: Path, pages: int) -> Path:
        """A PDF that holds its text."""
        return digital_pdf(path, pages)

    def make_mixed(self, path: Path, digital: int, scanned: int) -> Path:
        """A PDF of which some pages hold their text and the others are scans."""
        typed, scan = path.with_suffix(".typed.pdf"), path.with_suffix(".scan.pdf")
        with (
            pikepdf.open(self.digital(typed, digital)) as front,
            pikepdf.open(self.scan(scan, scanned)) as back,
            pikepdf.new() as whole,
        ):
            whole.pages.extend(front.pages)
            whole.pages.extend(back.pages)
            whole.save(path)
        typed.unlink()
        scan.unlink()
        return path

    def slips(self, folder: Path, count: int) -> list[Path]:
        """`count` tiny images, a few kilobytes each."""
        return [make_scan(folder / f"slip-{self._next_number()}.png", [f"Slip {self._number}"]) for _ in range(count)]

    def junk(self, path: Path) -> Path:
        """Bytes that are not a document."""
        path.write_bytes(self._chance.randbytes(2_000))
        return path

    def _strips(self, count: int) -> list[Image.Image]:
        return [self._strip(_SCALES[number % len(_SCALES)]) for number in range(count)]

    def _strip(self, scale: float) -> Image.Image:
        page = self._samples[(self._number + self._next_number()) % len(self._samples)]
        height = page.height // _STRIP
        strip = page.crop((0, height, page.width, 2 * height))
        side = scale * self._chance.uniform(1 - _WIGGLE, 1 + _WIGGLE)
        strip = strip.resize((round(strip.width * side), round(height * side)), Image.Resampling.BICUBIC)
        ImageDraw.Draw(strip).text((2, 2), f"{self._number} {self._made}", fill=0)
        return strip

    def _next_number(self) -> int:
        self._made += 1
        return self._made
