"""What images alone can be: many frames, thumbnails, orientations, sizes beyond memory."""

import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from tests.data.animations import FORMS, MANY, animate, many_pngs
from tests.data.heic import make_heic

from pagemill.documents import images
from pagemill.documents.opening import inspect_document, open_document
from pagemill.domain.documents import PageSize
from pagemill.domain.errors import DocumentError, DocumentTooLarge, InvalidDocument, PageUnreadable
from pagemill.domain.page.image import PageImage
from pagemill.pool.linux import peak_rss_bytes, reset_peak, rss_bytes

LIMIT = 1_000_000


def render_page(path: Path, number: int = 1, *, max_pixels: int = LIMIT) -> PageImage:
    with open_document(path) as document:
        return document.render(number, dpi=200, max_pixels=max_pixels)


def test_every_frame_of_a_tiff_is_a_page(tmp_path: Path) -> None:
    frames = [Image.new(mode, (10 + at, 5), 40 * at) for at, mode in enumerate(["L", "1", "L"])]
    path = tmp_path / "fax"
    frames[0].save(path, "TIFF", save_all=True, append_images=frames[1:])
    info = inspect_document(path)
    assert info.page_sizes == (PageSize(10, 5), PageSize(11, 5), PageSize(12, 5))
    with open_document(path) as document:
        pages = [document.render(number, dpi=200, max_pixels=LIMIT) for number in (3, 1, 2, 3)]
    assert [(page.width_px, page.data.tobytes()[0]) for page in pages] == [(12, 80), (10, 0), (11, 255), (12, 80)]


@pytest.mark.skipif(sys.platform != "linux", reason="Sizes are read from /proc.")
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_a_document_keeps_no_page_it_has_decoded_and_decodes_it_again(tmp_path: Path, form: str) -> None:
    path = tmp_path / "scan"
    Image.new("RGB", (4000, 4000), "red").save(path, form)
    render_page(path)  # for what is allotted once
    before = rss_bytes()
    with open_document(path) as document:
        document.render(1, dpi=200, max_pixels=LIMIT)
        assert rss_bytes() - before < 16_000_000, "Pillow holds 4 bytes a pixel: 64 MB"
        again = document.render(1, dpi=200, max_pixels=LIMIT)
    assert tuple(again.data.tobytes()[:3]) == (255, 0, 0)


def test_thumbnails_in_a_tiff_are_no_pages(tmp_path: Path) -> None:
    path = tmp_path / "scan"
    page, thumbnail = Image.new("L", (100, 50), 9), Image.new("L", (10, 5), 99)
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    page.save(path, "TIFF", save_all=True, append_images=[thumbnail])
    assert inspect_document(path).page_count == 1


def slides(count: int, *, size: tuple[int, int] = (64, 48)) -> list[Image.Image]:
    """Each adds a mark to the one before, as animations are made that store what changes."""
    made = [Image.new("RGB", size, "white")]
    for at in range(count):
        made.append(made[-1].copy())
        ImageDraw.Draw(made[-1]).rectangle((8 * at, 8, 8 * at + 5, 40), fill=(0, 0, 0))
    return made[1:]


