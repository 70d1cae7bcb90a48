"""Pages of running text: newspapers, magazines, papers, books, dictionaries.

Each function sets one page on a `Composition`, in the order in which a person would read it.
"""

from collections.abc import Sequence

from benchmarks.layout_parts import (
    body_style,
    bullets,
    cells,
    columns,
    footer_row,
    furniture,
    gutter,
    head_row,
    heading,
    inset,
    margins,
    picture,
    pour,
)
from benchmarks.layouts import (
    Align,
    Composition,
    Frame,
    Pen,
    Style,
    length_of,
    paragraph,
    phrase,
    prose,
)


def paper(page: Composition) -> None:
    """Two columns under a title, with figures, tables and notes."""
    chance, area, style = page.chance, margins(page), body_style(page, small=True)
    furniture(page, area)
    top = area.top
    if chance.random() < 0.5:
        top = _paper_title(page, area, style)
    bottom = area.bottom
    if chance.random() < 0.35:
        bottom = _spanning_foot(page, area, style)
    if chance.random() < 0.45:
        top = _spanning_figure(page, Frame(area.left, top, area.width, bottom), style)
    between = max(gutter(page, style.size), style.size)
    frames = columns(page, Frame(area.left, top, area.width, bottom), 2, between, unequal=chance.random() < 0.15)
    frames = [_with_footnote(page, frame, style) for frame in frames]
    pour(page, frames, style, fill=chance.uniform(0.75, 1.2))


def _paper_title(page: Composition, area: Frame, style: Style) -> float:
    chance, size = page.chance, style.size * chance_between(page, 1.5, 2.0)
    middle, base = area.left + area.width / 2, area.top + size
    page.begin()
    for _ in range(chance.randint(1, 2)):
        page.write_centred(middle, base, phrase(chance, 4, 7), size)
        base += size * 1.3
    base += style.leading
    count = chance.randint(1, 4)
    for author in range(count):
        x = area.left + area.width * (author + 0.5) / count
        page.begin()
        for row in range(3):
            page.write_centred(x, base + row * style.leading, phrase(chance, 2, 3), style.size)
    base += 5 * style.leading
    if chance.random() < 0.6:
        page.write_alone(middle - 60, base, "Abstract", style.size)
        frame = Frame(area.left + 80, base + style.leading / 2, area.width - 160, area.bottom)
        pen = Pen(page, [frame])
        paragraph(pen, prose(chance, chance.randint(50, 120)), style)
        base = (pen.base or base) + style.leading
    return base + style.leading


def chance_between(page: Composition, low: float, high: float) -> float:
    """A number between the two."""
    return page.chance.uniform(low, high)


def _spanning_figure(page: Composition, area: Frame, style: Style) -> float:
    with page.float_together():
        base = area.top + page.chance.uniform(80, 400)
        if page.chance.random() < 0.4:
            _labels(page, Frame(area.left, area.top, area.width, base))
        frame = Frame(area.left, base + style.leading, area.width, area.bottom)
        pen = Pen(page, [frame])
        words = ["Figure", f"{page.chance.randint(1, 9)}.", *prose(page.chance, page.chance.randint(6, 40))]
        paragraph(pen, words, style.scale(0.9))
    return (pen.base or base) + 2 * style.leading


def _labels(page: Composition, area: Frame) -> None:
    """Short texts within a picture, row by row."""
    base = area.top + 40
    while base < area.bottom - 20:
        for part in range(page.chance.randint(1, 3)):
            left = area.left + area.width * (part + page.chance.uniform(0.1, 0.5)) / 3
            page.write_alone(left, base, phrase(page.chance, 1, 2), 17)
        base += page.chance.uniform(60, 120)


def _spanning_foot(page: Composition, area: Frame, style: Style) -> float:
    """A table or figure over the whole width, at the foot."""
    rows = page.chance.randint(3, 8)
    top = area.bottom - (rows + 3) * style.leading
    with page.float_together():
        page.text(area.left, top + style.leading, "Table 1. " + phrase(page.chance, 4, 9), style.size)
        cells(page, Frame(area.left, top + 1.5 * style.leading, area.width, area.bottom), style, rows=rows)
    return top - style.leading


