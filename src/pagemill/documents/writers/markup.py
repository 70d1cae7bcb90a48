"""Text within XML and HTML, escaped, and without characters that XML forbids."""

import re
from collections.abc import Iterable
from html import escape

from pagemill.domain.page.direction import has_letters_from_right, runs_from_right

_FORBIDDEN = re.compile(r"[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
"""Characters that XML forbids, escaped or not (XML 1.0, production 2)."""


def xml_text(text: str) -> str:
    """The text as content or as an attribute value in double quotes; forbidden characters become U+FFFD."""
    return escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text), quote=True)


def direction_attribute(texts: Iterable[str], *, is_within: bool = False) -> str:
    """The attribute `dir` for HTML, after a space; empty for text that runs from left to right.

    Text that runs from right to left has `rtl`. Other text with letters that do has `auto`: its first letter decides.

    Args:
        texts: The element's text.
        is_within: Whether the element is in one that has `rtl`, which it would take over.
    """
    parts = list(texts)
    if runs_from_right(parts):
        return ' dir="rtl"'
    return ' dir="auto"' if is_within or has_letters_from_right(parts) else ""


def fixed_direction_attribute(texts: Iterable[str], *, is_within: bool = False) -> str:
    """Likewise for XHTML 1.0, which lacks `auto`: text with most letters from left to right has `ltr` instead."""
    return direction_attribute(texts, is_within=is_within).replace("auto", "ltr")


def language_attribute(language: str | None) -> str:
    """The attribute `lang` for HTML, after a space; empty if the language is not known."""
    return "" if language is None else f' lang="{xml_text(language)}"'


def fixed_language_attribute(language: str | None) -> str:
    """Likewise for XHTML, where programs for XML look for `xml:lang`."""
    return "" if language is None else f'{language_attribute(language)} xml:lang="{xml_text(language)}"'