def marks(page: PageImage) -> list[bool]:
    """Which of the eight marks a slide has."""
    return [page.data[20, 8 * at + 2, 0] < 100 for at in range(8)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", [range(1, 7), range(6, 0, -1), (3, 3, 5, 1, 6, 2, 2)], ids=["on", "back", "anyhow"])
def test_every_picture_of_an_animation_is_whole_in_whatever_order_it_is_read(
    tmp_path: Path, form: str, order: range | tuple[int, ...]
) -> None:
    path = animate(tmp_path / "moving", form, slides(6))
    with open_document(path) as document:
        assert document.info().page_count == 6
        for number in order:
            page = document.render(number, dpi=200, max_pixels=LIMIT)
            assert marks(page) == [at < number for at in range(8)]


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_every_picture_of_a_turned_animation_is_turned_and_made_from_those_before(tmp_path: Path, form: str) -> None:
    turned = [each.transpose(Image.Transpose.ROTATE_90) for each in slides(4)]
    exif = Image.Exif()
    exif[0x0112] = 6
    turned[0].save(tmp_path / "moving", form, save_all=True, append_images=turned[1:], exif=exif)
    with open_document(tmp_path / "moving") as document:
        for number in (1, 2, 3, 4, 2):
            page = document.render(number, dpi=200, max_pixels=LIMIT)
            assert (page.width_px, page.height_px) == (64, 48)
            assert marks(page) == [at < number for at in range(8)]


@pytest.mark.parametrize("form", FORMS)
def test_a_hundred_thousand_pictures_are_counted_to_the_limit_only(tmp_path: Path, form: str) -> None:
    path = MANY[form](tmp_path / "moving", 100_000)
    assert path.stat().st_size < 10_000_000
    with pytest.raises(DocumentTooLarge, match="the limit is 50"), open_document(path, max_pages=50):
        pass


def test_a_hundred_thousand_photos_in_a_file_are_refused(tmp_path: Path) -> None:
    path = make_heic(tmp_path / "photos", pictures=100_000)
    with pytest.raises(DocumentError), open_document(path, max_pages=50):
        pass
    path = make_heic(tmp_path / "photos", pictures=51)
    with pytest.raises(DocumentTooLarge, match="has 51 pages; the limit is 50"), open_document(path, max_pages=50):
        pass


@pytest.mark.parametrize("claimed", [2, 100_000, 2**31])
def test_an_animation_has_no_more_pictures_than_it_holds_and_claims(tmp_path: Path, claimed: int) -> None:
    path = many_pngs(tmp_path / "moving", 3, claimed=claimed)
    assert inspect_document(path).page_count == min(claimed, 3)


def test_what_other_programs_show_of_an_animation_is_a_page_too(tmp_path: Path) -> None:
    path = tmp_path / "moving"
    first, *others = slides(3)
    first.save(path, "PNG", save_all=True, append_images=others, default_image=True)
    with open_document(path) as document:
        found = [document.render(number, dpi=200, max_pixels=LIMIT) for number in range(1, 4)]
        assert document.info().page_count == 3
    assert [marks(page)[:3] for page in found] == [[True, False, False], [True, True, False], [True, True, True]]


@pytest.mark.parametrize("form", FORMS)
def test_an_animation_that_takes_too_long_to_go_through_is_refused_on_opening(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = animate(tmp_path / "moving", form, slides(6))
    monkeypatch.setattr(images, "MOST_MOVING_PIXELS", 6 * 64 * 48 - 1)
    with pytest.raises(DocumentTooLarge, match="6 pictures of 64 x 48 pixels, 18,432 in all"):
        inspect_document(path)
    monkeypatch.setattr(images, "MOST_MOVING_PIXELS", 6 * 64 * 48)
    assert inspect_document(path).page_count == 6


@pytest.mark.parametrize("pictures", [1, 2])
def test_a_photo_that_claims_to_be_huge_is_refused_with_the_numbers(tmp_path: Path, pictures: int) -> None:
    path = make_heic(tmp_path / "photo", pictures=pictures, claimed=(60_000, 60_000))
    assert inspect_document(path).page_count == pictures
    with pytest.raises(PageUnreadable, match="60000 x 60000 pixels and takes 27,465 MiB decoded; the limit is 384 MiB"):
        render_page(path, pictures)


def test_a_photo_that_is_larger_than_it_claims_is_not_decoded(tmp_path: Path) -> None:
    with pytest.raises(PageUnreadable, match="limit"):
        render_page(make_heic(tmp_path / "photo", claimed=(20, 30)))


def test_a_huge_gif_is_refused_with_the_numbers(tmp_path: Path) -> None:
    path = MANY["GIF"](tmp_path / "canvas", 1)
    path.write_bytes(path.read_bytes().replace(b"GIF89a\1\0\1\0", b"GIF89a\xff\xff\xff\xff"))
    with pytest.raises(PageUnreadable, match="65535 x 65535 pixels"):
        render_page(path)


def test_every_photo_of_a_file_is_a_page_and_stands_as_the_file_says(tmp_path: Path) -> None:
    path = make_heic(tmp_path / "photos", pictures=3, quarter_turns=1)
    with open_document(path) as document:
        assert document.info().page_sizes == (PageSize(300, 200),) * 3
        for number in (3, 1, 1, 2):
            page = document.render(number, dpi=200, max_pixels=LIMIT)
            assert (page.width_px, page.height_px) == (300, 200)
            assert page.data[200 - 40, 60, 0] < 10, "a quarter turn to the left"


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"heix"])
def test_a_photo_is_known_by_its_brands(tmp_path: Path, brand: bytes) -> None:
    assert render_page(make_heic(tmp_path / "photo", brand=brand)).width_px == 200


