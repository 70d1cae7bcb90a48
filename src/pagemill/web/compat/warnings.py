"""Tells clients which of their options have no effect here."""

import logging
import re
from collections.abc import Iterable

from fastapi import Request, Response

from pagemill.web.problems import request_id

logger = logging.getLogger(__name__)

HEADER = "Pagemill-Warning"
_LONGEST_NAME = 64
_MOST_NAMES = 20
_NO_NAME = re.compile(r"[^A-Za-z0-9_.\-\[\]=]+")


def warn(request: Request, response: Response, ignored: Iterable[str]) -> None:
    """Name the ignored options in a header of the response, and in the log."""
    sentence = sentence_about(ignored)
    if sentence:
        logger.info("request %s: %s", request_id(request), sentence)
        response.headers[HEADER] = sentence


def sentence_about(ignored: Iterable[str]) -> str:
    """One sentence that names the ignored options; "" if there are none."""
    names = sorted({_NO_NAME.sub("?", name)[:_LONGEST_NAME] for name in ignored})
    more = ", ..." if len(names) > _MOST_NAMES else ""
    return f"Options without effect: {', '.join(names[:_MOST_NAMES])}{more}" if names else ""
