"""Turns an image in any of Pillow's modes into an upright `PageImage` on paper. Runs in workers only."""

import math
from collections.abc import Iterator, Sequence
from typing import cast

from PIL import Image, ImageChops, ImageFilter, ImageOps

from pagemill.domain.page.image import PageImage

Size = tuple[int, int]

_WHITES = (2**8 - 1, 2**12 - 1, 2**16 - 1, 2**32 - 1, math.inf)
"""The lightest gray of 8, 12, 16 and 32 bits, whatever the width of the number that holds it."""

_BAND_PIXELS = 4_000_000
"""How much of a large image is converted at once."""

_COPIED_PIXELS = 500_000
"""How much of an image is copied out of Pillow at once."""

_PAPERS = (255, 0, 128, 64, 192)
"""Levels of paper that replace what is transparent, the most usual first."""

_STANDS_OUT = 60
_MOST_LOST = 0.05
_SOLID = 128
_LOOKED_AT = 1500
"""Pixels of the longer side of the picture from which the paper is chosen."""

_BORDER = 7
"""Pixels across, around one in the middle: a border of three."""

_RESOLUTIONS = (50.0, 2400.0)
_SCREEN_RESOLUTION = 100.0
_LONGEST_INCHES = 17.0
"""Software that does not know the resolution writes 72 or 96 dpi: believed for pages up to this long."""


def reduction(size: Size, max_pixels: int) -> float:
    """Factor, at most 1, by which both sides shrink to at most `max_pixels`."""
    return min(1.0, math.sqrt(max_pixels / (size[0] * size[1])))


def page_image(image: Image.Image, *, stored_size: Size, max_pixels: int) -> PageImage:
    """A loaded image, reduced to `max_pixels`, on paper, gray or RGB, turned according to its EXIF orientation.

    Args:
        image: Any mode. May already be smaller than stored (a JPEG draft).
        stored_size: Its size in the file.
        max_pixels: Most pixels of the result.
    """
    dpi = stated_dpi(image, stored_size)
    ImageOps.exif_transpose(image, in_place=True)
    flat = _flatten_transparency(_reduce(image, max_pixels))
    width, height = flat.size
    channels = len(flat.getbands())
    return PageImage(
        data=memoryview(_samples(flat)).cast("B", (height, width, channels)),
        width_px=width,
        height_px=height,
        channels=channels,
        dpi=dpi and dpi * max(flat.size) / max(stored_size),
    )


