"""Page images as arrays. Gray stays gray, and full-size copies are avoided because pages are large."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pagemill.domain.page.image import PageImage

Pixels = NDArray[np.uint8]
"""Shape (rows, columns) or (rows, columns, 3), red, green, blue."""


def pixels_of(image: PageImage) -> Pixels:
    """A view of the page image."""
    array = np.asarray(image.data, dtype=np.uint8).reshape(image.height_px, image.width_px, image.channels)
    return array[:, :, 0] if image.channels == 1 else array


def turn(pixels: Pixels, degrees_clockwise: int) -> Pixels:
    """The image turned by a multiple of 90 degrees; itself for 0."""
    quarters = degrees_clockwise // 90 % 4
    return np.ascontiguousarray(np.rot90(pixels, -quarters)) if quarters else pixels


def as_bgr(pixels: Pixels) -> Pixels:
    """A copy with shape (rows, columns, 3) in blue, green, red, as the models were trained."""
    code = cv2.COLOR_GRAY2BGR if pixels.ndim == 2 else cv2.COLOR_RGB2BGR
    return np.asarray(cv2.cvtColor(pixels, code), dtype=np.uint8)


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """The image at another size; shrinking averages, so that thin strokes do not vanish."""
    shrinks = width * height < pixels.shape[0] * pixels.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), dtype=np.uint8)


def normalise(bgr: Pixels) -> NDArray[np.float32]:
    """Samples in the form for the models: shape (1, 3, rows, columns), -1 … 1."""
    blob = cv2.dnn.blobFromImage(bgr, scalefactor=1 / 127.5, mean=(127.5, 127.5, 127.5))
    return np.asarray(blob, dtype=np.float32)
