"""Makes scans with hidden text of an earlier recognition: right, or with letters misread at a given rate."""

import random
from collections.abc import Sequence
from pathlib import Path

from tests.data.pdfs import PdfPageSpec, image_at, make_pdf, text_at
from tests.data.pictures import as_picture, write_lines

LETTER = (
    "The price of the flour that we had agreed on is not the same",
    "as the one in your letter of the third of May, and we would",
    "like to know which of them you think is right before we pay",
    "for what was brought to us in the first week of the month.",
    "There is also the question of the bags that were wet when",
    "they came, and of who is to pay for those which we sent back.",
)
INVOICE = ("Invoice number 2026-0417", "Harbour Bakery Ltd", "Rye flour 25 kg 148.50", "Payable 12 May 2026")
_LOOK_ALIKE = {"h": "b", "e": "c", "l": "1", "o": "0", "i": "l", "n": "u", "m": "rn", "t": "f", "5": "S", "0": "O"}


def misread(lines: Sequence[str], *, rate: float, seed: int = 1) -> tuple[str, ...]:
    """The lines as poor recognition leaves them."""
    chance = random.Random(seed)  # noqa: S311
    return tuple(
        "".join(_LOOK_ALIKE[each] if each in _LOOK_ALIKE and chance.random() < rate else each for each in line)
        for line in lines
    )


def scan_with_hidden_text(path: Path, shown: Sequence[str], hidden: Sequence[str], *, beside: str = "") -> Path:
    """A scanned page at 144 dpi with hidden lines where the shown ones are; `beside` is content that people see."""
    picture = as_picture(write_lines(shown, size=(1224, 1584), font=24))
    words = "".join(text_at(12, 792 - 12 - 24 * at - 11, line, mode=3) for at, line in enumerate(hidden))
    return make_pdf(path, [PdfPageSpec(image_at(0, 0, 612, 792) + words + beside, images=(picture,))])
