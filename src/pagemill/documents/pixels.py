"""From an image in any mode Pillow knows to an upright `PageImage` on white. Runs in workers only."""

import math
from typing import cast

from PIL import Image, ImageOps

from pagemill.domain.image import PageImage

Size = tuple[int, int]

_WHITES = (2**8 - 1, 2**12 - 1, 2**16 - 1, 2**32 - 1, math.inf)
"""The lightest gray of 8, 12, 16 and 32 bits, whatever the width of the number that holds it."""

_RESOLUTIONS = (50.0, 2400.0)
_SCREEN_RESOLUTION = 100.0
_LONGEST_INCHES = 17.0
"""72 and 96 dpi are what software writes when it knows nothing: believed for pages up to this long."""


def reduction(size: Size, max_pixels: int) -> float:
    """Factor, at most 1, by which both sides shrink so that no more than `max_pixels` are left."""
    return min(1.0, math.sqrt(max_pixels / (size[0] * size[1])))


def page_image(image: Image.Image, *, stored_size: Size, max_pixels: int) -> PageImage:
    """A loaded image, reduced to `max_pixels`, on white, gray or RGB, turned as its EXIF orientation says.

    Args:
        image: Any mode. May already be smaller than stored (a JPEG draft).
        stored_size: Its size in the file.
        max_pixels: Most pixels of the result.
    """
    dpi = stated_dpi(image, stored_size)
    ImageOps.exif_transpose(image, in_place=True)
    flat = _flattened(_shrunk(_plain(image), max_pixels))
    width, height = flat.size
    channels = len(flat.getbands())
    return PageImage(
        data=memoryview(flat.tobytes()).cast("B", (height, width, channels)),
        width_px=width,
        height_px=height,
        channels=channels,
        dpi=dpi and dpi * max(flat.size) / max(stored_size),
    )


def _plain(image: Image.Image) -> Image.Image:
    """The image in one of the modes L, LA, RGB, RGBA."""
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled_gray(image)
    if image.has_transparency_data:
        return image if image.mode in ("LA", "RGBA") else image.convert("RGBA")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _scaled_gray(image: Image.Image) -> Image.Image:
    """Samples of more than 8 bits, or fractions of one, as 8 bits: white is the least common depth that holds all."""
    samples = image.convert("F")
    _, highest = cast("tuple[float, float]", samples.getextrema())
    is_fraction = image.mode == "F" and highest <= 1
    white = 1 if is_fraction else next(white for white in _WHITES if highest <= white)
    return samples.point(lambda sample: sample * (255 / white)).convert("L")


def _shrunk(image: Image.Image, max_pixels: int) -> Image.Image:
    scale = reduction(image.size, max_pixels)
    if scale == 1:
        return image
    width, height = (max(1, math.floor(side * scale)) for side in image.size)
    if width * height > max_pixels:
        width, height = min(width, max_pixels), min(height, max_pixels)
    return image.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)


def _flattened(image: Image.Image) -> Image.Image:
    """What is transparent shows white paper."""
    if image.mode not in ("LA", "RGBA"):
        return image
    opaque = image.convert(image.mode.removesuffix("A"))
    paper = Image.new(opaque.mode, image.size, "white")
    paper.paste(opaque, mask=image.getchannel("A"))
    return paper


def stated_dpi(image: Image.Image, size: Size) -> float | None:
    """Pixels per inch that the file states, where that can be true."""
    stated = image.info.get("dpi")
    if not isinstance(stated, tuple) or len(stated) != 2:
        return None
    across, down = float(stated[0]), float(stated[1])
    lowest, highest = _RESOLUTIONS
    is_sane = lowest <= across <= highest and math.isclose(across, down, rel_tol=0.05)
    is_guess = across < _SCREEN_RESOLUTION and max(size) > _LONGEST_INCHES * across
    return across if is_sane and not is_guess else None
