"""Pages of rows: letters, invoices, forms, reports, lists of contents.

Each function sets one page on a `Composition`, in the order in which a person would read it.
"""

from benchmarks.layout_parts import (
    address,
    body_style,
    bullets,
    cells,
    furniture,
    heading,
    label_values,
    margins,
)
from benchmarks.layouts import (
    Align,
    Composition,
    Frame,
    Pen,
    PlacedText,
    Style,
    amount,
    paragraph,
    phrase,
    prose,
)


def letter(page: Composition) -> None:
    """Letterhead, addresses, text, perhaps two signatures and a foot in columns."""
    chance, area, style = page.chance, margins(page), body_style(page)
    style = Style(style.size, style.leading, Align.RAGGED, hyphenates=False)
    page.begin()
    page.right(area.left + area.width, area.top, phrase(chance, 2, 4), style.size * 1.6)
    base = area.top + 4 * style.leading
    base = address(page, area.left, base, style, chance.randint(3, 5)) + 2 * style.leading
    page.begin()
    page.right(area.left + area.width, base, f"{chance.randint(1, 30)} November 2026", style.size)
    page.write_alone(area.left, base + 2 * style.leading, phrase(chance, 3, 6), style.size)
    pen = Pen(page, [Frame(area.left, base + 3 * style.leading, area.width, area.bottom - 300)])
    for _ in range(chance.randint(2, 6)):
        paragraph(pen, prose(chance, chance.randint(20, 70)), style)
        pen.skip(style.leading * 0.8)
    end = (pen.base or area.bottom - 300) + 3 * style.leading
    page.write_alone(area.left, end, "Yours sincerely", style.size)
    page.write_alone(area.left, end + 3 * style.leading, phrase(chance, 2, 2), style.size)
    if chance.random() < 0.5:
        for at in range(3):
            address(page, area.left + at * area.width / 3, page.height - 120, Style(15, 18), 4)


def invoice(page: Composition) -> None:
    """Addresses, numbers with labels, a table, totals."""
    chance, area = page.chance, margins(page)
    size = chance.uniform(20, 27)
    style = Style(size, size * 1.3, Align.RAGGED, hyphenates=False)
    heading(page, area, size * 2)
    top = area.top + 4 * style.leading
    right = area.left + area.width * 0.58
    ends = [address(page, area.left, top, style, chance.randint(3, 6))]
    if chance.random() < 0.5:
        ends.append(label_values(page, Frame(right, top, area.width * 0.4, 0), style, chance.randint(2, 5), apart=0.5))
    top = max(ends) + 3 * style.leading
    table = Frame(area.left, top, area.width, area.bottom - 400)
    bottom = cells(page, table, style, rows=chance.randint(4, 18), prices=True)
    base = bottom + 2 * style.leading
    for label in ("Net", "VAT", "Total"):
        page.write_alone(right, base, label, size)
        page.right(area.left + area.width, base, amount(chance), size)
        base += style.leading
    pen = Pen(page, [Frame(area.left, base + style.leading, area.width, page.height - 40)])
    paragraph(pen, prose(chance, 25), style)


def receipt(page: Composition) -> None:
    """A till's slip."""
    chance = page.chance
    page.width, page.height = 700, 1600
    size, base = 24, 60.0
    for _ in range(chance.randint(2, 5)):
        page.begin()
        page.write_centred(350, base, phrase(chance, 2, 3).upper(), size)
        base += 36
    base = label_values(page, Frame(40, base + 20, 600, 0), Style(size, 36), chance.randint(1, 4), apart=0.35) + 40
    for _ in range(chance.randint(5, 22)):
        page.write_alone(40, base, phrase(chance, 1, 3).upper()[:24], size)
        if chance.random() < 0.4:
            base += 34
            page.write_alone(70, base, f"{chance.randint(1, 9)} X {amount(chance)}", size)
        page.right(660, base, amount(chance), size)
        base += chance.uniform(32, 40)
    for label in ("SUBTOTAL", "TAX", "TOTAL", "CASH"):
        page.write_alone(40, base + 20, label, size)
        page.right(660, base + 20, amount(chance), size)
        base += 36
    page.begin()
    page.write_centred(350, base + 40, "THANK YOU", size)


def form(page: Composition) -> None:
    """Labels and values in one or two pairs a row."""
    chance, area = page.chance, margins(page)
    size = chance.uniform(20, 28)
    style = Style(size, size * chance.uniform(1.6, 3.2), Align.RAGGED, hyphenates=False)
    top = heading(page, area, size * 1.8) + style.leading
    for _ in range(chance.randint(1, 3)):
        top = heading(page, Frame(area.left, top, area.width, 0), size * 1.2) + 0.6 * style.leading
        pairs = chance.randint(1, 2)
        wide = area.width / pairs
        for _ in range(chance.randint(3, 9)):
            for pair in range(pairs):
                label_values(page, Frame(area.left + pair * wide, top, wide * 0.9, 0), style, 1, apart=0.4)
            top += style.leading
        top += 2 * style.leading
    pen = Pen(page, [Frame(area.left, top, area.width, page.height - 40)])
    paragraph(pen, prose(chance, 40), Style(size, size * 1.3))


def report(page: Composition) -> None:
    """One column with tables, points and numbered heads."""
    chance, area, style = page.chance, margins(page), body_style(page)
    furniture(page, area)
    pen = Pen(page, [area])
    while pen.room() > 12 * style.leading:
        match chance.randint(0, 3):
            case 0:
                base = (pen.base or area.top) + 2 * style.leading
                at = Frame(area.left, base, area.width, pen.base or area.top)
                end = cells(page, at, style, rows=min(chance.randint(3, 14), int(pen.room() / style.leading / 2.2)))
                pen.base = end + style.leading
            case 1:
                bullets(page, pen, style, chance.randint(2, 5), longest=25)
            case _:
                paragraph(pen, prose(chance, chance.randint(20, 90)), style)
        pen.skip(style.leading)


def contents(page: Composition) -> None:
    """Titles at the left, page numbers at the right."""
    chance, area = page.chance, margins(page)
    size = chance.uniform(22, 30)
    top = heading(page, area, size * 1.8) + 2 * size
    for row in range(chance.randint(8, 30)):
        base, level = top + row * size * 1.6, chance.choice((0, 0, 1))
        page.begin()
        left = area.left + level * 2 * size
        if chance.random() < 0.8:
            page.text(left, base, f"{row // 4 + 1}.{row % 4 + 1}", size)
        page.text(left + 2.5 * size, base, phrase(chance, 2, 7), size)
        page.right(area.left + area.width, base, str(3 + row * 4), size)


def turned_table(page: Composition) -> None:
    """A table that lies on its side, a level number below."""
    inner = Composition(page.chance, page.height, page.width)
    inner.begin()
    inner.text(150, 150, "Table 3. " + phrase(page.chance, 4, 8), 24)
    cells(inner, Frame(150, 220, 2000, 1500), Style(22, 34), rows=page.chance.randint(8, 24))
    for block in inner.flow:
        page.begin()
        for row in inner.rows:
            if row[0] in block:
                page.put([_turn_word(inner.words[number], inner.height) for number in row])
    page.write_alone(page.width / 2, page.height - 60, "17", 22)


def _turn_word(word: PlacedText, height: float) -> PlacedText:
    """`left` and `right` run down the page, `base` is counted from the right edge of the page."""
    return PlacedText(word.text, word.left, word.right, height - word.base, word.size, turned=1)
