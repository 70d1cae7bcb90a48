"""Text within XML and HTML, escaped, and without characters that XML forbids."""

import re
from collections.abc import Iterable
from html import escape

from pagemill.domain.page.direction import runs_from_right

_FORBIDDEN = re.compile(r"[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
"""Characters that XML forbids, escaped or not (XML 1.0, production 2)."""


def xml_text(text: str) -> str:
    """The text as content or as an attribute value in double quotes; forbidden characters become U+FFFD."""
    return escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text), quote=True)


def direction_attribute(texts: Iterable[str]) -> str:
    """The attribute `dir` for text that runs from right to left, after a space; empty for other text."""
    return ' dir="rtl"' if runs_from_right(texts) else ""
