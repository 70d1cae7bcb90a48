from pathlib import Path

import pytest
from PIL import Image

from pagemill.documents.previews import write_preview
from pagemill.domain.page.image import PageImage

WIDTH, HEIGHT = 60, 40


def make_marked(corner: tuple[int, int], channels: int) -> PageImage:
    """A white page with a black square whose top left corner is there."""
    picture = Image.new("L" if channels == 1 else "RGB", (WIDTH, HEIGHT), "white")
    picture.paste(0 if channels == 1 else (0, 0, 0), (*corner, corner[0] + 16, corner[1] + 16))
    shape = (HEIGHT, WIDTH, channels)
    return PageImage(memoryview(picture.tobytes()).cast("B", shape), WIDTH, HEIGHT, channels, 150.0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("rotation", "size", "where"),
    [
        (0, (WIDTH, HEIGHT), (8, 8)),
        (90, (HEIGHT, WIDTH), (HEIGHT - 8, 8)),
        (180, (WIDTH, HEIGHT), (WIDTH - 8, HEIGHT - 8)),
        (270, (HEIGHT, WIDTH), (8, WIDTH - 8)),
    ],
)
def test_a_page_is_turned_clockwise(
    tmp_path: Path, channels: int, rotation: int, size: tuple[int, int], where: tuple[int, int]
) -> None:
    path = tmp_path / "new" / "page.jpg"
    write_preview(make_marked((0, 0), channels), path, rotation=rotation)
    with Image.open(path) as picture:
        assert picture.format == "JPEG"
        assert picture.size == size
        gray = picture.convert("L")
        assert int(gray.crop((where[0], where[1], where[0] + 1, where[1] + 1)).tobytes()[0]) < 60
        assert sum(value < 128 for value in gray.tobytes()) < WIDTH * HEIGHT / 4
    assert [each.name for each in path.parent.iterdir()] == ["page.jpg"]
