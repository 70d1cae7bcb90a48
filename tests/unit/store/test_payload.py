import pytest

from pagemill.store.payload import RAW, ZLIB, pack, unpack


@pytest.mark.parametrize(
    ("payload", "codec"), [(b"", RAW), (b"\x00\xff", RAW), (b"a" * 1000, ZLIB), ("文本".encode() * 99, ZLIB)]
)
def test_what_is_packed_is_unpacked_alike_and_only_where_it_helps(payload: bytes, codec: str) -> None:
    used, packed = pack(payload)
    assert used == codec
    assert len(packed) <= len(payload)
    assert unpack(used, packed) == payload


def test_an_unknown_codec_is_refused_with_advice() -> None:
    with pytest.raises(ValueError, match="newer"):
        unpack("zstd", b"")
