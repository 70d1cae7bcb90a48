"""A worker process: `python -m pagemill.pool.child SOCKET_FD LIFELINE_FD [CONFINEMENT…]`.

    server ══ socketpair ══ listener thread ──▶ requests ──▶ main thread: one request at a time ──▶ replies
                                │
                                └─ Cancel: no further page of that chunk
    server ══ lifeline pipe ══ kernel: when the server is gone, the whole process group ends at once

It is executed, never forked. It enters its sandbox before it starts a thread, and imports an engine only when `Load`
names one. Standard output and error both go to the server's log, so a library that prints cannot break the protocol.
"""

import faulthandler
import gc
import logging
import os
import socket
import sys
import threading
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import assert_never, cast

from pagemill.domain.documents import DocumentInfo
from pagemill.domain.errors import EngineFailed, InvalidDocument, PagemillError, PageUnreadable, TaskFailureReason
from pagemill.domain.work.engine_spec import Engine, EngineConfig, EngineFactory, StructureAnalyser, StructureFactory
from pagemill.domain.work.outcomes import PageFailed, PageOutcome
from pagemill.pool import linux
from pagemill.pool.messages import (
    LENGTHS,
    Cancel,
    ChunkEnded,
    Export,
    Failed,
    Inspect,
    Inspected,
    Load,
    Made,
    Opening,
    PageEnded,
    PageStarted,
    Process,
    ProtocolError,
    Ready,
    Render,
    Reply,
    Request,
    Stop,
    Trim,
    Trimmed,
    check_lengths,
    pack,
    parse_request,
)
from pagemill.pool.page_reader import PageReader, translate_errors
from pagemill.pool.sandbox.confinement import Confinement

logger = logging.getLogger(__name__)

_READER_ALLOCATIONS = 20_000
"""New objects after which a reader collects cyclic garbage: those of a few pages."""

_NO_REQUEST = "The server sent an invalid request, or is gone"
_NO_SANDBOX = "The worker could not enter its sandbox"
_WITHOUT_SANDBOX = "Please report this. Until it is fixed, `pool.sandbox: false` runs workers without a sandbox."

Work = Load | Process | Opening | Trim


class Inbox:
    """Requests in order of arrival.

    A thread of its own listens, so that it sees `Cancel` while the main thread computes.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waiting: SimpleQueue[Work | Stop] = SimpleQueue()
        self._cancelled = -1
        self._stopping = False

    def receive_first(self) -> Request:
        """Wait for the first request on this thread; `next` returns it again."""
        try:
            self._take(request := self._receive())
        except (EOFError, OSError, ProtocolError):
            logger.exception(_NO_REQUEST)
            os._exit(1)
        return request

    def listen(self) -> None:
        """Start to listen."""
        threading.Thread(target=self._listen, name="listener", daemon=True).start()

    def wait_for_next(self) -> Work | Stop:
        """Wait for the next request."""
        return self._waiting.get()

    def is_called_off(self, chunk: int) -> bool:
        """Whether to start no further page of the chunk."""
        return self._stopping or self._cancelled >= chunk

    def _listen(self) -> None:
        try:
            while True:
                self._take(self._receive())
        except (EOFError, OSError, ProtocolError):
            logger.exception(_NO_REQUEST)
            os._exit(1)

    def _take(self, request: Request) -> None:
        if isinstance(request, Cancel):
            self._cancelled = request.chunk
            return
        self._stopping = self._stopping or isinstance(request, Stop)
        self._waiting.put(request)

    def _receive(self) -> Request:
        head, payload = LENGTHS.unpack(self._receive_exactly(LENGTHS.size))
        check_lengths(head, payload)
        return parse_request(self._receive_exactly(head), self._receive_exactly(payload))

    def _receive_exactly(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            part = self._connection.recv(size - len(received))
            if not part:
                raise EOFError
            received += part
        return bytes(received)


class Child:
    """Serves one request after the other on the main thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._inbox = Inbox(connection)
        self._reader: PageReader | None = None

    def run(self, confinement: Confinement | None = None) -> None:
        """Serve until `Stop`, confined to what the first request needs."""
        if confinement is not None:
            self._confine(confinement, self._inbox.receive_first())
        self._inbox.listen()
        while not isinstance(request := self._inbox.wait_for_next(), Stop):
            try:
                self._serve(request)
            except PagemillError as error:
                self._send(Failed.of(error))
        if self._reader is not None:
            self._reader.close()

    def _confine(self, confinement: Confinement, first: Request) -> None:
        """Enter the sandbox while there is one thread: Landlock binds only that thread and those it starts."""
        load = first if isinstance(first, Load) else Load(visible_gpus="")
        try:
            confinement.apply(files=load.files, writes=load.writes, has_gpu=load.may_see_gpus)
        except OSError as error:
            logger.exception(_NO_SANDBOX)
            self._send(Failed.of(EngineFailed(f"{_NO_SANDBOX} ({error}). {_WITHOUT_SANDBOX}")))
            os._exit(1)

    def _serve(self, request: Work) -> None:
        room_bytes = None if isinstance(request, Load | Trim) else request.room_bytes
        linux.reset_peak()
        with linux.data_room(room_bytes):
            self._do(request)

    def _do(self, request: Work) -> None:
        match request:
            case Load():
                self._reader = _load(request)
                self._send(Ready(rss_bytes=linux.rss_bytes()))
            case Process():
                self._process(request)
            case Inspect():
                self._send(Inspected(info=_inspect(self._loaded, request)))
            case Render():
                _render(self._loaded, request)
                self._send(Made())
            case Export():
                _export(request)
                self._send(Made())
            case Trim():
                self._loaded.trim()
                self._send(Trimmed(rss_bytes=linux.rss_bytes()))
            case _:
                assert_never(request)

    @property
    def _loaded(self) -> PageReader:
        if self._reader is None:
            raise EngineFailed("The worker got work before it loaded anything.")
        return self._reader

    def _process(self, request: Process) -> None:
        exhausted = False
        for number in request.params.pages:
            if self._inbox.is_called_off(request.chunk):
                break
            self._send(PageStarted(number=number))
            outcome = self._loaded.read(number, request.params)
            self._send(PageEnded(outcome=outcome))
            if exhausted := _is_exhausted(outcome):
                break
        self._send(ChunkEnded(chunk=request.chunk, exhausted=exhausted))

    def _send(self, reply: Reply) -> None:
        self._connection.sendall(pack(reply))


