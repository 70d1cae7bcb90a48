"""Messages to other services about events, as Standard Webhooks defines them (standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from pagemill.domain.errors import InvalidRequest, InvalidSettings, WebhookRefused
from pagemill.domain.outgoing import OutgoingRules, looks_like_a_number
from pagemill.domain.text import make_storable

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that marks secrets
LEAST_SECRET_BYTES = 24
MAX_ATTEMPTS = 8
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(hours=2)
MAX_URL_LENGTH = 2048
MAX_HOST_LENGTH = 253
LONGEST_ERROR = 500
"""Errors quote receivers, which could send long texts."""

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_AFTER_BRACKET = re.compile(r"\](?::[0-9]*)?$")
OPERATOR_CAN_ALLOW = (
    "Name a receiver on the Internet, or ask the operator to set webhooks.allow_private or webhooks.allowed_networks."
)


class WebhookFailed(Exception):
    """The receiver did not accept a message. No request and no task fails because of this.

    Attributes:
        message: Why, as one sentence of bounded length.
        retryable: Whether the receiver may accept it later.
    """

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        self.message = make_storable(message)[:LONGEST_ERROR]
        super().__init__(self.message)
        self.retryable = retryable


@dataclass(frozen=True)
class Delivery:
    """A message to send now.

    Attributes:
        message_id: The same at every attempt, so that receivers can recognise repetitions.
        body: JSON, sent byte for byte as it was signed.
        attempts: Number of attempts, including this one.
    """

    delivery_id: int
    message_id: str
    url: str
    body: str
    attempts: int


def signing_key(secret: str) -> bytes:
    """The key within a secret `whsec_…`.

    Raises:
        InvalidSettings: It is not such a secret.
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
    """The headers that prove who sent the message, and when.

    Args:
        delivery: The message.
        key: From `signing_key`.
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
    """Wait after this many failures; None: give up. 5 s, 25 s, 2 min, 10 min, 52 min, 2 h, 2 h: about five hours."""
    if attempts >= MAX_ATTEMPTS:
        return None
    factor: int = 5 ** (attempts - 1)
    return min(FIRST_DELAY * factor, LONGEST_DELAY)


def check_webhook(url: str, *, sends: bool, outgoing: OutgoingRules) -> None:
    """Refuse a webhook that this service could never deliver.

    Args:
        url: The receiver.
        sends: Whether the service sends webhooks at all.
        outgoing: Addresses it may send to.

    Raises:
        WebhookRefused: It can never deliver it; the message says what to do.
        InvalidRequest: It is not the URL of a webhook.
    """
    if not sends:
        raise WebhookRefused(
            "This service sends no webhooks. Leave out webhook_url, or ask the operator to set webhooks.secret."
        )
    check_url(url)
    host = urlsplit(url).hostname or ""
    if not outgoing.permits_host(host):
        raise WebhookRefused(f"The service does not send to {host}. {OPERATOR_CAN_ALLOW}")


def check_url(url: str) -> None:
    """Refuse a URL that cannot be a webhook's.

    Raises:
        InvalidRequest: It is not an `http` or `https` URL with a host and without a password; the message says what to
            do.
    """
    if why := _why_unusable(url):
        raise InvalidRequest(f"A webhook needs a URL such as https://example.com/hook. {why}")


def _why_unusable(url: str) -> str | None:
    if len(url) > MAX_URL_LENGTH:
        return f"This one has {len(url)} characters; the limit is {MAX_URL_LENGTH}."
    if not url.isascii() or not url.isprintable() or " " in url:
        return "Percent-encode all non-ASCII characters in the path, and write the host in Punycode (xn--…)."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "Correct the host or the port; a port is a number from 1 to 65535."
    if parts.scheme not in ("http", "https"):
        return "Begin it with https:// or http://."
    if "@" in parts.netloc:
        return "Leave out the user and the password: Pagemill signs its messages instead."
    if port == 0:
        return "Name a port from 1 to 65535, or none."
    if not _is_host(parts.hostname or "", parts.netloc):
        return "Correct the host: 1 to 63 letters, digits and hyphens between dots, or an IP address."
    return None


def _is_host(host: str, netloc: str) -> bool:
    if netloc.startswith("["):
        return _is_address(host, ipaddress.IPv6Address) and bool(_AFTER_BRACKET.search(netloc))
    labels = host.removesuffix(".").split(".")
    if looks_like_a_number(labels[-1]):
        return _is_address(host, ipaddress.IPv4Address)
    return len(host) <= MAX_HOST_LENGTH and all(map(_LABEL.fullmatch, labels))


def _is_address(host: str, kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address]) -> bool:
    try:
        kind(host)
    except ValueError:
        return False
    return "%" not in host
