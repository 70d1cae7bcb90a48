"""Decides whether a page's text layer is trustworthy, as a whole and word by word. Pure."""

from dataclasses import dataclass

MOST_FAULTY = 0.1
MOST_UNMAPPED = 0.3
MOST_SWAPPED = 0.3
FEWEST_ALPHANUMERIC = 0.3
FEWEST_TELLING = 50


@dataclass(frozen=True)
class LayerFacts:
    """The counts of a page.

    Attributes:
        characters: Characters of the text layer, without white space.
        alphanumeric: Letters and digits of any script among them.
        fillers: Dots, dashes and underscores among them (leaders and rules, which say nothing).
        faulty: Control, private-use, replacement and unassigned characters among them: signs of a broken font.
        unmapped_share: Share of a sample whose code the font does not map to Unicode.
        swapped: Of the characters, those that look like Latin letters with their two bytes swapped.
        objects: All objects drawn on the page, including text, images and shapes.
    """

    characters: int
    alphanumeric: int = 0
    fillers: int = 0
    faulty: int = 0
    unmapped_share: float = 0.0
    swapped: int = 0
    objects: int = 0


def distrust(facts: LayerFacts) -> str | None:
    """Why no word of the text layer is trustworthy, as part of a sentence; None if they are.

    An empty page is trustworthy, because it has nothing to recognise. For content besides the text, see `sheet`.
    """
    if facts.objects == 0:
        return None
    if facts.characters == 0:
        return "it has no text layer"
    is_unmapped = facts.unmapped_share > MOST_UNMAPPED or facts.swapped > MOST_SWAPPED * facts.characters
    if is_unmapped or facts.faulty > MOST_FAULTY * facts.characters:
        return "its fonts do not say which letters they draw"
    if _is_gibberish(facts):
        return "its text layer has hardly any letters or digits"
    return None


def _is_gibberish(facts: LayerFacts) -> bool:
    telling = facts.characters - facts.fillers
    return telling >= FEWEST_TELLING and facts.alphanumeric < FEWEST_ALPHANUMERIC * telling
