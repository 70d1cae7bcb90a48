"""JSON Schemas of results."""

from collections.abc import Mapping

from fastapi import APIRouter, Response

from pagemill.domain.errors import NotFound
from pagemill.web.openapi import ANYWHERE, problem_responses

MEDIA_TYPE = "application/schema+json"


class SchemaEndpoints:
    """Publishes schemas.

    Args:
        schemas: Their text by name.
    """

    def __init__(self, schemas: Mapping[str, str]) -> None:
        self._schemas = schemas

    def router(self) -> APIRouter:
        """The endpoint at its path."""
        router = APIRouter(tags=["service"])
        router.add_api_route(
            "/schemas/{name}.json",
            self.schema,
            summary="Get a JSON schema",
            response_class=Response,
            responses={
                200: {"content": {MEDIA_TYPE: {"schema": {"type": "object"}}}},
                **problem_responses(*ANYWHERE, "not_found"),
            },
        )
        return router

    async def schema(self, name: str) -> Response:
        """A JSON Schema (2020-12). `result` describes results in JSON, whose member `schema` names its version."""
        if name not in self._schemas:
            raise NotFound(f"Unknown schema {name}. Use one of: {', '.join(self._schemas) or 'none'}.")
        return Response(self._schemas[name], media_type=MEDIA_TYPE)