def _with_footnote(page: Composition, frame: Frame, style: Style) -> Frame:
    if page.chance.random() < 0.75:
        return frame
    small = style.scale(0.82)
    top = frame.bottom - small.leading * page.chance.randint(2, 6)
    with page.float_together():
        pen = Pen(page, [Frame(frame.left, top, frame.width, frame.bottom)])
        paragraph(pen, [str(page.chance.randint(1, 20)), *prose(page.chance, 14)], small)
    return Frame(frame.left, frame.top, frame.width, top - 1.5 * style.leading)


def newspaper(page: Composition) -> None:
    """Articles with heads over some of four to six columns."""
    chance, area = page.chance, margins(page)
    style = Style(chance.uniform(15, 20), chance.uniform(17, 24), Align.JUSTIFIED, indent=chance.choice((0, 14)))
    style = Style(style.size, max(style.leading, style.size * 1.08), style.align, style.indent)
    count = chance.randint(4, 6)
    top = area.top
    if chance.random() < 0.5:
        page.begin()
        page.write_centred(area.left + area.width / 2, top, phrase(chance, 2, 4), 80)
        top += 60
        head_row(page, Frame(area.left, top + 70, area.width, area.bottom))
        top += 60
    else:
        furniture(page, area)
    grid = columns(page, Frame(area.left, top, area.width, area.bottom), count, gutter(page, style.size) * 0.8 + 6)
    _articles(page, grid, style, depth=0)


def _articles(page: Composition, grid: Sequence[Frame], style: Style, depth: int, *, parted: bool = True) -> None:
    """Articles beside or below each other, but no four in a square: their order would be anyone's guess."""
    chance, height = page.chance, grid[0].bottom - grid[0].top
    if depth < 3 and len(grid) > 1 and chance.random() < 0.45:
        at, first = chance.randint(1, len(grid) - 1), chance.random() < 0.5
        _articles(page, grid[:at], style, depth + 1, parted=parted and first)
        _articles(page, grid[at:], style, depth + 1, parted=parted and not first)
    elif parted and depth < 3 and height > 1000 and chance.random() < 0.7:
        middle = grid[0].top + height * chance.uniform(0.4, 0.6)
        _articles(page, [Frame(f.left, f.top, f.width, middle - 40) for f in grid], style, depth + 1)
        _articles(page, [Frame(f.left, middle, f.width, f.bottom) for f in grid], style, depth + 1)
    else:
        _article(page, grid, style)


def _article(page: Composition, grid: Sequence[Frame], style: Style) -> None:
    chance, left = page.chance, grid[0].left
    width = grid[-1].left + grid[-1].width - left
    size = min(style.size * chance.uniform(1.6, 2.2 + 0.4 * len(grid)), width / 9)
    pen = Pen(page, [Frame(left, grid[0].top, width, grid[0].bottom)])
    head = Style(size, size * 1.1, Align.RAGGED, hyphenates=False)
    paragraph(pen, phrase(chance, 4, 9).split(), head)
    top = (pen.base or grid[0].top) + 0.6 * size
    if chance.random() < 0.3:
        pen = Pen(page, [Frame(left, top, width, grid[0].bottom)])
        paragraph(pen, prose(chance, 12), Style(size * 0.6, size * 0.75, Align.RAGGED, hyphenates=False))
        top = (pen.base or top) + 0.5 * size
    frames = [Frame(frame.left, top, frame.width, frame.bottom) for frame in grid]
    if len(grid) > 1 and chance.random() < 0.4:
        picture(page, frames, style)
    bottom = frames[0].bottom - chance.choice((0, 0, 0.2, 0.4)) * (frames[0].bottom - top)
    pour(page, [Frame(f.left, f.top, f.width, bottom) for f in frames], style, fill=chance.uniform(0.9, 1.2))


