"""Engines over HTTP."""

from dataclasses import replace

from fastapi import APIRouter

from pagemill.domain.text import without_paths
from pagemill.tasks.engine_reader import EngineReader
from pagemill.web.openapi import ANYWHERE, problem_responses
from pagemill.wire.engine_wire import EngineListWire


class EngineEndpoints:
    """The endpoint for engines."""

    def __init__(self, reads: EngineReader) -> None:
        self._reads = reads

    def router(self) -> APIRouter:
        """The endpoint at its path."""
        router = APIRouter(tags=["service"], responses=problem_responses(*ANYWHERE))
        router.add_api_route("/engines", self.engines, summary="List engines")
        return router

    async def engines(self) -> EngineListWire:
        """Name, version, languages, devices, memory and load time of each engine, and why an engine is unavailable."""
        known = self._reads.engines()
        return EngineListWire.of([replace(each, unusable=without_paths(each.unusable)) for each in known])
