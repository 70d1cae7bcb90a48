"""The state of the whole service, and its setup."""

from collections.abc import Mapping

from fastapi import APIRouter, Request

from pagemill.domain.task.results import ResultWriter, result_formats
from pagemill.tasks.task_reader import TaskReader
from pagemill.version import __version__
from pagemill.web.access import caller_of
from pagemill.web.openapi import ANYWHERE, problem_responses
from pagemill.web.web_config import WebConfig
from pagemill.wire.status_wire import FormatWire, SetupWire, StatusWire


class StatusEndpoints:
    """The endpoints for the state of the service."""

    def __init__(self, reads: TaskReader, *, writers: Mapping[str, ResultWriter], config: WebConfig) -> None:
        self._reads = reads
        self._setup = SetupWire(
            version=__version__,
            formats=[
                FormatWire(name=name, media_type=writer.media_type, extension=writer.extension)
                for name, writer in result_formats(writers).items()
            ],
            profiles={engine: list(profiles) for engine, profiles in config.profiles.items()},
            max_upload_bytes=config.max_upload_bytes,
            guard_percent=dict(config.guard_percent),
            idle_timeout_s=config.idle_timeout.total_seconds(),
        )

    def router(self) -> APIRouter:
        """The endpoints at their paths."""
        router = APIRouter(tags=["service"], responses=problem_responses(*ANYWHERE))
        router.add_api_route("/status", self.status, summary="Get the status of the service")
        router.add_api_route("/setup", self.setup, summary="Get formats, engines and limits")
        return router

    async def status(self, request: Request) -> StatusWire:
        """Queue, devices, resident model sets and work done, as seen by this server.

        Single tasks, and `tasks` by status, are your own; other numbers include all callers.
        """
        return StatusWire.of(await self._reads.status(caller=caller_of(request).sees_only))

    async def setup(self, request: Request) -> SetupWire:
        """Formats, engines and limits, which do not change while the server runs, and what your key allows."""
        caller = caller_of(request)
        return self._setup.model_copy(update={"caller": caller.name, "scope": caller.scope})
