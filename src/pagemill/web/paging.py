"""Lists in pages."""

from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import Response


def link_next(response: Response, path: str, query: Mapping[str, object]) -> str:
    """Set the `Link` header to the next page of a list, and return its URL."""
    wanted = {name: value for name, value in query.items() if value is not None}
    following = f"{path}?{urlencode(wanted, doseq=True)}"
    response.headers["Link"] = f'<{following}>; rel="next"'
    return following
