"""How much is lost under stamps and colours: `python -m benchmarks.accuracy --part stamps`.

Pages are made: stamps of several colours, angles and strengths over typed lines, light and dark letters on coloured
grounds, and letters without any paper.
"""

import io
import sys
from collections.abc import Iterator

from benchmarks.silent_errors import Case, find_errors, table
from PIL import Image
from tests.data import coloured
from tests.data.coloured import INVOICE

from pagemill import Session
from pagemill.settings_loading import load_settings

_STAMPS = {"red": coloured.RED, "blue": coloured.BLUE, "green": coloured.GREEN, "purple": coloured.PURPLE}
_GROUNDS = {
    "white on red": (coloured.WHITE, coloured.RED),
    "yellow on blue": (coloured.YELLOW, coloured.BLUE),
    "red on green": (coloured.RED, coloured.GREEN),
    "orange on purple": (coloured.ORANGE, coloured.PURPLE),
    "yellow on white": (coloured.YELLOW, coloured.WHITE),
    "white on yellow": (coloured.WHITE, coloured.YELLOW),
    "blue on purple": (coloured.BLUE, coloured.PURPLE),
}
_INKS = {"white": coloured.WHITE, "black": coloured.BLACK, "yellow": coloured.YELLOW, "blue": coloured.BLUE}


def cases() -> Iterator[Case]:
    """Every page."""
    for colour, ink in _STAMPS.items():
        for angle in (0, 17, -25):
            for opacity in (0.0, 0.65, 0.85):
                page = coloured.add_stamp(
                    coloured.page_of(INVOICE),
                    "PAID 12 MAY",
                    colour=ink,
                    angle=angle,
                    opacity=opacity,
                    middle=(470, 320),
                )
                page = coloured.grainy(page) if angle else page
                yield Case(f"{colour} stamp over text", _png(page), (*INVOICE, "PAID 12 MAY"))
    for name, (ink, ground) in _GROUNDS.items():
        page = coloured.banner("Offer valid until 31 October", ink=ink, ground=ground)
        yield Case(f"{name} ground", _png(page), (*INVOICE, "Offer valid until 31 October"))
    for name, ink in _INKS.items():
        for mode in ("RGBA", "LA", "P"):
            page = coloured.without_paper("Dark theme caption 4711", ink=ink, mode=mode)
            yield Case(f"{name} on nothing", _png(page), ("Dark theme caption 4711",))


def _png(image: Image.Image) -> bytes:
    made = io.BytesIO()
    image.save(made, "PNG")
    return made.getvalue()


def report() -> str:
    """The table."""
    with Session(load_settings()) as session:
        findings = []
        for case in cases():
            findings.append(find_errors(case, session))
            print(f"{case.name}: {findings[-1].wrong} {findings[-1].warnings}", file=sys.stderr, flush=True)
    return table(findings, title="stamps and colours")
