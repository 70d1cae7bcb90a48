"""Text within XML and HTML: nothing in it can mean anything, and nothing that XML forbids is left."""

import re
from html import escape

_FORBIDDEN = re.compile(r"[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
"""What no XML document may hold, escaped or not (XML 1.0, production 2)."""


def xml_text(text: str) -> str:
    """The text as content or as the value of an attribute in double quotes; what is forbidden becomes U+FFFD."""
    return escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text), quote=True)
