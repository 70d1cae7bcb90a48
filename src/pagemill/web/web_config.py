"""The configuration of the web."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pagemill.domain.memory import MIB
from pagemill.web.timed_body import BodyRules


@dataclass(frozen=True)
class WebConfig:
    """Settings of the HTTP side.

    Attributes:
        uploads: Directory that receives documents; created on first use.
        max_upload_bytes: Size of the largest allowed document.
        max_concurrent_uploads: Documents received at the same time.
        body: How long the body of a request may take.
        uploads_per_minute: Documents that one sender may send in a minute. This machine and its proxies have no limit.
        trusted_proxies: Addresses of proxies.
        max_wait: The longest wait that `Prefer: wait=N` can ask for.
        api_keys: Bearer tokens that may use the API, besides the keys in the database; without any key, the API is
            open.
        allowed_hosts: Host names that clients may use, besides IP addresses and names without a dot that lead to this
            machine; "*" for any. Only an open API checks them.
        root_doors: Names of the doors that also answer at the root.
        has_structure: Whether layout and tables can be found.
        profiles: The profiles of every available engine, the default first; for display.
        guard_percent: Percentage of a device's limit at which each level of the memory guard begins; for display.
        idle_timeout: When an unused model set is unloaded; for display.
    """

    uploads: Path
    max_upload_bytes: int = 512 * MIB
    max_concurrent_uploads: int = 8
    body: BodyRules = field(default_factory=BodyRules)
    uploads_per_minute: int = 600
    trusted_proxies: tuple[str, ...] = ()
    max_wait: timedelta = timedelta(seconds=120)
    api_keys: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    root_doors: tuple[str, ...] = ()
    has_structure: bool = False
    profiles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    guard_percent: Mapping[str, int] = field(default_factory=dict)
    idle_timeout: timedelta = timedelta(seconds=300)
