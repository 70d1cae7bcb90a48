"""Pages of many kinds, composed by chance."""

import random
from collections.abc import Callable

from benchmarks import layout_forms as forms
from benchmarks import layout_pages as pages
from benchmarks.layouts import Composition

KINDS: dict[str, Callable[[Composition], None]] = {
    "paper": pages.paper,
    "newspaper": pages.newspaper,
    "magazine": pages.magazine,
    "book": pages.book,
    "bands of columns": pages.draw_mixed,
    "dictionary": pages.dictionary,
    "index": pages.index,
    "slide": pages.slides,
    "leaflet": pages.leaflet,
    "exam": pages.exam,
    "letter": forms.letter,
    "invoice": forms.invoice,
    "receipt": forms.receipt,
    "form": forms.form,
    "report": forms.report,
    "contents": forms.contents,
    "turned table": forms.turned_table,
}


_WEIGHTS = {"paper": 4, "newspaper": 4, "magazine": 4, "bands of columns": 2, "report": 2}


def compose_page(seed: int) -> tuple[str, Composition]:
    """The page of a seed, and its kind."""
    chance = random.Random(seed)  # noqa: S311 - test pages, not secrets
    name = chance.choice([kind for kind in KINDS for _ in range(_WEIGHTS.get(kind, 1))])
    page = Composition(chance)
    KINDS[name](page)
    page.flow = [block for block in page.flow if block]
    page.floats = [block for block in page.floats if block]
    return name, page