def _samples(image: Image.Image) -> bytearray:
    """The samples of a plain image, copied band by band: all at once, Pillow would hold them twice for a moment."""
    width, height = image.size
    row_bytes, step = width * len(image.getbands()), max(1, _COPIED_PIXELS // width)
    samples = bytearray(height * row_bytes)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        samples[top * row_bytes : bottom * row_bytes] = image.crop((0, top, width, bottom)).tobytes()
    return samples


def _reduce(image: Image.Image, max_pixels: int) -> Image.Image:
    """The image in a plain mode, averaged down to `max_pixels`.

    Plain samples may take several times as much memory as the stored ones, so a large image is converted in bands.
    """
    target = _target(image.size, max_pixels)
    white = _find_white(image) if _is_deep(image) else None
    if target == image.size:
        return _make_plain(image, white)
    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        return image.resize(target, Image.Resampling.BOX, reducing_gap=2.0)
    made: Image.Image | None = None
    for top, bottom in _bands(image.size, target):
        part = _reduced_rows(image, target, (top, bottom), white)
        made = made or Image.new(part.mode, target)
        made.paste(part, (0, top))
    return made or _make_plain(image, white)


def _reduced_rows(image: Image.Image, target: Size, rows: tuple[int, int], white: float | None) -> Image.Image:
    """These rows of the target, from the rows of the image that they show."""
    pitch = image.height / target[1]
    top, bottom = rows[0] * pitch, min(rows[1] * pitch, float(image.height))
    first, last = math.floor(top), math.ceil(bottom)
    band = _make_plain(image.crop((0, first, image.width, last)), white)
    box = (0.0, top - first, float(image.width), bottom - first)
    return band.resize((target[0], rows[1] - rows[0]), Image.Resampling.BOX, box=box)


def _bands(size: Size, target: Size) -> Iterator[tuple[int, int]]:
    """Bands of rows of the target, each small enough for memory in any mode."""
    width, height = size
    step = max(1, _BAND_PIXELS * target[1] // (width * height))
    for top in range(0, target[1], step):
        yield top, min(top + step, target[1])


def _target(size: Size, max_pixels: int) -> Size:
    scale = reduction(size, max_pixels)
    if scale == 1:
        return size
    width, height = (max(1, math.floor(side * scale)) for side in size)
    if width * height > max_pixels:
        return min(width, max_pixels), min(height, max_pixels)
    return width, height


def _make_plain(image: Image.Image, white: float | None) -> Image.Image:
    """The image in one of the modes L, LA, RGB, RGBA; `white` is the lightest sample of a deep one."""
    if white is not None:
        return image.convert("F").point(lambda sample: sample * (255 / white)).convert("L")
    if image.has_transparency_data:
        return image if image.mode in ("LA", "RGBA") else image.convert("RGBA")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _find_white(image: Image.Image) -> float:
    """The lightest sample of a deep image: the smallest common depth that holds all samples, or 1 for fractions."""
    width, height = image.size
    step = max(1, _BAND_PIXELS // width)
    bands = (image.crop((0, top, width, min(top + step, height))) for top in range(0, height, step))
    highest = max(cast("tuple[float, float]", band.convert("F").getextrema())[1] for band in bands)
    is_fraction = image.mode == "F" and highest <= 1
    return 1 if is_fraction else next(white for white in _WHITES if highest <= white)


def _flatten_transparency(image: Image.Image) -> Image.Image:
    """Replace transparency with paper."""
    if image.mode not in ("LA", "RGBA"):
        return image
    opaque = image.convert(image.mode.removesuffix("A"))
    level = _paper_against(image)
    paper = Image.new(opaque.mode, image.size, (level,) * len(opaque.getbands()) if opaque.mode == "RGB" else level)
    paper.paste(opaque, mask=image.getchannel("A"))
    return paper


def _paper_against(image: Image.Image) -> int:
    """The level of paper from which ink next to transparent parts stands out: white if possible, otherwise darker.

    Only ink at the border of transparent parts counts: a white window with black writing needs no paper.
    """
    factor = max(1, math.ceil(max(image.size) / _LOOKED_AT))
    size = (math.ceil(image.width / factor), math.ceil(image.height / factor))
    small = image.resize(size, Image.Resampling.NEAREST)
    gray, alpha = small.convert("LA").getchannel(0), small.getchannel("A")
    solid = alpha.point(lambda sample: 255 * (sample >= _SOLID))
    inner = solid.filter(ImageFilter.MinFilter(_BORDER))
    border = ImageChops.subtract(solid, inner)
    levels = gray.histogram(border)
    total = sum(levels)
    lost = {paper: _count_lost(levels, paper) for paper in _PAPERS}
    if not total or alpha.getextrema() == (255, 255):
        return _PAPERS[0]
    return next(paper for paper in _PAPERS if lost[paper] <= min(lost.values()) + _MOST_LOST * total)


def _count_lost(levels: Sequence[int], paper: int) -> int:
    """How many pixels would hardly stand out from the paper."""
    return sum(levels[max(0, paper - _STANDS_OUT) : paper + _STANDS_OUT + 1])


def stated_dpi(image: Image.Image, size: Size) -> float | None:
    """Pixels per inch that the file states; None if it states none, or an implausible number."""
    stated = image.info.get("dpi")
    if not isinstance(stated, tuple) or len(stated) != 2:
        return None
    across, down = float(stated[0]), float(stated[1])
    lowest, highest = _RESOLUTIONS
    is_sane = lowest <= across <= highest and math.isclose(across, down, rel_tol=0.05)
    is_guess = across < _SCREEN_RESOLUTION and max(size) > _LONGEST_INCHES * across
    return across if is_sane and not is_guess else None
