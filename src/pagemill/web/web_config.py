"""What the web needs to be told, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pagemill.domain.memory import MIB


@dataclass(frozen=True)
class WebConfig:
    """Settings of the HTTP side.

    Attributes:
        uploads: Directory that receives documents; made when it is first needed.
        max_upload_bytes: The largest document.
        max_concurrent_uploads: Documents received at the same time.
        upload_stall_timeout: An upload of which nothing came for so long is given up.
        max_wait: Longest a `Prefer: wait=N` is honoured.
        api_keys: Bearer tokens that may use the API; none leaves it open.
        allowed_hosts: Names the service is reached by, beside IP addresses and names without a dot; "*" for any.
            Not looked at where `api_keys` are set.
        profiles: Of every engine that can be used, its profiles, the default first; shown to people.
        guard_percent: Per cent of a device's limit at which each level of the memory guard is entered; likewise.
        idle_timeout: A model set unused for so long is unloaded; likewise.
    """

    uploads: Path
    max_upload_bytes: int = 512 * MIB
    max_concurrent_uploads: int = 8
    upload_stall_timeout: timedelta = timedelta(seconds=60)
    max_wait: timedelta = timedelta(seconds=120)
    api_keys: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    profiles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    guard_percent: Mapping[str, int] = field(default_factory=dict)
    idle_timeout: timedelta = timedelta(seconds=300)
