"""The service itself: what it offers, whether it is alive and ready, and what its problems mean."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Request, Response

from pagemill.domain.errors import NotFound
from pagemill.version import __version__
from pagemill.web.dashboard_routes import wants_page
from pagemill.web.openapi import problem_responses
from pagemill.web.problems import PROBLEMS, RequestRefused, problem_type
from pagemill.wire.task_wire import ProblemKindWire, ServiceWire, StateWire

logger = logging.getLogger(__name__)

CHECK_SECONDS = 5
_PAGE = {"text/html; charset=utf-8": {"schema": {"type": "string"}}}
ReadinessCheck = Callable[[], Awaitable[None]]
"""Raises an error if the part that it checks cannot work now."""


class ServiceEndpoints:
    """Endpoints that are not about tasks.

    Args:
        checks: What `/readyz` checks, by name.
        page: The dashboard's page.
    """

    def __init__(self, checks: Mapping[str, ReadinessCheck], *, page: Callable[[Request], Response]) -> None:
        self._checks = checks
        self._page = page

    def router(self) -> APIRouter:
        """The endpoints at their paths."""
        router = APIRouter(tags=["service"])
        router.add_api_route(
            "/", self.describe, summary="Entry point", response_model=ServiceWire, responses={200: {"content": _PAGE}}
        )
        self._add_probes(router)
        router.add_api_route(
            "/problems/{name}",
            self.problem,
            summary="Explain a kind of problem",
            responses=problem_responses("not_found"),
        )
        return router

    def probes(self) -> APIRouter:
        """The endpoints for health checks alone."""
        router = APIRouter(tags=["service"])
        self._add_probes(router)
        return router

    def _add_probes(self, router: APIRouter) -> None:
        router.add_api_route("/livez", self.live, summary="Check that the process is alive")
        router.add_api_route(
            "/readyz",
            self.ready,
            summary="Check that the service can take work",
            responses=problem_responses("not_ready"),
        )

    async def describe(self, request: Request, response: Response) -> ServiceWire | Response:
        """Name, version and links; the dashboard if you accept HTML."""
        if wants_page(request):
            return self._page(request)
        response.headers["Vary"] = "Accept"
        root = request.scope.get("root_path", "")
        paths = {
            "tasks": "/tasks",
            "metrics": "/tasks/metrics",
            "status": "/status",
            "openapi": "/openapi.json",
            "ready": "/readyz",
        }
        return ServiceWire(
            service="pagemill", version=__version__, links={name: root + path for name, path in paths.items()}
        )

    async def live(self) -> StateWire:
        """Answers while the process is alive."""
        return StateWire(status="alive")

    async def ready(self) -> StateWire:
        """Checks every part that the service needs to work."""
        for name, check in self._checks.items():
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await check()
            except Exception as error:
                logger.warning("not ready: %s", name, exc_info=error)
                message = f"Not ready: {name} is not working. See the service's log."
                raise RequestRefused("not_ready", message, retryable=True, part=name) from error
        return StateWire(status="ready")

    async def problem(self, name: str) -> ProblemKindWire:
        """One kind of problem. The `type` of a problem points here."""
        code = name.replace("-", "_")
        if code not in PROBLEMS:
            raise NotFound(f"Unknown kind of problem {name!r}.")
        status, title = PROBLEMS[code]
        return ProblemKindWire(type=problem_type(code), title=title, status=status, code=code)
