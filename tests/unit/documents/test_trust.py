"""When a text layer stands for its page."""

from dataclasses import replace

import pytest

from pagemill.documents.trust import LayerFacts, distrust

DIGITAL = LayerFacts(characters=2000, alphanumeric=1800, objects=60)
SCAN = LayerFacts(characters=0, image_coverage=1.0, objects=1)


@pytest.mark.parametrize(
    "facts",
    [
        DIGITAL,
        LayerFacts(characters=0),
        replace(DIGITAL, image_coverage=0.9),
        replace(DIGITAL, faulty=200, unmapped_share=0.3),
        LayerFacts(characters=5, alphanumeric=5, objects=1),
        LayerFacts(characters=900, alphanumeric=100, fillers=700, objects=9),
        replace(SCAN, characters=400, alphanumeric=350, hidden_share=1.0, objects=30),
        replace(SCAN, characters=30, alphanumeric=30, hidden_share=1.0, objects=30),
    ],
    ids=[
        "digital",
        "blank",
        "background picture",
        "a few odd glyphs",
        "page number only",
        "leaders",
        "recognised scan",
        "scan with few words",
    ],
)
def test_trusted(facts: LayerFacts) -> None:
    assert distrust(facts) is None


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (SCAN, "no text layer"),
        (LayerFacts(characters=0, paths=900, objects=900), "no text layer"),
        (replace(DIGITAL, faulty=201), "fonts"),
        (replace(DIGITAL, unmapped_share=0.31), "fonts"),
        (replace(DIGITAL, alphanumeric=500), "hardly any letters"),
        (replace(SCAN, characters=60, alphanumeric=60, objects=5), "scan"),
        (replace(SCAN, characters=40, alphanumeric=40, hidden_share=0.5, objects=5), "scan"),
        (LayerFacts(characters=9, alphanumeric=9, paths=80, objects=81), "drawing"),
        (LayerFacts(characters=9, alphanumeric=9, image_coverage=0.2, objects=2), "drawing"),
    ],
)
def test_distrusted_with_the_reason(facts: LayerFacts, why: str) -> None:
    assert why in (distrust(facts) or "")
