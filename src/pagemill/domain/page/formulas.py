"""Warns about formulas: the layout model finds them, but no model of Pagemill reads them. Pure."""

from pagemill.domain.page.page import BlockKind, Page, PageWarning, Polygon, Rectangle, WarningKind
from pagemill.domain.page.regions import join_rects

UNREAD = "This is a formula. Pagemill cannot read it, so the words here are doubtful. See the picture of the page."
MOST_WARNINGS = 16


def with_formula_warnings(page: Page) -> Page:
    """The page with a warning for each of its formulas; formulas that are close together share one."""
    boxes = [_box(block.polygon) for block in page.blocks if block.kind is BlockKind.FORMULA]
    if not boxes:
        return page
    places = join_rects(boxes, gap=0, most=MOST_WARNINGS)
    warnings = [PageWarning(kind=WarningKind.FORMULA, message=UNREAD, box=place) for place in places]
    return page.model_copy(update={"warnings": (*page.warnings, *warnings)})


def _box(polygon: Polygon) -> Rectangle:
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    return min(xs), min(ys), max(xs), max(ys)
