"""The audit log over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from pagemill.domain.ports import AuditLog
from pagemill.web.openapi import ANYWHERE, problem_responses
from pagemill.web.paging import link_next
from pagemill.web.paths import root_of
from pagemill.wire.access_wire import AuditListWire

Before = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="The last sequence of the previous page.")]
EntryCount = Annotated[int, Query(ge=1, le=1000, description="Maximum number of entries in the answer.")]


class AuditEndpoints:
    """The endpoint for the audit log."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    def router(self) -> APIRouter:
        """The endpoint at its path."""
        router = APIRouter(tags=["service"], responses=problem_responses(*ANYWHERE, "invalid_request"))
        router.add_api_route("/audit", self.audit, summary="List uses of admin rights")
        return router

    async def audit(
        self, request: Request, response: Response, before: Before = None, limit: EntryCount = 100
    ) -> AuditListWire:
        """Who used an admin right, for what and when, newest first. Needs a key with the scope `admin`."""
        found = await self._audit.read(before=before, limit=limit + 1)
        shown, following = found[:limit], None
        if len(found) > limit:
            query = {"before": shown[-1].sequence, "limit": limit}
            following = link_next(response, f"{root_of(request)}/audit", query)
        return AuditListWire.of(shown, following=following)
