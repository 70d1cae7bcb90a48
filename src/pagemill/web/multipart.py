"""Parses a multipart/form-data body piece by piece. Does no I/O itself."""

from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from pagemill.web.problems import RequestRefused

MAX_PARTS = 64


@dataclass(frozen=True)
class PartBegun:
    """A part begins. `filename` is what its sender calls it; None if it has none."""

    name: str
    filename: str | None


@dataclass(frozen=True)
class PartData:
    """The next bytes of the part that began last."""

    data: bytes


@dataclass(frozen=True)
class PartEnded:
    """The part that began last is complete."""


MultipartEvent = PartBegun | PartData | PartEnded


class MultipartReader:
    """Turns the bytes of a body into events.

    Args:
        content_type: The request's header, with the boundary.
        max_parts: The most parts a form may have.

    Raises:
        RequestRefused: `malformed_body`, here and by `feed` and `close`.
    """

    def __init__(self, content_type: str, *, max_parts: int = MAX_PARTS) -> None:
        _, parameters = parse_options_header(content_type)
        boundary = parameters.get(b"boundary", b"")
        if not boundary:
            raise _malformed_body("The Content-Type names no boundary; let your HTTP library set it.")
        self._events: list[MultipartEvent] = []
        self._header = (bytearray(), bytearray())
        self._headers: dict[str, str] = {}
        self._parts = 0
        self._max_parts = max_parts
        self._complete = False
        self._parser = self._make_parser(boundary)

    def feed(self, chunk: bytes) -> list[MultipartEvent]:
        """The events in the next bytes of the body."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed_body(f"The body is not multipart/form-data: {error}.") from error
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """End the body; refuse it if it is not complete."""
        if not self._complete:
            raise _malformed_body("The body ends before its last boundary; send it again in full.")

    def _make_parser(self, boundary: bytes) -> MultipartParser:
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": lambda data, start, end: self._events.append(PartData(data[start:end])),
                    "on_part_end": lambda: self._events.append(PartEnded()),
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise _malformed_body(f"The boundary is not valid: {error}.") from error

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > self._max_parts:
            raise _malformed_body(f"The form has more than {self._max_parts} parts.")
        self._headers = {}

    def _on_header_end(self) -> None:
        name, value = self._header
        self._headers[name.decode("latin-1").lower()] = value.decode("utf-8", "replace")
        self._header = (bytearray(), bytearray())

    def _on_headers_finished(self) -> None:
        # parse_options_header speaks Latin-1; the detour keeps UTF-8 names whole
        disposition = self._headers.get("content-disposition", "").encode().decode("latin-1")
        _, parameters = parse_options_header(disposition)
        if b"name" not in parameters:
            raise _malformed_body("A part of the form has no name.")
        filename = parameters.get(b"filename")
        self._events.append(
            PartBegun(
                parameters[b"name"].decode("utf-8", "replace"),
                None if filename is None else filename.decode("utf-8", "replace"),
            )
        )

    def _on_end(self) -> None:
        self._complete = True


def _malformed_body(message: str) -> RequestRefused:
    return RequestRefused("malformed_body", message)
