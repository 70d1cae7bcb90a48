"""Whether a page's text layer can be trusted, as a whole and word by word. Pure."""

from dataclasses import dataclass

MOST_FAULTY = 0.1
MOST_UNMAPPED = 0.3
FEWEST_ALPHANUMERIC = 0.3
FEWEST_TELLING = 50


@dataclass(frozen=True)
class LayerFacts:
    """What was counted on a page.

    Attributes:
        characters: Characters of the text layer, white space not counted.
        alphanumeric: Of these, letters and digits of any script.
        fillers: Of these, dots, dashes and underscores (leaders and rules, which say nothing).
        faulty: Of these, control, private-use, replacement and unassigned characters: the marks of a broken font.
        unmapped_share: Share of a sample whose code the font does not map to Unicode.
        objects: Everything drawn on the page, text, images and shapes included.
    """

    characters: int
    alphanumeric: int = 0
    fillers: int = 0
    faulty: int = 0
    unmapped_share: float = 0.0
    objects: int = 0


def distrust(facts: LayerFacts) -> str | None:
    """Why no word of the text layer can be trusted, as part of a sentence; None where they can.

    A page with nothing on it is trusted: there is nothing to recognise. What a page shows beside its text is another
    question: see `sheet`.
    """
    if facts.objects == 0:
        return None
    if facts.characters == 0:
        return "it has no text layer"
    if facts.faulty > MOST_FAULTY * facts.characters or facts.unmapped_share > MOST_UNMAPPED:
        return "its fonts do not say which letters they draw"
    if _is_gibberish(facts):
        return "its text layer has hardly any letters or digits"
    return None


def _is_gibberish(facts: LayerFacts) -> bool:
    telling = facts.characters - facts.fillers
    return telling >= FEWEST_TELLING and facts.alphanumeric < FEWEST_ALPHANUMERIC * telling
