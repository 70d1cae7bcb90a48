"""Images of every mode become gray or RGB on white, upright, within the limit."""

import io

import pytest
from PIL import Image
from tests.data.coloured import without_paper

from pagemill.documents.pixels import page_image

LIMIT = 1_000_000


def first_pixel(image: Image.Image) -> tuple[int, ...]:
    made = page_image(image, stored_size=image.size, max_pixels=LIMIT)
    return tuple(made.data.tobytes()[: made.channels])


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, (255,)),
        ("1", 0, (0,)),
        ("L", 90, (90,)),
        ("LA", (0, 0), (255,)),
        ("LA", (0, 255), (0,)),
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("CMYK", (0, 0, 0, 255), (0, 0, 0)),
        ("YCbCr", (76, 85, 255), (254, 0, 0)),
        ("LAB", (255, 128, 128), (255, 255, 255)),
        ("I;16", 65535, (255,)),
        ("I;16", 4095, (255,)),
        ("I;16", 0, (0,)),
        ("I", 65535, (255,)),
        ("I", 2**31 - 1, (127,)),
        ("F", 1.0, (255,)),
        ("F", 255.0, (255,)),
    ],
)
def test_colours_come_out_right(mode: str, colour: float | tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert first_pixel(Image.new(mode, (4, 3), colour)) == pytest.approx(expected, abs=1)


def test_a_transparent_palette_entry_is_white() -> None:
    image = Image.new("P", (4, 3), 1)
    image.putpalette([0, 0, 0, 200, 0, 0])
    assert first_pixel(image) == (200, 0, 0)
    image.info["transparency"] = 1
    assert first_pixel(image) == (255, 255, 255)


def test_sixteen_bits_keep_their_order() -> None:
    image = Image.frombytes("I;16", (3, 1), b"\0\0\0\x80\xff\xff")
    made = page_image(image, stored_size=image.size, max_pixels=LIMIT)
    assert list(made.data.tobytes()) == [0, 127, 255]


@pytest.mark.parametrize(("mode", "size"), [("RGB", (1001, 1201)), ("L", (700_000, 2))])
def test_every_pixel_of_a_large_image_is_where_it_was(mode: str, size: tuple[int, int]) -> None:
    samples = size[0] * size[1] * len(mode)
    stored = (bytes(range(251)) * (samples // 251 + 1))[:samples]
    made = page_image(Image.frombytes(mode, size, stored), stored_size=size, max_pixels=2_000_000)
    assert made.data.tobytes() == stored


@pytest.mark.parametrize("size", [(300, 200), (10_000, 1), (1, 10_000), (101, 99)])
@pytest.mark.parametrize("limit", [1, 50, 9_999, 60_000])
def test_no_more_pixels_than_allowed(size: tuple[int, int], limit: int) -> None:
    made = page_image(Image.new("L", size, 200), stored_size=size, max_pixels=limit)
    assert made.pixels <= limit
    assert made.data.tobytes() == b"\xc8" * made.pixels


@pytest.mark.parametrize(
    ("stated", "size", "dpi"),
    [
        ((300, 300), (200, 100), 300),
        ((300, 299), (200, 100), 300),
        ((72, 72), (600, 800), 72),
        ((72, 72), (4000, 3000), None),
        ((1, 1), (200, 100), None),
        ((300, 72), (200, 100), None),
        ((0, 0), (200, 100), None),
        (None, (200, 100), None),
        ("300", (200, 100), None),
    ],
)
def test_a_stated_resolution_is_believed_where_it_can_be_true(
    stated: object, size: tuple[int, int], dpi: float | None
) -> None:
    image = Image.new("L", size)
    image.info["dpi"] = stated
    assert page_image(image, stored_size=size, max_pixels=20_000_000).dpi == dpi


def test_the_resolution_shrinks_with_the_image() -> None:
    image = Image.new("L", (400, 200))
    image.info["dpi"] = (300, 300)
    assert page_image(image, stored_size=(400, 200), max_pixels=20_000).dpi == 150


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, "top left"), (3, "bottom right"), (6, "top right"), (8, "bottom left"), (2, "top right"), (5, "top left")],
)
def test_exif_orientation_turns_the_image(orientation: int, corner: str) -> None:
    stored = Image.new("L", (4, 2), 255)
    stored.putpixel((0, 0), 0)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    stored.save(file, "PNG", exif=exif)
    made = page_image(Image.open(file), stored_size=(4, 2), max_pixels=LIMIT)
    row, column = divmod(made.data.tobytes().index(0), made.width_px)
    assert f"{'bottom' if row else 'top'} {'right' if column else 'left'}" == corner
    assert (made.width_px, made.height_px) == ((2, 4) if orientation > 4 else (4, 2))


@pytest.mark.parametrize(("mode", "plain"), [("1", "L"), ("P", "RGB"), ("CMYK", "RGB"), ("I;16", "L"), ("F", "L")])
def test_a_large_image_is_reduced_in_bands_that_join_without_a_seam(mode: str, plain: str) -> None:
    gradient = Image.linear_gradient("L").resize((2000, 2500))
    image = gradient.convert("I").convert(mode) if mode == "I;16" else gradient.convert(mode)
    made = page_image(image.copy(), stored_size=image.size, max_pixels=LIMIT)
    same = image.convert("F").convert("L") if mode == "I;16" else image.convert(plain)
    expected = same.resize((made.width_px, made.height_px), Image.Resampling.BOX)
    assert max(abs(a - b) for a, b in zip(made.data.tobytes(), expected.tobytes(), strict=True)) <= 1


PAPERS = {"white": 255, "black": 0}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((255, 255, 255), "black"),
        ((250, 240, 120), "black"),
        ((200, 200, 200), "black"),
        ((0, 0, 0), "white"),
        ((30, 60, 190), "white"),
        ((128, 128, 128), "white"),
    ],
)
@pytest.mark.parametrize("size", [(400, 90), (3100, 90)])
def test_writing_without_paper_gets_paper_from_which_it_stands_out(
    mode: str, ink: tuple[int, int, int], paper: str, size: tuple[int, int]
) -> None:
    image = without_paper("caption 4711", ink=ink, mode=mode, size=size)
    made = page_image(image, stored_size=size, max_pixels=LIMIT)
    samples = Image.frombytes("L" if made.channels == 1 else "RGB", (size[0], size[1]), made.data.tobytes())
    darkest, lightest = samples.convert("L").getextrema()
    assert samples.convert("L").getpixel((0, 0)) == PAPERS[paper]
    assert int(str(lightest)) - int(str(darkest)) > 100


def test_writing_of_both_inks_gets_paper_between_them() -> None:
    both = without_paper("dark", ink=(0, 0, 0))
    both.alpha_composite(without_paper("              light", ink=(255, 255, 255)))
    assert first_pixel(both) == (128, 128, 128)


def test_a_window_with_transparent_corners_keeps_its_writing_on_its_own_ground() -> None:
    window = Image.new("RGBA", (400, 300), (0, 0, 0, 0))
    window.paste((255, 255, 255, 255), (10, 10, 390, 290))
    window.paste((0, 0, 0, 255), (100, 100, 200, 110))
    made = page_image(window, stored_size=window.size, max_pixels=LIMIT)
    assert made.data.tobytes()[3 * (105 * 400 + 150)] == 0
    assert made.data.tobytes()[3 * (205 * 400 + 150)] == 255
