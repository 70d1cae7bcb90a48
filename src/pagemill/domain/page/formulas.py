"""Keeps formulas as pictures: the layout model finds them, but no model of Pagemill reads them. Pure.

What a recogniser made of a formula is left out, because it invents letters for signs, and reads fractions and limits in
any order, often with high confidence. A warning says where the formula is. What a text layer says stays.
"""

from collections.abc import Callable

from pagemill.domain.page.page import (
    Block,
    BlockKind,
    BlockPicture,
    Line,
    Page,
    PageSource,
    PageWarning,
    Polygon,
    Rectangle,
    WarningKind,
)
from pagemill.domain.page.regions import join_rects

UNREAD = "Pagemill cannot read this formula. Its picture is in the results as JSON and HTML."
MOST_WARNINGS = 16
MOST_PICTURES = 64
"""Pictures of one page. Further formulas have the warning only."""

MakePicture = Callable[[Rectangle], BlockPicture | None]
"""Makes the picture of a place on the page; None if it shows nothing."""


def with_formula_pictures(page: Page, picture_of: MakePicture) -> Page:
    """The page with its formulas as pictures, without what was recognised there, and with a warning for each.

    Formulas that are close together share a warning. It replaces warnings about unread ink in its place.
    """
    formulas = [block for block in page.blocks if block.kind is BlockKind.FORMULA]
    if not formulas:
        return page
    pictured = {id(block) for block in formulas[:MOST_PICTURES]}
    blocks = tuple(
        _keep(block, page.source, picture_of if id(block) in pictured else None)
        if block.kind is BlockKind.FORMULA
        else block
        for block in page.blocks
    )
    boxes = [_box(block.polygon) for block in formulas]
    places = join_rects(boxes, gap=0, most=MOST_WARNINGS)
    told = [warning for warning in page.warnings if not _is_about(warning, boxes)]
    new = [PageWarning(kind=WarningKind.FORMULA, message=UNREAD, box=place) for place in places]
    return page.model_copy(update={"blocks": blocks, "warnings": (*told, *new)})


def _keep(block: Block, source: PageSource, picture_of: MakePicture | None) -> Block:
    lines = tuple(line for line in block.lines if not _is_recognised(line, source))
    picture = picture_of(_box(block.polygon)) if picture_of is not None else None
    return block.model_copy(update={"lines": lines, "picture": picture})


def _is_recognised(line: Line, source: PageSource) -> bool:
    return PageSource.OCR in ({word.source or source for word in line.words} or {source})


def _is_about(warning: PageWarning, places: list[Rectangle]) -> bool:
    """Whether a warning about unread ink is about one of these places."""
    if warning.kind is not WarningKind.UNREAD_INK or warning.box is None:
        return False
    x, y = (warning.box[0] + warning.box[2]) / 2, (warning.box[1] + warning.box[3]) / 2
    return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in places)


def _box(polygon: Polygon) -> Rectangle:
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    return min(xs), min(ys), max(xs), max(ys)
