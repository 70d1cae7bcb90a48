"""Bends pictures of pages, as a photo of an open book or of curled paper does."""

import random

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SHAPES = ("bulge", "hollow", "spine", "wave", "fan")
"""The paper rises in the middle, sinks there, drops at its left edge, rises and sinks, or bends at its foot only."""

WAVES = "waves"
"""The paper was wet: too many waves to be flattened."""

_WORDS = (
    *("account", "balance", "bakery", "carriage", "customer", "delivery", "engine", "figure", "garden", "harbour"),
    *("invoice", "journal", "kitchen", "letter", "margin", "notice", "order", "payment", "quarter", "receipt"),
    *("sample", "table", "ticket", "union", "value", "weather", "window", "year"),
)


def typed_lines(seed: int, *, count: int = 34, words: int = 9) -> list[str]:
    """Lines of words and numbers, each different from all others."""
    chance = random.Random(seed)  # noqa: S311 - test pages, not secrets
    return [
        " ".join([f"{at + 101}", *(chance.choice(_WORDS) for _ in range(words)), f"{chance.randint(100, 999)}"])
        for at in range(count)
    ]


def typed_page(lines: list[str], *, size: tuple[int, int] = (1240, 1754), font: int = 24) -> Image.Image:
    """A level page with these lines."""
    page = Image.new("L", size, 255)
    draw = ImageDraw.Draw(page)
    pitch = (size[1] - 260) / max(1, len(lines))
    for at, line in enumerate(lines):
        draw.text((110, 130 + at * pitch), line, fill=20, font=ImageFont.load_default(font))
    return page


def bend(page: Image.Image, shape: str, pixels: float) -> Image.Image:
    """The page with its lines displaced vertically by up to this many pixels."""
    width, height = page.size
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    down = pixels * _displacement(shape, x, y)
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    bent = cv2.remap(
        np.asarray(page), columns, (rows - down).astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return Image.fromarray(bent)


def _displacement(shape: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    match shape:
        case "bulge":
            return x**2
        case "hollow":
            return 1 - x**2
        case "spine":
            return np.exp(-3 * (x + 1))
        case "wave":
            return 0.5 * np.sin(np.pi * x)
        case "waves":
            return 0.5 * np.sin(3 * np.pi * x + y)
        case _:
            return (1 + y) / 2 * x**2
