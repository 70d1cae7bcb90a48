"""Takes a document out of a JSON body while it arrives: the document goes to the disk, the rest is small.

{"options": {…}, "base64Source": "JVBERi0x…"}  ─┬─▶ bytes of the document
                                                └─▶ {"options": {…}, "base64Source": ""}
"""

import binascii
import json
import re
from collections.abc import Collection, Mapping

from pagemill.web.problems import RequestRefused
from pagemill.web.receiving import MAX_FORM_OVERHEAD_BYTES, refused_field

_PLAIN = re.compile(rb'[^"\\]*')
_ESCAPE = re.compile(rb"\\(u[0-9a-fA-F]{4}|[^u])")
_CUT_ESCAPE = re.compile(rb"\\(u[0-9a-fA-F]{0,3})?\Z")
_WHITE = b" \t\r\n"
_ADDRESS = (b"http:", b"https:")
_LONGEST_HEAD = 256
"""The start of a data URL: its media type and parameters."""


class JsonBody:
    """Splits a JSON object with at most one document in it.

    A document is the Base64 value of a member with one of the given names, wherever it is, or a data URL. An http
    address in its place is not a document, and stays where it is.

    Args:
        names: Names of members that can be the document.

    Raises:
        RequestRefused: `malformed_body`, `body_too_large` or `invalid_request`, by `feed` and `close`.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(name.encode() for name in names)
        self._rest = bytearray()
        self._string: bytearray | None = None
        self._key = b""
        self._before = b""
        self._is_escaped = False
        self._value: _DocumentValue | None = None
        self.has_document = False

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the body; returns the next bytes of the document."""
        document = bytearray()
        at = 0
        while at < len(chunk):
            if self._value is not None:
                at = self._in_value(self._value, chunk, at, document)
            elif self._string is not None:
                at = self._in_string(self._string, chunk, at)
            else:
                at = self._between(chunk, at)
            if len(self._rest) > MAX_FORM_OVERHEAD_BYTES:
                message = f"The body may have at most {MAX_FORM_OVERHEAD_BYTES} bytes besides its document."
                raise RequestRefused("body_too_large", message, limit_bytes=MAX_FORM_OVERHEAD_BYTES)
        return bytes(document)

    def close(self) -> Mapping[str, object]:
        """The object, with an empty string in place of the document."""
        if self._value is not None or self._string is not None:
            raise _refuse_body("it ends within a string; send it again in full")
        try:
            told = json.loads(self._rest)
        except (ValueError, RecursionError) as error:
            raise _refuse_body("it is not valid JSON in UTF-8") from error
        if not isinstance(told, dict):
            raise _refuse_body("it is not a JSON object")
        return told

    def _between(self, chunk: bytes, at: int) -> int:
        quote = chunk.find(b'"', at)
        end = len(chunk) if quote < 0 else quote
        outside = chunk[at:end]
        self._rest += outside
        self._before = outside.strip(_WHITE)[-1:] or self._before
        if quote < 0:
            return end
        self._rest += b'"'
        if self._before == b":" and self._key in self._names:
            self._value = _DocumentValue(self._key.decode())
        else:
            self._string = bytearray()
        return quote + 1

    def _in_string(self, string: bytearray, chunk: bytes, at: int) -> int:
        if self._is_escaped:
            self._is_escaped = False
            string += chunk[at : at + 1]
            self._rest += chunk[at : at + 1]
            return at + 1
        found = _PLAIN.match(chunk, at)
        end = found.end() if found else at
        string += chunk[at:end]
        self._rest += chunk[at : end + 1]
        if chunk[end : end + 1] == b"\\":
            self._is_escaped = True
            string += b"\\"
        elif end < len(chunk):
            self._key, self._before, self._string = bytes(string), b'"', None
        return end + 1

    def _in_value(self, value: "_DocumentValue", chunk: bytes, at: int, document: bytearray) -> int:
        quote = chunk.find(b'"', at)
        document += value.feed(chunk[at : len(chunk) if quote < 0 else quote])
        if quote < 0:
            return len(chunk)
        document += value.close()
        if value.address:
            self._rest += json.dumps(value.address.decode(errors="replace"))[1:-1].encode()
        elif self.has_document:
            raise refused_field(value.name, "the second document in the body; send one document with each request")
        else:
            self.has_document = True
        self._rest += b'"'
        self._value, self._key, self._before = None, b"", b'"'
        return quote + 1


