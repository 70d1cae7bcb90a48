"""What pages are composed of: heads, tables, lists, pictures, labels with values."""

from collections.abc import Sequence

from benchmarks.layouts import (
    Align,
    Composition,
    Frame,
    Hole,
    Pen,
    Style,
    amount,
    length_of,
    paragraph,
    phrase,
    prose,
)


def head_row(page: Composition, area: Frame) -> None:
    """A running head: something left, something right, or one of them."""
    base, size = area.top - page.chance.uniform(50, 80), 20
    left, right = page.chance.choice(((True, True), (True, False), (False, True)))
    with page.float_together():
        if left:
            page.text(area.left, base, phrase(page.chance, 1, 4), size)
        if right:
            page.right(area.left + area.width, base, page.chance.choice((phrase(page.chance, 1, 4), "214")), size)


def footer_row(page: Composition, area: Frame) -> None:
    """A page number, perhaps with a line of text on the other side."""
    base, size, number = area.bottom + page.chance.uniform(45, 90), 20, str(page.chance.randint(1, 400))
    right = area.left + area.width
    with page.float_together():
        match page.chance.randint(0, 3):
            case 0:
                page.text(area.left, base, number, size)
            case 1:
                page.right(right, base, number, size)
            case 2:
                page.write_centred(area.left + area.width / 2, base, number, size)
            case _:
                page.text(area.left, base, phrase(page.chance, 2, 6), size)
                page.right(right, base, number, size)


def heading(page: Composition, area: Frame, size: float) -> float:
    """One or two large lines; the base of the last."""
    pen = Pen(page, [Frame(area.left, area.top, area.width, area.top + 5 * size)])
    paragraph(pen, phrase(page.chance, 2, 8).split(), Style(size, 1.2 * size, Align.RAGGED, hyphenates=False))
    return pen.base or area.top


def pour(page: Composition, frames: Sequence[Frame], style: Style, *, fill: float, plain: bool = False) -> None:
    """Running text through columns, with heads, points, formulas and pictures on its way unless `plain`."""
    chance, pen = page.chance, Pen(page, frames)
    left = fill * sum(frame.bottom - frame.top for frame in frames)
    gap = chance.choice((0, 0, 0.4, 0.8)) * style.leading
    while pen.frame is not None and left > 0:
        before = pen.at, pen.base or frames[pen.at].top
        what = 1.0 if plain else chance.random()
        if what < 0.12 and pen.room() > 5 * style.leading:
            _subhead(page, pen, style)
        elif what < 0.17:
            bullets(page, pen, style, chance.randint(2, 4), longest=16)
        elif what < 0.21:
            _formula(page, pen, style)
        elif what < 0.25 and pen.room() > 420:
            _column_picture(page, pen, style)
        elif what < 0.28 and pen.room() > 9 * style.leading:
            _column_table(page, pen, style)
        if not paragraph(pen, prose(chance, chance.randint(12, 90)), style):
            break
        pen.skip(gap)
        left -= (pen.base or 0) - before[1] if pen.at == before[0] else frames[before[0]].bottom - before[1]


def _subhead(page: Composition, pen: Pen, style: Style) -> None:
    pen.skip(0.8 * style.leading)
    larger = page.chance.choice((1.0, 1.15, 1.3))
    number = page.chance.choice(("", "", f"{page.chance.randint(1, 9)}. "))
    words = (number + phrase(page.chance, 1, 5)).split()
    paragraph(pen, words, Style(style.size * larger, style.leading * larger, Align.RAGGED, capital=larger == 1.0))
    pen.skip(0.3 * style.leading)


def _formula(page: Composition, pen: Pen, style: Style) -> None:
    pen.skip(0.6 * style.leading)
    place = pen.advance(style.leading)
    if place is None:
        return
    left, width, base = place
    page.begin()
    page.write_centred(left + width / 2, base, "f (x) = a + b", style.size)
    page.right(left + width, base, f"({page.chance.randint(1, 20)})", style.size)
    pen.skip(0.6 * style.leading)


def _column_picture(page: Composition, pen: Pen, style: Style) -> None:
    """In one column, its caption below."""
    if not pen.is_fresh:
        pen.skip(page.chance.uniform(120, 330))
    with page.float_together():
        paragraph(pen, ["Fig.", f"{page.chance.randint(1, 9)}:", *prose(page.chance, 8)], style.scale(0.88))
    pen.skip(style.leading)