def magazine(page: Composition) -> None:
    """Two or three columns around pictures, quotations and a sidebar."""
    chance, area, style = page.chance, margins(page), body_style(page)
    furniture(page, area)
    top = area.top
    if chance.random() < 0.6:
        top = heading(page, area, style.size * chance.uniform(2, 3.5)) + style.leading
    if chance.random() < 0.4:
        pen = Pen(page, [Frame(area.left, top, area.width * chance.uniform(0.6, 1), area.bottom)])
        paragraph(pen, prose(chance, 30), style.scale(1.35))
        top = (pen.base or top) + 1.5 * style.leading
    count, between = chance.randint(2, 3), max(1.0, chance.uniform(0.8, 3)) * style.size
    whole = Frame(area.left, top, area.width, area.bottom)
    frames = columns(page, whole, count, between, unequal=chance.random() < 0.2)
    if chance.random() < 0.5:
        picture(page, frames, style)
    if chance.random() < 0.5:
        inset(page, frames, style)
    if chance.random() < 0.25 and count == 3:
        _sidebar(page, frames.pop(), style)
    pour(page, frames, style, fill=chance.uniform(0.8, 1.2))


def _sidebar(page: Composition, frame: Frame, style: Style) -> None:
    """A box in a column of its own."""
    with page.float_together():
        pen = Pen(page, [Frame(frame.left + 15, frame.top, frame.width - 20, frame.bottom)])
        small = Style(style.size * 0.9, style.leading * 0.9, Align.RAGGED)
        paragraph(pen, phrase(page.chance, 2, 5).split(), small.scale(1.3))
        for _ in range(page.chance.randint(1, 5)):
            pen.skip(small.leading * 0.6)
            paragraph(pen, prose(page.chance, 25), small)


def book(page: Composition) -> None:
    """One column, notes in the margin or at the foot."""
    chance, area, style = page.chance, margins(page), body_style(page)
    furniture(page, area)
    side = chance.choice((None, None, "left", "right"))
    if side:
        wide = area.width * 0.24
        frame = Frame(area.left + (wide if side == "left" else 0), area.top, area.width - wide, area.bottom)
        note = Frame(area.left + 10 if side == "left" else frame.left + frame.width + 30, 0, wide - 50, area.bottom)
        _margin_notes(page, note, frame, style)
        area = frame
    frame = _with_footnote(page, area, style)
    pour(page, [frame], style, fill=chance.uniform(0.5, 1.2))


def _margin_notes(page: Composition, note: Frame, text: Frame, style: Style) -> None:
    at = text.top + page.chance.uniform(0, 300)
    while at < text.bottom - 300:
        with page.float_together():
            pen = Pen(page, [Frame(note.left, at, note.width, text.bottom)])
            paragraph(pen, prose(page.chance, 6), Style(style.size * 0.75, style.size * 0.9, Align.RAGGED))
        at = (pen.base or at) + page.chance.uniform(120, 700)


def draw_mixed(page: Composition) -> None:
    """Bands of one, two and three columns below each other."""
    chance, area, style = page.chance, margins(page), body_style(page, small=True)
    furniture(page, area)
    top, last = area.top, 0
    while top < area.bottom - 260:
        count = chance.choice([number for number in (1, 2, 3, 4) if number != last])
        last = count
        bottom = min(area.bottom, top + chance.uniform(170, 700))
        if chance.random() < 0.5:
            top = heading(page, Frame(area.left, top, area.width, bottom), style.size * 1.3)
        frames = columns(page, Frame(area.left, top, area.width, bottom), count, 1.3 * gutter(page, style.size))
        pour(page, frames, style, fill=1.1, plain=True)
        top = bottom + 2.2 * style.leading


