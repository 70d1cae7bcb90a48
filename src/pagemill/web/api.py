"""Builds the HTTP API."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI

from pagemill.domain.task.results import ResultWriter
from pagemill.tasks.access import Access
from pagemill.tasks.access.gate import Gate
from pagemill.tasks.access.key_ring import KeyRing
from pagemill.tasks.batch_manager import DocumentBatchManager
from pagemill.tasks.engine_reader import EngineReader
from pagemill.tasks.manager import TaskManager
from pagemill.tasks.progress.event_feed import EventFeed
from pagemill.tasks.results.page_views import PageViews
from pagemill.tasks.results.result_files import ResultFiles
from pagemill.tasks.task_reader import TaskReader
from pagemill.version import __version__
from pagemill.web.access import check_rules
from pagemill.web.allowed import AllowedMethods
from pagemill.web.audit_endpoints import AuditEndpoints
from pagemill.web.batch_endpoints import BatchEndpoints
from pagemill.web.dashboard_routes import Dashboard
from pagemill.web.engine_endpoints import EngineEndpoints
from pagemill.web.event_endpoints import EventEndpoints
from pagemill.web.frame import RequestFrame
from pagemill.web.guards import Guard
from pagemill.web.openapi import openapi_document
from pagemill.web.own_names import OwnNames
from pagemill.web.page_endpoints import PageEndpoints
from pagemill.web.problems import install_problem_handlers
from pagemill.web.prometheus import PrometheusEndpoint
from pagemill.web.result_endpoints import ResultEndpoints
from pagemill.web.schema_endpoints import SchemaEndpoints
from pagemill.web.service import ReadinessCheck, ServiceEndpoints
from pagemill.web.status_endpoints import StatusEndpoints
from pagemill.web.task_endpoints import TaskEndpoints
from pagemill.web.uploads import UploadStore
from pagemill.web.web_config import WebConfig

DESCRIPTION = "Documents in, text out. Every error is a problem detail (RFC 9457)."


class PagemillApi(FastAPI):
    """FastAPI with an OpenAPI document that says what is really sent."""

    with_keys: Callable[[], bool] = staticmethod(lambda: False)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document; made when it is first asked for, and anew once keys are needed."""
        with_keys = self.with_keys()
        if self.openapi_schema is None or ("security" in self.openapi_schema) is not with_keys:
            self.openapi_schema = openapi_document(self, with_keys=with_keys)
        return self.openapi_schema


def create_api(
    commands: TaskManager,
    reads: TaskReader,
    *,
    batches: DocumentBatchManager,
    following: EventFeed,
    views: PageViews,
    files: ResultFiles,
    engines: EngineReader,
    writers: Mapping[str, ResultWriter],
    access: Access,
    config: WebConfig,
    checks: Mapping[str, ReadinessCheck] | None = None,
    schemas: Mapping[str, str] | None = None,
) -> FastAPI:
    """The ASGI application of the server process.

    Args:
        commands: What can be done to tasks.
        reads: What can be known of them.
        batches: What can be done to documents that are sent together.
        following: What can be told of them as it happens.
        views: What single pages read as and look like.
        files: Results that are made as a whole.
        engines: What can be known of engines.
        writers: Forms of results by name, the default first; every look-up makes a writer for one result.
        access: Keys, owners and the audit log.
        config: Limits, keys and names.
        checks: What must work for `/readyz` to say so, by name; each raises where its part does not.
        schemas: JSON Schemas to be published, by name.
    """
    ring = KeyRing(access.keys, access.clock, fixed=config.api_keys)
    api = _bare_api(with_keys=lambda: ring.is_closed)
    dashboard = Dashboard()
    uploads = UploadStore(
        config.uploads,
        max_bytes=config.max_upload_bytes,
        max_concurrent=config.max_concurrent_uploads,
        per_minute=config.uploads_per_minute,
    )
    routers = (
        ServiceEndpoints(checks or {}, page=dashboard.page).router(),
        dashboard.router(),
        SchemaEndpoints(schemas or {}).router(),
        PrometheusEndpoint(reads, uploads).router(),
        AuditEndpoints(access.audit).router(),
        EventEndpoints(reads, following).router(),
        BatchEndpoints(batches, uploads=uploads).router(),
        StatusEndpoints(reads, writers=writers, config=config).router(),
        EngineEndpoints(engines).router(),
        PageEndpoints(views).router(),
        TaskEndpoints(commands, reads, uploads=uploads, config=config).router(),
        ResultEndpoints(reads, writers=writers, files=files).router(),
    )
    check_rules(routers)
    for router in routers:
        api.include_router(router)
    install_problem_handlers(api, AllowedMethods(routers))
    guard = Guard(
        ring=ring,
        gate=Gate(access.owners, access.audit),
        allowed_hosts=config.allowed_hosts,
        trusted=config.trusted_proxies,
        names=OwnNames(),
    )
    api.add_middleware(RequestFrame, guard=guard, body=config.body)
    return api


def _bare_api(*, with_keys: Callable[[], bool]) -> PagemillApi:
    """Without endpoints."""
    # the interactive pages of the framework load scripts from another host; an offline service has its own
    api = PagemillApi(
        title="Pagemill",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    api.with_keys = with_keys
    return api