def _column_table(page: Composition, pen: Pen, style: Style) -> None:
    frame = pen.frame
    if frame is None or pen.is_fresh:
        return
    rows = page.chance.randint(3, 6)
    base = (pen.base or frame.top) + 1.6 * style.leading
    small = style.scale(0.85)
    with page.float_together():
        page.text(frame.left, base, f"Table {page.chance.randint(1, 9)}.", small.size)
        area = Frame(frame.left, base + 0.6 * style.leading, frame.width, frame.bottom)
        end = cells(page, area, small, rows=rows, most=3, tight=True)
    pen.base = end + style.leading


def cells(
    page: Composition,
    area: Frame,
    style: Style,
    *,
    rows: int,
    prices: bool = False,
    most: int = 6,
    tight: bool = False,
) -> float:
    """A table, row by row; the base of the last one. Numbers stand at the right of their columns."""
    chance = page.chance
    count = chance.randint(2 if tight else 3, most)
    wide = [chance.uniform(0.7, 1.2) for _ in range(count)]
    wide[0] *= 1.6
    numeric = [at > 0 and (prices or chance.random() < 0.55) for at in range(count)]
    pitch = style.leading * chance.choice((1.0, 1.0, 1.2, 1.6) if tight else (1.0, 1.2, 1.5, 1.9))
    base = area.top + pitch
    for row in range(rows):
        page.begin()
        left = area.left
        for at in range(count):
            width = area.width * wide[at] / sum(wide)
            _cell(page, Frame(left, base, width, 0), style, is_number=numeric[at] and row > 0)
            left += width
        base += pitch
    return base - pitch


def _cell(page: Composition, place: Frame, style: Style, *, is_number: bool) -> None:
    chance, size = page.chance, style.size
    if chance.random() < 0.06:
        return
    if is_number:
        number = chance.choice((amount(chance), str(chance.randint(1, 900)), f"{chance.uniform(0, 100):.1f}%"))
        page.right(place.left + place.width - size, place.top, number, size)
        return
    text = phrase(chance, 1, 3)
    while " " in text and length_of(text, size) > place.width - 1.2 * size:
        text = text.rpartition(" ")[0]
    page.text(place.left, place.top, text, size)


def bullets(page: Composition, pen: Pen, style: Style, count: int, *, longest: int) -> None:
    """Points, each behind a bullet or number that stands apart."""
    mark = page.chance.choice(("•", "-", "1."))
    indent = style.size * page.chance.uniform(1.0, 1.8)
    for item in range(count):
        frame = pen.frame
        if frame is None or pen.room() < 2 * style.leading:
            return
        page.begin()
        inner = [Frame(f.left + indent, f.top, f.width - indent, f.bottom) for f in pen.frames]
        inside = Pen(page, inner, pen.at, pen.base)
        first = inside.advance(style.leading)
        if first is None:
            return
        page.text(first[0] - indent, first[2], f"{item + 1}." if mark == "1." else mark, style.size)
        inside.base = first[2] - style.leading
        rest = prose(page.chance, 2)[: page.chance.randint(2, longest)]
        _write_rest(page, inside, rest, style)
        pen.at, pen.base = inside.at, inside.base


def _write_rest(page: Composition, pen: Pen, words: Sequence[str], style: Style) -> None:
    """More of the paragraph that was begun."""
    before = len(page.flow) if page._target is None else len(page._target)  # noqa: SLF001
    paragraph(pen, words, Style(style.size, style.leading, Align.RAGGED, hyphenates=False))
    target = page.flow if page._target is None else page._target  # noqa: SLF001
    if len(target) > before:
        last = target.pop()
        target[-1] += last


def picture(page: Composition, frames: Sequence[Frame], style: Style) -> None:
    """A picture over one or more columns, its caption below; text runs around both."""
    chance = page.chance
    first = chance.randrange(len(frames))
    last = chance.randint(first, len(frames) - 1)
    height = chance.uniform(150, 420)
    room = frames[first].bottom - frames[first].top - height - 160
    if room < 0:
        return
    left, right = frames[first].left, frames[last].left + frames[last].width
    top = frames[first].top + chance.choice((0.0, room * chance.random()))
    with page.float_together():
        pen = Pen(page, [Frame(left, top + height + 8, right - left, frames[first].bottom)])
        paragraph(pen, prose(chance, chance.randint(5, 18)), Style(style.size * 0.85, style.size, Align.RAGGED))
    end = (pen.base or top + height) + 1.1 * style.leading
    page.holes.append(Hole(left, top, right, end))


