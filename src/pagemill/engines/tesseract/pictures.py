"""Page images in the form for Tesseract: gray, one byte per pixel, and no side longer than it can count."""

import numpy as np
from PIL import Image

from pagemill.domain.page.image import PageImage

LONGEST_SIDE = 32_000
"""Tesseract counts the pixels of a side in 16 bits."""

_TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}


def gray_picture(image: PageImage) -> Image.Image:
    """The page in gray; gray pages are not copied."""
    pixels = np.asarray(image.data)
    if image.channels == 1:
        return Image.fromarray(pixels.reshape(image.height_px, image.width_px))
    return Image.fromarray(pixels).convert("L")


def turn(picture: Image.Image, degrees: int) -> Image.Image:
    """The picture turned clockwise by a multiple of 90 degrees."""
    return picture.transpose(_TURNS[degrees]) if degrees else picture


def within_limits(picture: Image.Image) -> tuple[Image.Image, float]:
    """The picture, reduced if a side is too long, and the scale factor back to the original."""
    scale = max(1.0, max(picture.size) / LONGEST_SIDE)
    if scale == 1.0:
        return picture, scale
    width, height = (max(1, int(side / scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BOX), scale
