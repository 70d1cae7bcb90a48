"""Parses server-sent events (HTML standard) piece by piece. Does no I/O itself."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Message:
    """One message. `id` is that of the last message that had one."""

    id: str
    event: str
    data: str


class EventStreamReader:
    """Turns the bytes of a stream, in any pieces, into messages."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._id = ""
        self._event = ""
        self._data: list[str] = []
        self._at_start = True

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The messages that are complete with these bytes."""
        text = self._rest + self._decoder.decode(chunk)
        if self._at_start and text:
            text, self._at_start = text.removeprefix("\ufeff"), False
        # a carriage return at the end may be the first half of a line end
        held = text.endswith("\r")
        lines = _LINE_END.split(text[:-1] if held else text)
        self._rest = lines.pop() + ("\r" if held else "")
        for line in lines:
            yield from self._line(line)

    def _line(self, line: str) -> Iterator[Message]:
        if not line:
            yield from self._end()
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = value
            case _:
                pass  # a comment, a retry time, or a field that only newer readers know

    def _end(self) -> Iterator[Message]:
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        if data:
            yield Message(self._id, event, "\n".join(data))
