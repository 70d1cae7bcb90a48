"""Pictures that a program holds: what the encoded file shows, and what is refused."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pagemill.client import DocumentUnusable
from pagemill.client.sending import Upload
from pagemill.wire.python_documents import UnusablePicture, encode_picture, is_picture, name_of

HEIGHT, WIDTH = 3, 4


def decode(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


@pytest.mark.parametrize(
    ("shape", "kind", "mode"),
    [((), np.uint8, "L"), ((3,), np.uint8, "RGB"), ((4,), np.uint8, "RGBA"), ((), np.bool_, "1")],
)
def test_an_array_keeps_its_pixels(shape: tuple[int, ...], kind: type, mode: str) -> None:
    values = np.arange(HEIGHT * WIDTH * (shape[0] if shape else 1)) % (2 if kind is np.bool_ else 256)
    array: np.ndarray = values.astype(kind).reshape(HEIGHT, WIDTH, *shape)
    assert is_picture(array)
    found = decode(encode_picture(array))
    assert (found.mode, found.size) == (mode, (WIDTH, HEIGHT))
    assert np.array_equal(np.asarray(found), array)


def test_an_array_that_is_a_view_keeps_its_pixels() -> None:
    array = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)[:, :, ::-1]
    assert np.array_equal(np.asarray(decode(encode_picture(array))), array)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((3, 4, 2), np.uint8), ((3,), np.uint8), ((3, 4, 1), np.uint8), ((3, 4, 3), np.float64), ((3, 4), np.uint16),
     ((3, 4, 3), np.bool_), ((1, 3, 4, 3), np.uint8)],
)  # fmt: skip
def test_an_array_that_is_no_picture_is_refused_with_what_to_give(shape: tuple[int, ...], kind: type) -> None:
    with pytest.raises(UnusablePicture, match=r"Give uint8 values of the shape"):
        encode_picture(np.zeros(shape, kind))


def test_an_image_keeps_its_pixels_and_its_resolution() -> None:
    image = Image.linear_gradient("L")
    image.info["dpi"] = (300, 300)
    found = decode(encode_picture(image))
    assert np.array_equal(np.asarray(found), np.asarray(image))
    assert [round(each) for each in found.info["dpi"]] == [300, 300]


@pytest.mark.parametrize("mode", ["CMYK", "F", "LAB"])
def test_an_image_that_png_cannot_hold_is_refused_with_what_to_give(mode: str) -> None:
    with pytest.raises(UnusablePicture, match=rf"{mode}.*convert\('RGB'\)"):
        encode_picture(Image.new(mode, (WIDTH, HEIGHT)))
    with pytest.raises(DocumentUnusable, match=r"convert\('RGB'\)"):
        Upload(Image.new(mode, (WIDTH, HEIGHT)))


@pytest.mark.parametrize("document", [b"bytes", "path", Path("path"), BytesIO()])
def test_nothing_else_is_a_picture(document: object) -> None:
    assert not is_picture(document)


def test_the_client_sends_a_picture_under_a_name() -> None:
    upload = Upload(np.zeros((HEIGHT, WIDTH), np.uint8), "scan.png")
    with upload.open() as file:
        assert decode(file.read()).size == (WIDTH, HEIGHT)
    assert (upload.name, Upload(np.zeros((HEIGHT, WIDTH), np.uint8)).name) == ("scan.png", "document")


def test_an_open_file_has_a_name(tmp_path: Path) -> None:
    with (tmp_path / "x.pdf").open("wb") as file:
        assert (name_of(file), name_of(BytesIO())) == ("x.pdf", "document")