def test_a_moving_picture_without_a_photo_is_refused_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "burst"
    path.write_bytes(b"\0\0\0\x18ftyphevc\0\0\0\0msf1hevc" + b"\0\0\0\x08moov")
    with pytest.raises(InvalidDocument, match="HEIC image is damaged"):
        inspect_document(path)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_photo_stands_as_it_was_held(tmp_path: Path, form: str) -> None:
    image = Image.new("RGB", (64, 32), "white")
    image.paste((0, 0, 0), (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "photo"
    image.save(path, form, exif=exif)
    page = render_page(path)
    assert (page.width_px, page.height_px) == (32, 64)
    assert page.data.tobytes()[3 * 28] < 50
    assert page.data.tobytes()[0] > 200


def test_a_large_jpeg_is_reduced_while_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "scan"
    Image.new("L", (4000, 3000), 200).save(path, "JPEG", dpi=(400, 400))
    page = render_page(path, max_pixels=187_500)
    assert (page.width_px, page.height_px, page.dpi) == (500, 375, 50)


@pytest.mark.skipif(sys.platform != "linux", reason="Peaks are read from /proc.")
@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_a_scan_of_twenty_thousand_rows_is_reduced_within_few_times_its_samples(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "scan"
    Image.new(mode, (1200, 20_000), 1).save(path, "PNG")
    render_page(path, max_pixels=1000)  # for what is allotted once
    before = rss_bytes()
    reset_peak()
    page = render_page(path, max_pixels=2_000_000)
    assert peak_rss_bytes() - before < 3 * 1200 * 20_000  # a palette's colours take four times its samples
    assert 1_900_000 < page.pixels <= 2_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="Peaks are read from /proc.")
def test_a_colour_scan_is_held_once_beside_what_was_decoded(tmp_path: Path) -> None:
    path = tmp_path / "scan"
    pixels = 3000 * 4000
    Image.new("RGB", (3000, 4000), (250, 240, 230)).save(path, "PNG")
    render_page(path, max_pixels=1000)  # for what is allotted once
    before = rss_bytes()
    reset_peak()
    page = render_page(path, max_pixels=pixels)
    assert peak_rss_bytes() - before < (4 + 3 + 1) * pixels  # Pillow takes four bytes a pixel, the page three
    assert page.pixels == pixels


@pytest.mark.parametrize("size", [(1, 30_000), (30_000, 1)], ids=str)
def test_a_strip_one_pixel_wide_keeps_its_length(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "scan"
    Image.new("L", size, 200).save(path, "PNG")
    page = render_page(path, max_pixels=40_000_000)
    assert (page.width_px, page.height_px) == size


def test_an_image_too_large_to_decode_is_refused_with_the_numbers(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    path.write_bytes(bytes.fromhex("424d") + bytes(8) + (26).to_bytes(4, "little") + (12).to_bytes(4, "little"))
    with path.open("ab") as file:
        file.write((60_000).to_bytes(2, "little") * 2 + b"\1\0\1\0" + bytes(6))
    assert inspect_document(path).page_sizes == (PageSize(60_000, 60_000),)
    with pytest.raises(PageUnreadable, match="60000 x 60000 pixels and takes 3,433 MiB decoded; the limit is 384 MiB"):
        render_page(path)


def test_a_canvas_that_is_made_on_opening_is_refused_on_opening(tmp_path: Path) -> None:
    path = tmp_path / "canvas"
    vp8x = b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + (16_000).to_bytes(3, "little") * 2
    path.write_bytes(b"RIFF" + (4 + len(vp8x)).to_bytes(4, "little") + b"WEBP" + vp8x)
    with pytest.raises(DocumentTooLarge, match="pixels"):
        inspect_document(path)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "AVIF", "HEIC"])
def test_an_image_that_is_deleted_is_read_to_its_end(tmp_path: Path, form: str) -> None:
    path = tmp_path / "scan"
    frames = [Image.new("RGB", (40, 30), "red"), Image.new("RGB", (40, 30), "blue")]
    if form == "TIFF":
        frames[0].save(path, form, save_all=True, append_images=frames[1:])
    elif form == "HEIC":
        make_heic(path, pictures=2)
    else:
        frames[0].save(path, form)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with open_document(path) as document:
        path.unlink()
        last = document.info().page_count
        pages = [document.render(number, dpi=200, max_pixels=LIMIT) for number in (1, 1, last, last, 1)]
    assert [page.width_px for page in pages] == [200 if form == "HEIC" else 40] * 5
    assert len(list(Path("/proc/self/fd").iterdir())) == before
