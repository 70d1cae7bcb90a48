"""Finds lines of a page that were probably misread, such as lines in a script that the engine lacks. Pure."""

import re

from pagemill.domain.page.page import Line, Page, PageWarning, WarningKind

LEAST_CONFIDENCE = 0.75
"""A line with less is doubtful. Of 470 lines on receipts that are read well, five had less; nearly all lines of Hebrew,
Thai and Korean that are read as Latin have 0.4 to 0.75."""

_FEWEST_LETTERS = 4
_GREEK = re.compile("[\u0370-\u03ff]")
_ACCENTS = re.compile("[\u0384-\u0390\u03aa-\u03b0\u03ca-\u03ce]")
_MANY_GREEK = 8

DOUBTFUL = "Something here looks like text and was read with little certainty."


def is_doubtful_line(line: Line) -> bool:
    """Whether the line was probably misread.

    Such lines have low confidence, or are Greek without accents: the usual models know Greek letters but lose accents.
    """
    letters = sum(letter.isalnum() for letter in line.text)
    if line.confidence is None or letters < _FEWEST_LETTERS:
        return False
    greek = len(_GREEK.findall(line.text))
    lacks_accents = greek >= _MANY_GREEK and 2 * greek > letters and not _ACCENTS.search(line.text)
    return line.confidence < LEAST_CONFIDENCE or lacks_accents


def is_doubtful(page: Page) -> bool:
    """Whether a part of the page was not read, or probably misread."""
    unread = any(warning.kind is WarningKind.UNREAD_INK for warning in page.warnings)
    return unread or any(map(is_doubtful_line, page.lines))


def warn_of_doubt(page: Page, remedy: str = "") -> Page:
    """The page with a warning for each line that was probably misread.

    Args:
        page: The page, with warnings about ink without words.
        remedy: How to get such text read, in a sentence or more; each of these warnings ends with it.
    """
    doubts = [
        PageWarning(kind=WarningKind.UNREAD_INK, message=DOUBTFUL, box=_box(line))
        for line in page.lines
        if is_doubtful_line(line) and not _has_warning(page, line)
    ]
    if not remedy:
        return page.model_copy(update={"warnings": (*page.warnings, *doubts)}) if doubts else page
    warnings = tuple(_add(remedy, warning) for warning in (*page.warnings, *doubts))
    return page.model_copy(update={"warnings": warnings})


def without_doubts(page: Page) -> Page:
    """The page without warnings about unread ink."""
    others = tuple(warning for warning in page.warnings if warning.kind is not WarningKind.UNREAD_INK)
    return page.model_copy(update={"warnings": others})


def _add(remedy: str, warning: PageWarning) -> PageWarning:
    if warning.kind is not WarningKind.UNREAD_INK:
        return warning
    return warning.model_copy(update={"message": f"{warning.message} {remedy}"})


def _has_warning(page: Page, line: Line) -> bool:
    left, top, right, bottom = _box(line)
    x, y = (left + right) / 2, (top + bottom) / 2
    boxes = (warning.box for warning in page.warnings if warning.kind is WarningKind.UNREAD_INK)
    return any(box is not None and box[0] <= x <= box[2] and box[1] <= y <= box[3] for box in boxes)


def _box(line: Line) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in line.polygon], [y for _, y in line.polygon]
    return min(xs), min(ys), max(xs), max(ys)
