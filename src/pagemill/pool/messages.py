"""The messages between the server and a worker, and their frames.

    server ── Load · Process · Cancel · Inspect · Render · Export · Trim · Stop ─────▶ worker
    server ◀── Ready · PageStarted · PageEnded · ChunkEnded ───────────────────────── worker
    server ◀── Inspected · Made · Trimmed · Failed ────────────────────────────────── worker

One frame: two big-endian 32-bit lengths, the message as UTF-8 JSON, then raw bytes (the page that a `PageEnded` or a
`Process` carries).
"""

import struct
from dataclasses import replace
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pagemill.domain.documents import DocumentInfo
from pagemill.domain.errors import PagemillError
from pagemill.domain.text import storable_json
from pagemill.domain.text_fields import as_storable_json
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.domain.work.outcomes import PageFailed, PageNeedsOcr, PageOutcome, PageRead
from pagemill.domain.work.recognition import ChunkParams

MAX_HEAD_BYTES = 1 << 20
MAX_PAYLOAD_BYTES = 1 << 26
LENGTHS = struct.Struct(">II")


class ProtocolError(Exception):
    """What came through the pipe is not a valid message. Private to the pool: others see a lost worker."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


Password = Annotated[str | None, Field(repr=False)]
"""The password of a protected document. It never appears in a log."""


class Load(_Message):
    """Load the engine, then answer `Ready` or `Failed`; without a factory the worker is a reader.

    Attributes:
        factory: `"package.module:attribute"`, an `EngineFactory`.
        max_pixels: Pages are rendered with no more pixels than this.
        structure: Where to find the structure models, a `StructureFactory`; None loads none.
        data_limit_bytes: `RLIMIT_DATA`, set once the models are loaded; None sets no limit.
        visible_gpus: CUDA_VISIBLE_DEVICES, set before anything is loaded; None leaves it as it is.
        files: Files and folders besides the code that a worker in a sandbox may read …
        writes: … and those that it may change.
    """

    kind: Literal["load"] = "load"
    factory: str | None = None
    config: EngineConfig = EngineConfig(profile="")
    max_pixels: int = 40_000_000
    structure: str | None = None
    data_limit_bytes: int | None = None
    visible_gpus: str | None = None
    files: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    @property
    def may_see_gpus(self) -> bool:
        """Whether it may have a GPU."""
        return self.visible_gpus != ""


class _Work(_Message):
    """A request that opens a document.

    Attributes:
        room_bytes: How much more private data the worker may take (`RLIMIT_DATA`); None sets no limit.
    """

    room_bytes: int | None = None


class Process(_Work):
    """Read these pages one by one; the answers are `PageStarted`, `PageEnded` for each, and one `ChunkEnded`."""

    kind: Literal["process"] = "process"
    chunk: int
    params: ChunkParams


class Cancel(_Message):
    """Start no further page of that chunk; ignored if the chunk has ended."""

    kind: Literal["cancel"] = "cancel"
    chunk: int


class Inspect(_Work):
    """Find out what the document is: `Inspected` or `Failed`.

    Attributes:
        max_pages: Refuse a document that has more, without counting them all; None allows any number.
    """

    kind: Literal["inspect"] = "inspect"
    path: str
    max_pages: int | None = None
    password: Password = None


class Render(_Work):
    """Draw a page for people to look at: `Made` or `Failed`.

    Attributes:
        document: Path of the document.
        page: 1-based number of the page.
        dpi: Resolution of pages that have no pixels of their own.
        max_pixels: The most that the image may have.
        rotation: Degrees clockwise (0, 90, 180, 270) to turn the drawn page by.
        path: Where to put the image, complete or not at all; its folder is made.
    """

    kind: Literal["render"] = "render"
    document: str
    page: int
    dpi: int
    max_pixels: int
    rotation: int
    path: str
    password: Password = None


class Export(_Work):
    """Make a searchable PDF of a document: `Made` or `Failed`.

    Attributes:
        document: Path of the document.
        pages: Path of a file that has `Page.to_json()` of every page that was read, one per line, in page order.
        output: Where to put the PDF, complete or not at all, in a folder that exists.
        inert: Remove scripts, actions, media and embedded files from it.
    """

    kind: Literal["export"] = "export"
    document: str
    pages: str
    output: str
    password: Password = None
    inert: bool = False


class Trim(_Message):
    """Close the document, give free memory back, answer `Trimmed`."""

    kind: Literal["trim"] = "trim"


class Stop(_Message):
    """Finish the current page, close the models, exit."""

    kind: Literal["stop"] = "stop"


class Ready(_Message):
    """The models are loaded."""

    kind: Literal["ready"] = "ready"
    rss_bytes: int


class PageStarted(_Message):
    """From now on, a death is blamed on this page."""

    kind: Literal["page_started"] = "page_started"
    number: int


class PageEnded(_Message):
    """A page's outcome. The payload of a `PageRead` travels as the frame's raw part."""

    kind: Literal["page_ended"] = "page_ended"
    outcome: PageRead | PageNeedsOcr | PageFailed


class ChunkEnded(_Message):
    """No further page of that chunk will be read.

    Attributes:
        exhausted: An allocation failed; what follows in this process would fail too.
    """

    kind: Literal["chunk_ended"] = "chunk_ended"
    chunk: int
    exhausted: bool = False


class Inspected(_Message):
    """What the document is."""

    kind: Literal["inspected"] = "inspected"
    info: DocumentInfo


class Made(_Message):
    """The image or the PDF is where the request wanted it."""

    kind: Literal["made"] = "made"


class Trimmed(_Message):
    """Free memory was given back."""

    kind: Literal["trimmed"] = "trimmed"
    rss_bytes: int


class Failed(_Message):
    """A request other than `Process` raised an error, which `to_error` restores."""

    kind: Literal["failed"] = "failed"
    error: str
    message: str
    details: dict[str, str | int | float | None] = Field(default_factory=dict)

    @classmethod
    def of(cls, error: PagemillError) -> "Failed":
        """Describe an error of ours."""
        return cls(error=type(error).__name__, message=error.message, details=error.details)

    def to_error(self) -> PagemillError:
        """The error, in the class that it had in the worker; `PagemillError` if that is not known."""
        return _error_classes().get(self.error, PagemillError)(self.message, **self.details)


Opening = Inspect | Render | Export
"""A request that opens a document but reads no chunk of it."""
Request = Load | Process | Cancel | Opening | Trim | Stop
Reply = Ready | PageStarted | PageEnded | ChunkEnded | Inspected | Made | Trimmed | Failed
Answer = TypeVar("Answer", Ready, Inspected, Made, Trimmed)
"""The one reply to a request other than `Process`, unless it fails."""

_REQUESTS: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])
_REPLIES: TypeAdapter[Reply] = TypeAdapter(Annotated[Reply, Field(discriminator="kind")])


def pack(message: Request | Reply) -> bytes:
    """The message as one frame.

    Raises:
        ProtocolError: It is too long.
    """
    payload = b""
    if isinstance(message, Process):
        payload = message.params.first_reading
        message = message.model_copy(update={"params": replace(message.params, first_reading=b"")})
    if isinstance(message, PageEnded) and isinstance(message.outcome, PageRead):
        payload = message.outcome.payload
        message = PageEnded(outcome=_with_payload(message.outcome, b""))
    head = as_storable_json(message)
    check_lengths(len(head), len(payload))
    return LENGTHS.pack(len(head), len(payload)) + head + payload


def check_lengths(head: int, payload: int) -> None:
    """Refuse a frame with an impossible size.

    Raises:
        ProtocolError: A length is out of bounds.
    """
    if not 0 < head <= MAX_HEAD_BYTES or payload > MAX_PAYLOAD_BYTES:
        raise ProtocolError(f"A frame of {head} + {payload} bytes is not valid.")


def parse_request(head: bytes, payload: bytes = b"") -> Request:
    """A request from a frame's JSON and raw part.

    Raises:
        ProtocolError: It is not a valid request.
    """
    try:
        request = _REQUESTS.validate_json(head)
    except ValidationError as error:
        raise ProtocolError(f"Not a request: {len(head)} bytes") from error
    if isinstance(request, Process) and payload:
        return request.model_copy(update={"params": replace(request.params, first_reading=payload)})
    return request


def parse_reply(head: bytes, payload: bytes) -> Reply:
    """A reply from a frame's JSON and raw part, with all their texts passed through `make_storable`.

    Raises:
        ProtocolError: It is not a valid reply.
    """
    try:
        reply, payload = _REPLIES.validate_json(storable_json(head)), storable_json(payload)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"Not a reply: {head[:80]!r}") from error
    if isinstance(reply, PageEnded):
        return PageEnded(outcome=_with_payload(reply.outcome, payload))
    return reply


def _with_payload(outcome: PageOutcome, payload: bytes) -> PageOutcome:
    if not isinstance(outcome, PageRead):
        return outcome
    return replace(outcome, payload=payload)


def _error_classes() -> dict[str, type[PagemillError]]:
    found: dict[str, type[PagemillError]] = {}
    waiting = [PagemillError]
    while waiting:
        error = waiting.pop()
        found[error.__name__] = error
        waiting.extend(error.__subclasses__())
    return found
