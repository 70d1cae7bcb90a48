import pytest

from pagemill.documents.page_frame import PageFrame


@pytest.mark.parametrize(
    ("quarter_turns", "size", "rect"),
    [
        (0, (200, 400), (20, 360, 60, 380)),
        (1, (400, 200), (20, 20, 40, 60)),
        (2, (200, 400), (140, 20, 180, 40)),
        (3, (400, 200), (360, 140, 380, 180)),
    ],
)
def test_a_rectangle_lands_where_the_turned_page_shows_it(
    quarter_turns: int, size: tuple[int, int], rect: tuple[float, ...]
) -> None:
    frame = PageFrame(left=50, bottom=30, right=150, top=230, quarter_turns=quarter_turns, scale=2)
    assert (frame.width_px, frame.height_px) == size
    assert list(frame.rects([(60, 40, 80, 50), (60, 40, 80, 50)])) == [rect, rect]


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_a_pixel_leads_back_to_the_point_it_shows(quarter_turns: int) -> None:
    frame = PageFrame(left=50, bottom=30, right=150, top=230, quarter_turns=quarter_turns, scale=2)
    ((x, y, _, _),) = frame.rects([(60, 40, 60, 40)])
    assert frame.to_page(x, y) == pytest.approx((60, 40))
