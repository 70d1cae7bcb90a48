"""The one place that wires concrete parts, starts them in order and stops them in the reverse order.

Each module wires one room; `application` joins the rooms, and `http` adds the HTTP side.
"""

from pagemill.app.application import Application
from pagemill.app.http import http_api, http_probes
from pagemill.app.site import Role

__all__ = ["Application", "Role", "http_api", "http_probes"]
