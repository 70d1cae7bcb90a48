"""All methods that a path allows; the framework names only those of one route."""

from collections.abc import Iterable

from fastapi import APIRouter
from starlette.routing import Route


class AllowedMethods:
    """Knows the methods of every path.

    Args:
        routers: The endpoints; a path without parameters takes precedence over one with them, as in routing.
    """

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        self._routes = [route for router in routers for route in router.routes if isinstance(route, Route)]

    def of(self, path: str) -> frozenset[str]:
        """The methods of a path, without the prefix under which the service is mounted."""
        matching = [route for route in self._routes if route.path_regex.match(path)]
        fewest = min((len(route.param_convertors) for route in matching), default=0)
        nearest = (route.methods or () for route in matching if len(route.param_convertors) == fewest)
        methods = frozenset().union(*nearest)
        return methods | {"HEAD"} if "GET" in methods else methods