def dictionary(page: Composition) -> None:
    """Entries with hanging indents in two to four columns, guide words above."""
    chance, area = page.chance, margins(page)
    size = chance.uniform(16, 22)
    style = Style(
        size, size * 1.15, chance.choice((Align.JUSTIFIED, Align.RAGGED)), indent=-size * chance.choice((0, 1, 2))
    )
    head_row(page, area)
    frames = columns(page, area, chance.randint(2, 4), gutter(page, size))
    longest = chance.choice((6, 14, 40))
    pen = Pen(page, frames)
    while paragraph(pen, prose(chance, 1)[: chance.randint(2, longest)], style):
        pen.skip(chance.choice((0, 0, 0.3)) * style.leading)


def index(page: Composition) -> None:
    """Short entries in columns, a page number behind each."""
    chance, area = page.chance, margins(page)
    size = chance.uniform(18, 26)
    heading(page, area, size * 1.8)
    top = area.top + 3 * size
    count, rows = chance.randint(2, 4), int((area.bottom - top) / (1.3 * size))
    rows = min(rows, chance.randint(14, 60))
    for frame in columns(page, area, count, 2 * size):
        for row in range(rows):
            text = f"{phrase(chance, 1, 3)}, {chance.randint(1, 400)}"
            while length_of(text, size) > frame.width:
                text = f"{phrase(chance, 1, 1)}, {chance.randint(1, 400)}"
            page.write_alone(frame.left, top + row * 1.3 * size, text, size)


def slides(page: Composition) -> None:
    """A slide: a title, then one or two boxes of points."""
    page.width, page.height = 2000, 1125
    chance = page.chance
    size = chance.uniform(34, 50)
    heading(page, Frame(120, 90, 1760, 1000), size * 1.6)
    count = chance.randint(1, 3)
    for frame in columns(page, Frame(130, 260, 1740, 1040), count, 70):
        style = Style(size * 0.8, size * 1.1, Align.RAGGED, hyphenates=False)
        bullets(page, Pen(page, [frame]), style, chance.randint(3, 6), longest=10)
    footer_row(page, Frame(100, 0, 1800, 1060))


def leaflet(page: Composition) -> None:
    """Panels side by side, each with heads and text of its own."""
    page.width, page.height = 2339, 1654
    chance, area, style = page.chance, Frame(100, 130, 2139, 1540), body_style(page)
    for frame in columns(page, area, chance.randint(2, 4), chance.uniform(50, 110)):
        pen = Pen(page, [frame])
        align = chance.choice((Align.RAGGED, Align.CENTRED, Align.JUSTIFIED))
        text = Style(style.size, style.leading, align, hyphenates=False)
        for _ in range(chance.randint(2, 5)):
            pen.skip(chance.uniform(0.5, 4) * style.leading)
            paragraph(pen, phrase(chance, 2, 5).split(), text.scale(1.5))
            pen.skip(0.5 * style.leading)
            paragraph(pen, prose(chance, chance.randint(15, 60)), text)


def exam(page: Composition) -> None:
    """Questions in one or two columns, their answers in rows of two or four."""
    chance, area, style = page.chance, margins(page), body_style(page, small=True)
    furniture(page, area)
    number = 0
    for frame in columns(page, area, chance.randint(1, 2), 60):
        pen = Pen(page, [frame])
        while pen.room() > 10 * style.leading:
            number += 1
            paragraph(pen, [f"{number}.", *prose(chance, 12)], Style(style.size, style.leading, Align.RAGGED))
            _choices(page, pen, style)
            pen.skip(0.8 * style.leading)


def _choices(page: Composition, pen: Pen, style: Style) -> None:
    across, frame = page.chance.choice((1, 2, 4)), pen.frame
    for row in range(4 // across):
        place = pen.advance(style.leading)
        if place is None or pen.frame is not frame:
            return
        for column in range(across):
            letter = "ABCD"[row * across + column]
            left = place[0] + place[1] * column / across
            page.write_alone(
                left, place[2], f"{letter}. {page.chance.choice(('Order', 'Worker', 'Margin', '47'))}", style.size
            )
