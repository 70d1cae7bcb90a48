"""Request headers."""

import re

from fastapi import Request

from pagemill.domain.task.passwords import LONGEST_PASSWORD
from pagemill.web.problems import FieldProblem, RequestRefused

IDEMPOTENCY_KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
PASSWORD = "Pagemill-Password"  # noqa: S105 - its name
"""The password of a document."""

GOOD_KEY = "^[!-~]{1,255}$"
_GOOD_KEY = re.compile(GOOD_KEY)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


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


def document_password(request: Request) -> str | None:
    """The password of the document in a header, UTF-8 or Latin-1; None if there is none.

    Raises:
        RequestRefused: `invalid_request`; the message does not contain the password.
    """
    given = request.headers.get(PASSWORD, "").encode("latin-1")
    try:
        return check_password(given.decode(), field=PASSWORD)
    except UnicodeDecodeError:
        return check_password(given.decode("latin-1"), field=PASSWORD)


def check_password(given: str, *, field: str) -> str | None:
    """A password as it was given; None if it is empty.

    Raises:
        RequestRefused: `invalid_request`; the message does not contain the password.
    """
    if len(given) > LONGEST_PASSWORD or _UNSTORABLE.search(given):
        message = f"use 1 to {LONGEST_PASSWORD} characters, none of them NUL"
        raise RequestRefused.for_fields([FieldProblem(field=field, message=message)])
    return given or None
