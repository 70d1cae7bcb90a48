"""The memory that Tesseract needs, as measured: the server reserves it, and the worker checks for it before it reads.

One thread: a trimmed worker held 107 MiB with English, of which 18 are OpenCV, and 43 MiB more with Chinese, too. 20
pages of 0.5 to 40 megapixels (flatbed scans, print, noise, small print, a turned page) added 4 to 17 bytes a pixel,
most for the smallest.
"""

from pagemill.domain.memory import MIB, MemoryNeed, MemorySeed

_FIXED_BYTES = 20 * MIB
_BYTES_PER_PIXEL = 9.0
_IMAGE_BYTES_PER_PIXEL = 3.0

SEED = MemorySeed(
    base=MemoryNeed(110 * MIB),
    fixed=MemoryNeed(_FIXED_BYTES),
    ram_per_pixel=_BYTES_PER_PIXEL + _IMAGE_BYTES_PER_PIXEL,
    per_language=50 * MIB,
)


def reading_bytes(pixels: int) -> int:
    """The memory for reading a page with this many pixels, without the loaded worker and the page's image."""
    return _FIXED_BYTES + int(_BYTES_PER_PIXEL * pixels)
