"""Messages to other services about what happened, as Standard Webhooks has them (standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from pagemill.domain.errors import InvalidRequest, InvalidSettings
from pagemill.domain.text import storable

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix by which secrets are known
LEAST_SECRET_BYTES = 24
MAX_ATTEMPTS = 8
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(hours=2)
MAX_URL_LENGTH = 2048

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class WebhookFailed(Exception):
    """A message was not accepted by its receiver; no request and no task fails by this.

    Attributes:
        message: Why, as one sentence.
        retryable: Whether it may be accepted later.
    """

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        self.message = storable(message)
        super().__init__(self.message)
        self.retryable = retryable


@dataclass(frozen=True)
class Delivery:
    """A message that is to be sent now.

    Attributes:
        message_id: The same at every try, so that receivers can tell repetitions.
        body: JSON, sent byte by byte as it was signed.
        attempts: Tries, this one included.
    """

    delivery_id: int
    message_id: str
    url: str
    body: str
    attempts: int


def signing_key(secret: str) -> bytes:
    """The key within a secret `whsec_…`.

    Raises:
        InvalidSettings: It is no such secret.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidSettings(_SECRET_HELP) from error
    if not secret.startswith(SECRET_PREFIX) or len(key) < LEAST_SECRET_BYTES:
        raise InvalidSettings(_SECRET_HELP)
    return key


_SECRET_HELP = (
    f"webhooks.secret must be {SECRET_PREFIX} followed by at least {LEAST_SECRET_BYTES} random bytes in Base64; "
    f"make one: echo {SECRET_PREFIX}$(openssl rand -base64 32)"
)


def signed_headers(delivery: Delivery, *, key: bytes, timestamp: int) -> dict[str, str]:
    """The headers that say who sent the message, and when.

    Args:
        delivery: What is sent.
        key: Of `signing_key`.
        timestamp: Seconds since 1970.
    """
    content = f"{delivery.message_id}.{timestamp}.{delivery.body}".encode()
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {
        "webhook-id": delivery.message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def retry_delay(attempts: int) -> timedelta | None:
    """Wait after so many failed tries; None: give up. 5 s, 25 s, 2 min, 10 min, 52 min, 2 h, 2 h: about five hours."""
    if attempts >= MAX_ATTEMPTS:
        return None
    factor: int = 5 ** (attempts - 1)
    return min(FIRST_DELAY * factor, LONGEST_DELAY)


def check_url(url: str) -> None:
    """Refuse what can be no address of a webhook.

    Raises:
        InvalidRequest: It is no `http` or `https` URL with a host and without a password.
    """
    if not _is_usable(url):
        raise InvalidRequest("A webhook needs a URL such as https://example.com/hook, without a user or password.")


def _is_usable(url: str) -> bool:
    if len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None and has_port


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open Internet, so that nobody reaches our own network by way of us.

    Addresses of IPv4 hidden in IPv6 count as what is hidden in them.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        hidden = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            hidden = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if hidden is not None:
            return is_public(str(hidden))
    return ip.is_global and not ip.is_multicast
