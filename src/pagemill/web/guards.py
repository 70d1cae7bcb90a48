"""Access control: API keys, protection against web pages that misuse a browser on this machine, and large bodies."""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from fastapi import Request

from pagemill.web.dashboard_routes import is_public
from pagemill.web.own_names import OwnNames
from pagemill.web.problems import RequestRefused
from pagemill.web.senders import SENDER, sender_by_address

OPEN_PATHS = frozenset({"/livez", "/readyz"})
"""Probes need no key and may use any host name."""
CALLER = "pagemill.caller"
"""Key of the caller in a request's ASGI scope: a name for its API key that does not reveal the key."""
UPLOAD_PATHS = frozenset({"/tasks", "/batches"})
"""Take bodies of any length, a piece at a time; all others are read whole."""
MAX_BODY_BYTES = 64 * 1024
_LENGTH = re.compile(r"[0-9]{1,9}")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Refuses requests before anything else handles them.

    Args:
        api_keys: Bearer tokens that are let in; none lets everybody in.
        allowed_hosts: Names the service may be reached by, beside IP addresses.
        names: Tells which names without a dot lead to this machine; these are allowed, too.
    """

    def __init__(
        self, *, api_keys: Collection[str], allowed_hosts: Collection[str], trusted: Collection[str], names: OwnNames
    ) -> None:
        self._names = names
        self._trusted = frozenset(trusted)
        self._digests = tuple(_digest(key) for key in api_keys)
        self._hosts = frozenset(host.lower() for host in allowed_hosts)

    async def check(self, request: Request) -> None:
        """Let the request pass.

        Raises:
            RequestRefused: `unauthorized`, `host_not_allowed`, `cross_site_request`, `length_required` or
                `body_too_large`.
        """
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        if path not in UPLOAD_PATHS:
            _check_body(request)
        if path in OPEN_PATHS:
            return
        if self._digests and is_public(path, request):
            return
        if self._digests:
            caller = self._check_key(request.headers.get("authorization", ""))
            request.scope[CALLER] = request.scope[SENDER] = caller
        else:
            request.scope[SENDER] = sender_by_address(request, self._trusted)
            await self._check_host(request.headers.get("host", ""))
        if request.method not in SAFE_METHODS:
            _check_origin(request)

    def _check_key(self, authorization: str) -> str:
        scheme, _, token = authorization.partition(" ")
        presented = _digest(token.strip())
        matches = [hmac.compare_digest(presented, known) for known in self._digests]
        if scheme.lower() != "bearer" or not any(matches):
            message = 'Send one of the service\'s API keys as "Authorization: Bearer KEY".'
            raise RequestRefused("unauthorized", message, headers={"WWW-Authenticate": 'Bearer realm="pagemill"'})
        return f"key-{presented.hex()[:12]}"

    async def _check_host(self, host: str) -> None:
        """A page's own name can lead to 127.0.0.1, but an address is none, and names without a dot are looked up."""
        name = _host_name(host)
        if "*" in self._hosts or name in self._hosts or _is_address(name):
            return
        if name is not None and "." not in name and await self._names.lead_here(name):
            return
        message = (
            f"The service does not accept the host name {host!r}. Add it to server.allowed_hosts, or set "
            "server.api_keys."
        )
        raise RequestRefused("host_not_allowed", message)


def _check_origin(request: Request) -> None:
    """Forms of other sites reach a service without asking; browsers say where they come from, others say nothing."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        own = site in ("same-origin", "none")
    else:
        own = origin is None or origin.lower().partition("://")[2] == request.headers.get("host", "").lower()
    if not own:
        message = "Other web sites may not send this request. Send it from a program, or from the service's own pages."
        raise RequestRefused("cross_site_request", message)


def _check_body(request: Request) -> None:
    declared = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers:
        raise RequestRefused("length_required", "Send the length of the body in a Content-Length header.")
    if not _LENGTH.fullmatch(declared) or int(declared) > MAX_BODY_BYTES:
        message = f"The body may have at most {MAX_BODY_BYTES} bytes here; send documents to /tasks or /batches."
        raise RequestRefused("body_too_large", message, limit_bytes=MAX_BODY_BYTES)


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return None


def _is_address(name: str | None) -> bool:
    try:
        return bool(ipaddress.ip_address(name or ""))
    except ValueError:
        return False


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
