"""Lists in pages."""

from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import Response


def link_next(response: Response, path: str, query: Mapping[str, object]) -> str:
    """The URL of the next page; it also sets the Link header."""
    wanted = {name: value for name, value in query.items() if value is not None}
    following = f"{path}?{urlencode(wanted, doseq=True)}"
    response.headers["Link"] = f'<{following}>; rel="next"'
    return following
