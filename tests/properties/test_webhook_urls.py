"""What the door accepts as the URL of a webhook can be sent to: door and sender agree."""

from urllib.parse import urlsplit

import httpx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pagemill.domain.errors import InvalidRequest
from pagemill.domain.task.webhooks import check_url

PIECES = [
    "a",
    "xn--a",
    "xn--strae-oqa",
    "1",
    "0x7f",
    "999",
    "-",
    "_",
    ".",
    "..",
    "[",
    "]",
    "::1",
    "%25",
    "@",
    ":",
    "80",
]
REST = [
    "/",
    "?",
    "#",
    "\\",
    "%",
    "%zz",
    "{",
    "|",
    '"',
    "<",
    "é",
    " ",
    "\t",
    "\0",
    "a",
    "//",
    "..",
    ":0",
    ":99999",
    "@b",
]
urls = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTP://", "http:/", "ftp://", ""]),
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
    st.sampled_from(["", ":", ":1", ":65535", ":65536", ":0", ":-1", ":x"]),
    st.lists(st.sampled_from(REST), max_size=4).map("".join),
)


@given(urls)
@example("http://1.2.3.4:80/")
@example("https://[::1]:80/a?b#c")
@settings(max_examples=1000)
def test_what_is_accepted_can_be_sent_to(url: str) -> None:
    try:
        check_url(url)
    except InvalidRequest:
        return
    sent = httpx.URL(url)
    parts = urlsplit(url)
    assert sent.raw_host.decode("ascii") == parts.hostname
    assert sent.scheme == parts.scheme
    assert (sent.port or 0) in (parts.port or 0, 0)
    assert sent.userinfo == b""
    sent.raw_host.decode("ascii").encode("idna")  # as the system's resolver does
    httpx.Request("POST", sent.copy_with(host="127.0.0.1"), headers={"Host": sent.netloc.decode("ascii")})