def _is_exhausted(outcome: PageOutcome) -> bool:
    return isinstance(outcome, PageFailed) and outcome.reason is TaskFailureReason.OUT_OF_MEMORY


def _load(request: Load) -> PageReader:
    from pagemill.documents.opening import open_document

    if request.visible_gpus is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = request.visible_gpus
    engine = None if request.factory is None else _make_engine(request.factory, request.config)
    threads = request.config.threads
    structure = None if request.structure is None else _make_structure(request.structure, threads=threads)
    with translate_errors(EngineFailed("The libraries of the engine could not be loaded. The worker's log says why.")):
        reader = PageReader(engine, structure=structure, max_pixels=request.max_pixels, open_document=open_document)
    if request.data_limit_bytes is not None:
        linux.limit_data(request.data_limit_bytes)
    _spare_collections(is_reader=engine is None)
    return reader


def _spare_collections(*, is_reader: bool) -> None:
    """Keep loaded code out of the search for cyclic garbage, which took a quarter of a reader's time.

    A reader's pages are many small objects without cycles, so it searches less often, too.
    """
    gc.freeze()
    if is_reader:
        gc.set_threshold(_READER_ALLOCATIONS, 10, 10)


def _make_engine(factory: str, config: EngineConfig) -> Engine:
    with translate_errors(EngineFailed(f"The engine {factory} could not be loaded. The worker's log says why.")):
        return cast("EngineFactory", _find_factory(factory))(config)


def _make_structure(factory: str, *, threads: int) -> StructureAnalyser:
    with translate_errors(EngineFailed("The structure models could not be loaded. The worker's log says why.")):
        return cast("StructureFactory", _find_factory(factory))(threads=threads)


def _find_factory(factory: str) -> object:
    module, _, attribute = factory.partition(":")
    return getattr(import_module(module), attribute)


def _inspect(reader: PageReader, request: Inspect) -> DocumentInfo:
    with translate_errors(InvalidDocument("The document cannot be opened: its data is damaged.")):
        return reader.inspect(request.path, max_pages=request.max_pages, password=request.password)


def _render(reader: PageReader, request: Render) -> None:
    from pagemill.documents.previews import write_preview

    with translate_errors(PageUnreadable("The page cannot be drawn: its data is damaged.")):
        image = reader.image(
            request.document,
            request.page,
            dpi=request.dpi,
            max_pixels=request.max_pixels,
            password=request.password,
        )
        write_preview(image, Path(request.path), rotation=request.rotation)


def _export(request: Export) -> None:
    from pagemill.documents.searchable import read_pages, write_searchable_pdf

    with translate_errors(InvalidDocument("No PDF can be made of the document: its data is damaged.")):
        pages, output = read_pages(Path(request.pages)), Path(request.output)
        write_searchable_pdf(Path(request.document), pages, output, password=request.password, inert=request.inert)


def main(arguments: list[str]) -> None:
    """Become a worker.

    Args:
        arguments: The file descriptors of the socket and of the lifeline, then those of the `Confinement`, if any.
    """
    linux.prefer_for_oom_kill()
    linux.tie_group_to(int(arguments[1]))
    faulthandler.enable()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    Child(socket.socket(fileno=int(arguments[0]))).run(Confinement.from_arguments(arguments[2:]))
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
