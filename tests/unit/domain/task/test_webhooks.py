import base64
from datetime import timedelta

import pytest

from pagemill.domain.errors import InvalidRequest, InvalidSettings
from pagemill.domain.outgoing import OutgoingRules
from pagemill.domain.task.webhooks import (
    MAX_ATTEMPTS,
    Delivery,
    check_url,
    check_webhook,
    retry_delay,
    signed_headers,
    signing_key,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the standard's own example


def test_messages_are_signed_as_the_standards_own_example() -> None:
    delivery = Delivery(1, "msg_p5jXN8AQM9LWM0D4loKWxJek", "https://a.example", '{"test": 2432232314}', attempts=1)
    assert signed_headers(delivery, key=signing_key(SECRET), timestamp=1614265330) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    "secret", ["", SECRET.removeprefix("whsec_"), "whsec_", "whsec_???", "whsec_" + base64.b64encode(b"short").decode()]
)
def test_a_secret_that_protects_nothing_is_refused(secret: str) -> None:
    with pytest.raises(InvalidSettings, match="openssl rand"):
        signing_key(secret)


def test_tries_come_further_apart_and_end() -> None:
    delays = [retry_delay(attempts) for attempts in range(1, MAX_ATTEMPTS + 2)]
    assert delays[:3] == [timedelta(seconds=5), timedelta(seconds=25), timedelta(seconds=125)]
    assert delays[MAX_ATTEMPTS - 1 :] == [None, None]
    known = [delay for delay in delays if delay is not None]
    assert known == sorted(known)
    assert timedelta(hours=4) < sum(known, timedelta()) < timedelta(hours=6)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/x?y=1",
        "http://127.0.0.1:8080",
        "https://[::1]/",
        "HTTPS://A.example",
        "https://xn--strae-oqa.example./@",
        "http://my_service:8000",
        "https://" + ".".join(["a" * 63] * 3),
    ],
)
def test_usable_urls(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "file:///etc/passwd",
        "gopher://a.example",
        "https://",
        "https://u@a.example",
        "https://u:p@a.example",
        "https://a.example:0",
        "https://a.example:70000",
        "https://[::1",
        "https://a.example/\r\nX: y",
        "https://a.example\\@b.example/",
        "https://@a.example",
        "https://a..example",
        "https://.a.example",
        "https://a.example..",
        "https://-a.example",
        "https://a-.example",
        "https://a,b",
        "https://a%2eb",
        "https://" + "a" * 64 + ".example",
        "https://" + ".".join(["a" * 63] * 4),
        "https://999.1.1.1",
        "https://1.2.3",
        "https://a.9",
        "https://[::1%25eth0]/",
        "https://[127.0.0.1]/",
        "https://[::1]a/",
        "https://ä.example",
        "https://a.example/" + "x" * 2048,
    ],
)
def test_unusable_urls(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"such as https://example\.com/hook\. \w.*\."):
        check_url(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "[fd00::1]", "[::1]", "localhost", "a.localhost"])
def test_what_is_known_to_lead_into_our_own_network_is_refused_at_the_door(host: str) -> None:
    with pytest.raises(InvalidRequest, match=r"webhooks\.allow_private"):
        check_webhook(f"https://{host}/", sends=True, outgoing=OutgoingRules())
    check_webhook(f"https://{host}/", sends=True, outgoing=OutgoingRules(allow_private=True))


@pytest.mark.parametrize("allow_private", [True, False])
def test_the_rest_of_what_the_door_asks(*, allow_private: bool) -> None:
    for url in ("https://a.example/", "https://1.1.1.1/", "https://intranet/"):
        check_webhook(url, sends=True, outgoing=OutgoingRules(allow_private=allow_private))
        with pytest.raises(InvalidRequest, match=r"webhooks\.secret"):
            check_webhook(url, sends=False, outgoing=OutgoingRules(allow_private=allow_private))
    with pytest.raises(InvalidRequest, match="such as"):
        check_webhook("ftp://a.example", sends=True, outgoing=OutgoingRules(allow_private=allow_private))
