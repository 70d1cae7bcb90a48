"""Inks of a coloured picture come apart, whatever their colours; gray and tinted pages cost nothing."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.data import coloured
from tests.data.coloured import INVOICE, Colour, add_stamp, banner, grainy, page_of

from pagemill.documents.separations import coloured_pixels, regions_of, separation_of

STAMPS = {"red": coloured.RED, "blue": coloured.BLUE, "green": coloured.GREEN, "purple": coloured.PURPLE}
MOST_OPEN = 0.7
"""A dark ink that covers more lets next to nothing of the black under it through."""

Levels = NDArray[np.uint8]


def pixels(image: Image.Image) -> Levels:
    return np.asarray(image.convert("RGB"), dtype=np.uint8)


def gray(image: Image.Image) -> Levels:
    return np.asarray(image.convert("L"), dtype=np.uint8)


def separate(image: Image.Image) -> tuple[Levels, Levels]:
    separation = separation_of(pixels(image))
    assert separation is not None
    return separation.inks(pixels(image))


@pytest.mark.parametrize("is_grainy", [False, True])
@pytest.mark.parametrize("opacity", [0.0, 0.65, 0.85])
@pytest.mark.parametrize("colour", STAMPS.values(), ids=STAMPS)
def test_a_stamp_and_the_text_under_it_come_apart(colour: Colour, opacity: float, *, is_grainy: bool) -> None:
    text = page_of(INVOICE)
    page = add_stamp(text, "PAID 12 MAY", colour=colour, opacity=opacity, middle=(470, 320))
    stamp = add_stamp(page_of(()), "PAID 12 MAY", colour=colour, opacity=opacity, middle=(470, 320))
    black, alone = separate(grainy(page) if is_grainy else page)
    is_text, is_stamp = gray(text) < 40, coloured_pixels(pixels(stamp)) > 0
    assert np.median(black[is_text & ~is_stamp]) < 60
    apart = np.median(black[is_stamp & ~is_text]) - np.median(black[is_text & is_stamp])
    assert apart > 60 or opacity > MOST_OPEN
    assert np.median(black[is_stamp & ~is_text]) > 215
    assert np.median(alone[is_stamp & ~is_text]) < 110
    assert np.median(alone[is_text & ~is_stamp]) > 215


@pytest.mark.parametrize("ink", [coloured.WHITE, coloured.YELLOW, coloured.BLACK], ids=str)
@pytest.mark.parametrize("ground", [coloured.RED, coloured.BLUE, coloured.GREEN], ids=str)
def test_letters_on_a_coloured_ground_stand_out_in_one_of_both(ink: Colour, ground: Colour) -> None:
    image = banner("valid until 31 October", ink=ink, ground=ground)
    plain = banner("", ink=ink, ground=ground)
    is_letter = np.abs(pixels(image).astype(int) - pixels(plain)).max(axis=2) > 100
    is_ground = coloured_pixels(pixels(plain)) > 0
    apart = [abs(np.median(each[is_letter]) - np.median(each[is_ground])) for each in separate(image)]
    assert max(apart) > 70


@pytest.mark.parametrize("tint", [(255, 255, 255), (250, 240, 205), (235, 215, 180), (200, 205, 235)])
def test_a_page_without_colours_has_no_regions(tint: Colour) -> None:
    image = grainy(page_of(INVOICE, paper=tint))
    assert regions_of(coloured_pixels(pixels(image))) == []


def test_each_region_is_found_by_itself() -> None:
    page = add_stamp(page_of(INVOICE), "PAID", colour=coloured.RED, middle=(300, 300))
    page = add_stamp(page, "SEEN", colour=coloured.BLUE, middle=(950, 800))
    regions = regions_of(coloured_pixels(pixels(page)))
    assert len(regions) == 2
    assert [
        (left < x < right and top < y < bottom)
        for (left, top, right, bottom), (x, y) in zip(regions, ((300, 300), (950, 800)), strict=True)
    ] == [True, True]
