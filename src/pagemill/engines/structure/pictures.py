"""Cuts pictures of blocks out of a page's image."""

import base64
import math

import cv2
import numpy as np

from pagemill.domain.page.page import BlockPicture, Rectangle
from pagemill.engines.pixels import Pixels, resize

MARGIN = 4
"""Pixels around a block, because layout models cut close."""

LONGEST = 1600
"""Pixels of the longer side; a picture with more is reduced."""


def picture_of(pixels: Pixels, box: Rectangle) -> BlockPicture | None:
    """A part of an upright image as a PNG in gray; None if the part is outside the image.

    Args:
        pixels: The image.
        box: The part, in its pixels.
    """
    height, width = pixels.shape[:2]
    left, top = max(0, math.floor(box[0]) - MARGIN), max(0, math.floor(box[1]) - MARGIN)
    right, bottom = min(width, math.ceil(box[2]) + MARGIN), min(height, math.ceil(box[3]) + MARGIN)
    if left >= right or top >= bottom:
        return None
    part = pixels[top:bottom, left:right]
    gray = part if part.ndim == 2 else np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    scale = min(1.0, LONGEST / max(gray.shape))
    small = resize(gray, max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    _, written = cv2.imencode(".png", small)
    return BlockPicture(
        media_type="image/png",
        width_px=small.shape[1],
        height_px=small.shape[0],
        base64=base64.b64encode(written.tobytes()).decode(),
    )
