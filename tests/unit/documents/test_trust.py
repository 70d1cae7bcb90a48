"""When no word of a text layer is trusted."""

from dataclasses import replace

import pytest

from pagemill.documents.trust import LayerFacts, distrust

DIGITAL = LayerFacts(characters=2000, alphanumeric=1800, objects=60)


@pytest.mark.parametrize(
    "facts",
    [
        DIGITAL,
        LayerFacts(characters=0),
        replace(DIGITAL, faulty=200, unmapped_share=0.3),
        LayerFacts(characters=5, alphanumeric=5, objects=1),
        LayerFacts(characters=900, alphanumeric=100, fillers=700, objects=9),
    ],
    ids=["digital", "blank", "a few odd glyphs", "page number only", "leaders"],
)
def test_trusted(facts: LayerFacts) -> None:
    assert distrust(facts) is None


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (LayerFacts(characters=0, objects=1), "no text layer"),
        (replace(DIGITAL, faulty=201), "fonts"),
        (replace(DIGITAL, unmapped_share=0.31), "fonts"),
        (replace(DIGITAL, swapped=601), "fonts"),
        (replace(DIGITAL, alphanumeric=500), "hardly any letters"),
    ],
)
def test_distrusted_with_the_reason(facts: LayerFacts, why: str) -> None:
    assert why in (distrust(facts) or "")
