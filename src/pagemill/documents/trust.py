"""Whether a page's text layer can stand for the page, or the page is to be recognised. Pure."""

from dataclasses import dataclass

MOST_FAULTY = 0.1
MOST_UNMAPPED = 0.3
FEWEST_ALPHANUMERIC = 0.3
SCAN_COVERAGE = 0.5
PICTURE_COVERAGE = 0.1
FEWEST_HIDDEN = 30
FEWEST_OVER_SCAN = 200
FEWEST_ON_DRAWING = 20
DRAWING_PATHS = 50


@dataclass(frozen=True)
class LayerFacts:
    """What was counted on a page.

    Attributes:
        characters: Characters of the text layer, white space not counted.
        alphanumeric: Of these, letters and digits of any script.
        fillers: Of these, dots, dashes and underscores (leaders and rules, which say nothing).
        faulty: Of these, control, private-use, replacement and unassigned characters: the marks of a broken font.
        unmapped_share: Share of a sample whose code the font does not map to Unicode.
        hidden_share: Share of a sample that is drawn invisibly, as OCR programs write over a scan.
        image_coverage: Area of all images over the page's area, at most 1.
        paths: Drawn shapes.
        objects: Everything drawn, text, images and paths included.
    """

    characters: int
    alphanumeric: int = 0
    fillers: int = 0
    faulty: int = 0
    unmapped_share: float = 0.0
    hidden_share: float = 0.0
    image_coverage: float = 0.0
    paths: int = 0
    objects: int = 0


def distrust(facts: LayerFacts) -> str | None:
    """Why the text layer cannot stand for the page, as part of a sentence; None where it can.

    A page with nothing on it is trusted: there is nothing to recognise.
    """
    if facts.objects == 0:
        return None
    if facts.characters == 0:
        return "it has no text layer"
    if facts.faulty > MOST_FAULTY * facts.characters or facts.unmapped_share > MOST_UNMAPPED:
        return "its fonts do not say which letters they draw"
    if _is_gibberish(facts):
        return "its text layer has hardly any letters or digits"
    return _distrust_of_few(facts)


def _is_gibberish(facts: LayerFacts) -> bool:
    telling = facts.characters - facts.fillers
    return telling >= 50 and facts.alphanumeric < FEWEST_ALPHANUMERIC * telling


def _distrust_of_few(facts: LayerFacts) -> str | None:
    """A few visible characters over a scan are a stamp or a page number; hidden ones are an earlier recognition."""
    hidden = facts.characters * facts.hidden_share
    visible = facts.characters - hidden
    if facts.image_coverage >= SCAN_COVERAGE:
        is_enough = hidden >= FEWEST_HIDDEN or visible >= FEWEST_OVER_SCAN
        return None if is_enough else "it is a scan with little text on top"
    if facts.characters >= FEWEST_ON_DRAWING:
        return None
    has_drawing = facts.image_coverage >= PICTURE_COVERAGE or facts.paths >= DRAWING_PATHS
    return "it is a drawing or picture with little text" if has_drawing else None
