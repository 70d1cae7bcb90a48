"""Pages for measuring: a PDF of plain print, generated from a list of words, always the same."""

import random
import zlib
from collections.abc import Sequence

A4 = (595, 842)
LINES, WORDS = 30, 9
"""Lines of a page, and words of a line, as in a rather full letter."""
SEED = 20_260_101
VOCABULARY: Sequence[str] = """
account address after amount annual answer april archive article august autumn balance before between board
branch bridge budget building business capital carbon century certain change charter church circle claim client
coast column common company contract copper corner county course credit culture current custom danger debit
decade delivery demand deposit design detail distance district document double eastern edition effect eight
electric engine estate evening example exchange expense export factory family farmer federal figure finance
forest formal fourth freight garden general gravel ground growth harbour history holder housing import income
index industry inspection interest invoice island january journal judge july justice kingdom labour language
largest ledger letter library licence limited machine manager margin market material measure meeting member
method middle mineral minister minute monthly morning museum nation natural network notice number object october
office officer opening operation orange order organ output packet paper parcel parish partner passage payment
pension period permit person picture planet plastic pocket police policy postal potato powder present printed
private process product profit project property public purchase quality quarter question railway reason receipt
record region register report reserve result return river sample school science season second section service
settlement seven shelter signal silver society special spring station statement street student subject summer
supply surface survey system tariff teacher tenant theatre thirty timber title total traffic transfer treaty
trust twelve union valley value vehicle village visit voltage volume wages warehouse water weather western
winter witness wooden worker writing yearly
""".split()  # noqa: SIM905 - a list of words is more readable like this


def page_words(number: int) -> list[list[str]]:
    """The words on a page, line by line; pages count from 1."""
    chosen = random.Random(SEED + number)  # noqa: S311 - the same pages every time, no secrets
    return [chosen.choices(VOCABULARY, k=WORDS) for _ in range(LINES)]


def make_pdf(pages: int) -> bytes:
    """A PDF with this many pages, in Helvetica, which every PDF reader has."""
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index in range(pages):
        objects += _page(5 + 2 * index, page_words(index + 1))
    return _file(objects)


def _page(content: int, lines: Sequence[Sequence[str]]) -> list[bytes]:
    shown = " T* ".join(f"({' '.join(words)}) Tj" for words in lines)
    stream = zlib.compress(f"BT /F1 11 Tf 24 TL 60 780 Td {shown} ET".encode("ascii"))
    page = (
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {A4[0]} {A4[1]}] /Contents {content} 0 R "
        "/Resources << /Font << /F1 3 0 R >> >> >>"
    )
    head = f"<< /Length {len(stream)} /Filter /FlateDecode >>\nstream\n"
    return [page.encode(), head.encode() + stream + b"\nendstream"]


def _file(objects: Sequence[bytes]) -> bytes:
    written, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(len(written))
        written += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size, start = len(objects) + 1, len(written)
    written += f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n".encode()
    return bytes(written + f"startxref\n{start}\n%%EOF\n".encode())
