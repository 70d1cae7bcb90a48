"""The application on its own event loop, in its own thread, for callers with or without an event loop.

caller's thread                      background thread
Session.ocr ── coroutine ──────────▶ event loop ── Application ── workers
Pages       ◀─ pages, as bytes ─────
"""

import asyncio
import atexit
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pagemill.app import Application
from pagemill.domain.errors import PagemillError
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.library.local import local_application
from pagemill.settings import Settings

T = TypeVar("T")
CLOSED = "The session is closed; open a new one to read more."
END_SECONDS = 20.0
"""Longest wait for the end: a hanging page gets ten seconds; workers end with this process in any case."""


class Background:
    """Starts at once; ends when it is closed or garbage-collected.

    Raises:
        PagemillError: It cannot start.
    """

    def __init__(self, settings: Settings, engines: Mapping[str, EngineSpec] | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pagemill-"))
        running = _Running(settings, self.folder, engines)
        self._running = running
        self._end = weakref.finalize(self, running.end)
        _at_exit(weakref.WeakMethod(running.end))
        running.thread.start()
        self.application = running.started.result()

    def call(self, work: Coroutine[object, object, T]) -> T:
        """Run the coroutine in the background, and return its result.

        Raises:
            PagemillError: This was closed, before or meanwhile.
        """
        try:
            return self.begin(work).result()
        except CancelledError as error:
            raise PagemillError(CLOSED) from error

    def begin(self, work: Coroutine[object, object, T]) -> "Future[T]":
        """Start the coroutine in the background.

        Raises:
            PagemillError: This was closed.
        """
        return self._running.begin(work)

    def end_after(self, work: "Future[T]") -> None:
        """Stop in the background once this is done."""
        running = self._running  # without a reference that would keep us alive
        work.add_done_callback(lambda _: running.stop())

    def close(self) -> None:
        """Stop all work and delete its files; closing twice is not an error."""
        self._end()


def _at_exit(end: "weakref.WeakMethod[Callable[[], None]]") -> None:
    """Register its end for the moment before the interpreter stops the threads that it needs; `atexit` comes later."""
    register: Callable[[Callable[[], None]], object] = getattr(threading, "_register_atexit", atexit.register)

    def end_if_there() -> None:
        method = end()
        if method is not None:
            method()

    register(end_if_there)


class _Running:
    """The state of the thread; it does not refer to its owner, so that it does not keep the owner alive."""

    def __init__(self, settings: Settings, folder: Path, engines: Mapping[str, EngineSpec] | None) -> None:
        self._settings = settings
        self._folder = folder
        self._engines = engines
        self._turn = threading.Lock()
        self._is_stopping = False
        self._is_over = asyncio.Event()
        self.loop: asyncio.AbstractEventLoop
        self.started: Future[Application] = Future()
        self.thread = threading.Thread(target=self._run, name="pagemill", daemon=True)

    def begin(self, work: Coroutine[object, object, T]) -> "Future[T]":
        """Start the coroutine, but not after the stop, because the loop may end without running it."""
        with self._turn, suppress(RuntimeError):  # the loop may be closed already
            if not self._is_stopping:
                return asyncio.run_coroutine_threadsafe(work, self.loop)
        work.close()
        raise PagemillError(CLOSED)

    def stop(self) -> None:
        """Start to stop."""
        with self._turn, suppress(RuntimeError):  # the loop may be closed already
            self._is_stopping = True
            self.loop.call_soon_threadsafe(self._is_over.set)

    def end(self) -> None:
        """Stop, and wait for the end; in the thread itself, do not wait."""
        self.started.exception()
        self.stop()
        if threading.current_thread() is not self.thread:
            self.thread.join(END_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - the caller that waits for the start gets the error
            if not self.started.done():
                self.started.set_exception(error)
            # otherwise the interpreter is ending and accepts no work for threads; its workers end with it
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        application = local_application(self._settings, self._folder, engines=self._engines)
        async with application.running():
            self.started.set_result(application)
            await self._is_over.wait()
