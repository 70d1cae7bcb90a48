"""Draws a page in notebooks: an SVG with each word in its place. Text from the page is escaped, never markup."""

import math
from html import escape

from pagemill.domain.page.page import Line, Page, PageSource, Word

DOUBTFUL, POOR = 0.85, 0.6
"""Confidences below which a word is shown in another colour."""
DESCENT = 0.22
"""Share of a line's height below its baseline."""


class PageFigure(Page):
    """A `Page` that notebooks draw. The client and the library return these."""

    def _repr_html_(self) -> str:
        return page_figure(self)


def page_figure(page: Page) -> str:
    """HTML of the page."""
    pieces = "".join(_piece(piece) for line in page.lines for piece in (line.words or (line,)))
    return (
        f'<figure style="margin:0 0 1em"><figcaption>{escape(_caption(page))}</figcaption>'
        f'<svg viewBox="0 0 {page.width_px} {page.height_px}" role="img" aria-label="{escape(page.text)}" '
        'style="background:#fff;border:1px solid #999;max-height:80vh;max-width:100%" '
        f'font-family="sans-serif">{pieces}</svg></figure>'
    )


def _caption(page: Page) -> str:
    parts = [f"Page {page.number}", f"{page.width_px} × {page.height_px} px"]
    if page.source is not PageSource.OCR:
        parts.append("text layer")
    if page.engine:
        parts.append("/".join(filter(None, (page.engine, page.profile))))
    if page.confidence is not None:
        parts.append(f"confidence {page.confidence:.0%}")
    return " · ".join([*parts, *map(str, page.warnings)])


def _piece(piece: Word | Line) -> str:
    """The text, starting at the lower left corner of its box, along the lower edge, as wide as the box."""
    (left, base), (right, below), height = _lower_edge(piece)
    width = math.hypot(right - left, below - base)
    angle = math.degrees(math.atan2(below - base, right - left))
    confidence = piece.confidence
    tooltip = "" if confidence is None else f"<title>confidence {confidence:.2f}</title>"
    return (
        f'<text transform="translate({left:.1f} {base:.1f}) rotate({angle:.1f})" y="{-DESCENT * height:.1f}" '
        f'font-size="{height * (1 - DESCENT):.1f}" textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs" '
        f'fill="{_colour(confidence)}">{tooltip}{escape(piece.text)}</text>'
    )


def _lower_edge(piece: Word | Line) -> tuple[tuple[float, float], tuple[float, float], float]:
    """The ends of the lower edge, and the height above it; without exactly four corners, of the upright box."""
    polygon = piece.polygon
    if len(polygon) == 4:
        upper_left, _, lower_right, lower_left = polygon
        return lower_left, lower_right, math.dist(upper_left, lower_left)
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    return (min(xs), max(ys)), (max(xs), max(ys)), max(ys) - min(ys)


def _colour(confidence: float | None) -> str:
    if confidence is None or confidence >= DOUBTFUL:
        return "#000"
    return "#b00020" if confidence < POOR else "#9a5b00"
