"""Pictures of pages."""

import pytest

from pagemill.domain.page.image import PageImage

ROWS, COLUMNS = 3, 4


@pytest.mark.parametrize("color", [b"\x00", b"\xff", b"\x10\x20\x30"])
def test_a_picture_is_plain_until_one_sample_differs(color: bytes) -> None:
    samples = bytearray(color * (ROWS * COLUMNS))
    picture = PageImage(memoryview(samples).cast("B", (ROWS, COLUMNS, len(color))), COLUMNS, ROWS, len(color), None)
    seen = [picture.is_plain]
    for place, sample in enumerate(bytes(samples)):
        samples[place] = sample ^ 1
        seen.append(picture.is_plain)
        samples[place] = sample
    assert seen == [True] + [False] * len(samples)
