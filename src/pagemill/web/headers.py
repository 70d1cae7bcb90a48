"""Request headers."""

import re

from fastapi import Request

from pagemill.web.problems import FieldProblem, RequestRefused

IDEMPOTENCY_KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

GOOD_KEY = "^[!-~]{1,255}$"
_GOOD_KEY = re.compile(GOOD_KEY)


def idempotency_key(request: Request) -> str | None:
    """The idempotency key of a request; None if it has none.

    Raises:
        RequestRefused: `invalid_request`.
    """
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is not None and not _GOOD_KEY.fullmatch(key):
        message = "write 1 to 255 visible ASCII characters, such as a UUID"
        raise RequestRefused.for_fields([FieldProblem(field=IDEMPOTENCY_KEY, message=message)])
    return key