class _DocumentValue:
    """A string that holds a document, or the address of one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = bytearray()
        self._raw = b""
        self._encoded = bytearray()
        self._head: bytes | None = b""
        self._is_padded = False

    def feed(self, raw: bytes) -> bytes:
        """The decoded bytes of the next part of the string, which has no quotation mark."""
        return self._take(self._without_escapes(raw))

    def close(self) -> bytes:
        """The last decoded bytes."""
        if self._raw:
            raise _refuse_body("a string ends with a backslash")
        if self.address:
            return b""
        rest = b""
        if self._head is not None:
            if self._head.lower().startswith(b"data:"):
                raise self._refuse()
            head, self._head = self._head, None
            rest = self._take(head)
        if self._encoded and not self._is_padded:
            self._encoded += b"=" * (-len(self._encoded) % 4)
        return rest + self._decode(len(self._encoded))

    def _without_escapes(self, raw: bytes) -> bytes:
        if b"\\" not in raw and not self._raw:
            return raw
        raw = self._raw + raw
        cut = _CUT_ESCAPE.search(raw)
        is_cut = cut is not None and (cut.start() - len(raw[: cut.start()].rstrip(b"\\"))) % 2 == 0
        self._raw, raw = (raw[cut.start() :], raw[: cut.start()]) if cut is not None and is_cut else (b"", raw)
        try:
            return _ESCAPE.sub(lambda found: json.loads(b'"' + found[0] + b'"').encode("latin-1"), raw)
        except (ValueError, UnicodeEncodeError) as error:
            raise self._refuse() from error

    def _take(self, text: bytes) -> bytes:
        if self.address:
            self._extend_address(text)
            return b""
        if self._head is None:
            self._encoded += text.translate(None, _WHITE)
            return self._decode(len(self._encoded) // 4 * 4)
        self._head += text
        return self._leave_head(self._head)

    def _leave_head(self, head: bytes) -> bytes:
        """Once the start of the string tells what it is, go on with that."""
        start = head[:6].lower()
        if start.startswith(_ADDRESS):
            self._head = None
            self._extend_address(head)
            return b""
        if start.startswith(b"data:"):
            kind, comma, encoded = head.partition(b",")
            if len(kind) > _LONGEST_HEAD or (comma and not kind.lower().endswith(b";base64")):
                raise self._refuse()
            if not comma:
                return b""
        elif len(head) < len(b"https:"):
            return b""
        else:
            encoded = head
        self._head = None
        return self._take(encoded)

    def _extend_address(self, text: bytes) -> None:
        self.address += text
        if len(self.address) > MAX_FORM_OVERHEAD_BYTES:
            raise refused_field(self.name, "the address is too long")

    def _decode(self, length: int) -> bytes:
        encoded, self._encoded = bytes(self._encoded[:length]), self._encoded[length:]
        if not encoded:
            return b""
        if self._is_padded:
            raise self._refuse()
        self._is_padded = encoded.endswith(b"=")
        try:
            return binascii.a2b_base64(encoded, strict_mode=True)
        except binascii.Error as error:
            raise self._refuse() from error

    def _refuse(self) -> RequestRefused:
        return refused_field(self.name, "not Base64; encode the bytes of the document with the standard alphabet")


def _refuse_body(why: str) -> RequestRefused:
    return RequestRefused("malformed_body", f"The body cannot be understood: {why}.")
