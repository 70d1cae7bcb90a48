"""The one place where concrete parts are wired, started in order and stopped in the reverse order.

Each module wires one room; `application` puts the rooms together, and `http` sets the HTTP side before it.
"""

from pagemill.app.application import Application
from pagemill.app.http import http_api

__all__ = ["Application", "http_api"]