def inset(page: Composition, frames: Sequence[Frame], style: Style) -> None:
    """A quotation in larger type over a gutter, or within one column."""
    chance = page.chance
    at = chance.randrange(len(frames))
    frame, size = frames[at], style.size * chance.uniform(1.3, 1.7)
    following = frames[at + 1] if at + 1 < len(frames) else None
    left, right = frame.left, frame.left + frame.width
    if following is not None and chance.random() < 0.6:
        left, right = frame.left + 0.5 * frame.width, following.left + 0.5 * following.width
    top = frame.top + (frame.bottom - frame.top) * chance.uniform(0.2, 0.6)
    if any(hole.top < top + 400 and hole.bottom > top for hole in page.holes):
        return
    with page.float_together():
        pen = Pen(page, [Frame(left + 0.8 * size, top + 0.5 * size, right - left - 1.6 * size, frame.bottom)])
        style = Style(size, 1.25 * size, Align.RAGGED, hyphenates=False)
        paragraph(pen, prose(chance, chance.randint(6, 12))[:14], style)
    page.holes.append(Hole(left, top, right, (pen.base or top) + size))


def address(page: Composition, left: float, base: float, style: Style, rows: int) -> float:
    """Lines below each other; the base of the last."""
    page.begin()
    for row in range(rows):
        text = phrase(page.chance, 2, 3) if row < 2 else f"{phrase(page.chance, 1, 2)} {page.chance.randint(1, 99999)}"
        page.text(left, base + row * style.leading, text, style.size)
    return base + (rows - 1) * style.leading


def label_values(page: Composition, area: Frame, style: Style, rows: int, *, apart: float) -> float:
    """Labels at the left of `area`, values at a share of its width; the base of the last one."""
    colon = page.chance.choice((":", ""))
    for row in range(rows):
        base = area.top + row * style.leading
        label = phrase(page.chance, 1, 2)
        while " " in label and length_of(label, style.size) > apart * area.width - style.size:
            label = label.split()[0]
        value = page.chance.choice((phrase(page.chance, 1, 2), str(page.chance.randint(10, 99999)), "12.05.2026"))
        page.write_alone(area.left, base, label + colon, style.size)
        page.text(area.left + apart * area.width, base, value, style.size)
    return area.top + (rows - 1) * style.leading


def body_style(page: Composition, *, small: bool = False) -> Style:
    """A style for running text."""
    chance = page.chance
    size = chance.uniform(18, 24) if small else chance.uniform(22, 32)
    return Style(
        size,
        size * chance.uniform(1.1, 1.45),
        chance.choice((Align.JUSTIFIED, Align.JUSTIFIED, Align.RAGGED)),
        indent=chance.choice((0, 0, 1, 1.5)) * size,
        hyphenates=chance.random() < 0.7,
    )


def columns(page: Composition, area: Frame, count: int, gutter: float, *, unequal: bool = False) -> list[Frame]:
    """Frames side by side."""
    shares = [page.chance.uniform(0.6, 1.4) if unequal else 1.0 for _ in range(count)]
    room, left, made = area.width - gutter * (count - 1), area.left, []
    for share in shares:
        width = room * share / sum(shares)
        made.append(Frame(left, area.top, width, area.bottom))
        left += width + gutter
    return made


def margins(page: Composition) -> Frame:
    """The type area."""
    left, top = page.chance.uniform(90, 210), page.chance.uniform(150, 260)
    return Frame(
        left, top, page.width - 2 * left + page.chance.uniform(-40, 40), page.height - page.chance.uniform(170, 320)
    )


def furniture(page: Composition, area: Frame) -> None:
    """Perhaps a running head and a page number."""
    if page.chance.random() < 0.6:
        head_row(page, area)
    if page.chance.random() < 0.7:
        footer_row(page, area)


def gutter(page: Composition, size: float) -> float:
    """Between columns: tight now and then."""
    return size * page.chance.choice((0.75, 1, 1.3, 1.6, 2, 2.5, 3.5))
