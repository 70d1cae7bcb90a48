"""Access control: API keys, protection against web pages that misuse a browser on this machine, and large bodies."""

import ipaddress
import re
from collections.abc import Collection, Iterator, Sequence
from urllib.parse import urlsplit

from fastapi import Request

from pagemill.domain.callers import ANYONE, Caller
from pagemill.domain.errors import DatabaseUnavailable
from pagemill.tasks.access.gate import Gate
from pagemill.tasks.access.key_ring import KeyRing
from pagemill.web.access import CALLER, Endpoint, check_access, endpoint_at
from pagemill.web.dashboard_routes import is_page
from pagemill.web.key_ways import KEY_WAYS, KeyWay
from pagemill.web.own_names import OwnNames
from pagemill.web.problems import RequestRefused, nothing_at
from pagemill.web.senders import SENDER, sender_by_address

MAX_BODY_BYTES = 64 * 1024
_LENGTH = re.compile(r"[0-9]{1,9}")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Refuses requests before anything else handles them.

    Args:
        ring: Tells who has a key, and whether one is needed.
        gate: Tells what a caller may reach.
        allowed_hosts: Host names that the service accepts besides IP addresses; "*" accepts all.
        trusted: Addresses of proxies.
        names: Tells which names without a dot lead to this machine; the service accepts these, too.
    """

    def __init__(
        self,
        *,
        ring: KeyRing,
        gate: Gate,
        allowed_hosts: Collection[str],
        trusted: Collection[str],
        names: OwnNames,
    ) -> None:
        self._ring = ring
        self._gate = gate
        self._names = names
        self._trusted = frozenset(trusted)
        self._hosts = frozenset(host.lower() for host in allowed_hosts)

    async def check(self, request: Request) -> None:
        """Return if the request may pass; raise otherwise.

        Raises:
            RequestRefused: `unauthorized`, `scope_missing`, `host_not_allowed`, `cross_site_request`,
                `length_required`, `body_too_large` or `not_found`.
            NotFound: The task or batch in the path does not exist, or belongs to another caller.
            DatabaseUnavailable: The keys cannot be looked up.
        """
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        endpoint = endpoint_at(request.method, path)
        rule = endpoint.rule if endpoint is not None else None
        if rule is None or not rule.takes_documents:
            _check_body(request)
        if rule is not None and rule.any_host:
            return
        needs_key = not (rule is not None and (rule.scope is None or is_page(path, request)))
        caller = await self._caller(request, needs_key=needs_key)
        if request.method not in SAFE_METHODS:
            _check_origin(request)
        if caller is not None:
            await self._admit(request, caller, endpoint)

    async def is_current(self, request: Request) -> bool:
        """Whether the key of an admitted request is still valid."""
        caller = request.scope.get(CALLER)
        try:
            return caller is None or await self._ring.is_current(caller)
        except DatabaseUnavailable:  # new requests are refused meanwhile, but downloads under way continue
            return True

    async def _caller(self, request: Request, *, needs_key: bool) -> Caller | None:
        """Who sends the request; None if it has no valid key and needs none."""
        for token in keys_of(request):
            if (caller := await self._ring.caller_with(token)) is not None:
                request.scope[SENDER] = caller.name
                return caller
        if await self._ring.is_open():
            request.scope[SENDER] = sender_by_address(request, self._trusted)
            await self._check_host(request.headers.get("host", ""))
            return ANYONE
        if needs_key:
            raise no_valid_key(request)
        return None

    async def _admit(self, request: Request, caller: Caller, endpoint: Endpoint | None) -> None:
        request.scope[CALLER] = caller
        if endpoint is None:
            raise nothing_at(request.url.path)
        await check_access(self._gate, caller, endpoint)

    async def _check_host(self, host: str) -> None:
        """Another site can point its own name at 127.0.0.1, but not an address; names without a dot are looked up."""
        name = _host_name(host)
        if "*" in self._hosts or name in self._hosts or _is_address(name):
            return
        if name is not None and "." not in name and await self._names.lead_here(name):
            return
        message = (
            f"The service does not accept the host name {host!r}. Add it to server.allowed_hosts, or make an API key "
            "(`pagemill keys create`)."
        )
        raise RequestRefused("host_not_allowed", message)


def keys_of(request: Request) -> Iterator[str]:
    """The API keys in a request: as `Authorization: Bearer`, and in the ways of the interface that it uses."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield token.strip()
    ways: Sequence[KeyWay] = request.scope.get(KEY_WAYS, ())
    yield from filter(None, (way.find(request) for way in ways))


def no_valid_key(request: Request) -> RequestRefused:
    """The refusal of a request without a key that the service accepts."""
    ways: Sequence[KeyWay] = request.scope.get(KEY_WAYS, ())
    forms = " or ".join(f'"{form}"' for form in ("Authorization: Bearer KEY", *(way.form for way in ways)))
    message = f"Send one of the service's API keys as {forms}. Keys expire and can be revoked."
    return RequestRefused("unauthorized", message, headers={"WWW-Authenticate": 'Bearer realm="pagemill"'})


def _check_origin(request: Request) -> None:
    """A form on another site can post here. Browsers state where a request comes from; other programs do not."""
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
