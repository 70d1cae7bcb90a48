"""Clients of other services read real documents through the doors of a real server."""

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pypdfium2
import pytest
import tika.parser
import tika.tika
from azure.ai.documentintelligence import DocumentIntelligenceClient
from azure.ai.documentintelligence.models import AnalyzeDocumentRequest, AnalyzeOutputOption, DocumentContentFormat
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from docling_core.types.doc.document import DoclingDocument
from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, SDKError
from tests.acceptance.test_structure import PRICES, make_price_list
from tests.data.documents import make_numbered_scan, make_typed
from tests.fixtures.doors import NAMES
from tests.fixtures.server import Server

from pagemill.domain.task.task import TaskStatus
from pagemill.engines.registry import structure_missing, structure_spec

DOCLING = "/compat/docling"
KEY = "a-key-that-is-long-enough"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that wants a key, with every door at the root."""
    settings = {"SERVER__API_KEYS": json.dumps([KEY]), "SERVER__ROOT_DOORS": json.dumps(NAMES)}
    with Server(tmp_path_factory.mktemp("closed") / "data", settings=settings) as running:
        yield running


def test_open_webui_reads_a_scan_through_docling(server: Server, tmp_path: Path) -> None:
    """As its DoclingLoader does."""
    path = make_numbered_scan(tmp_path / "scan.pdf", 2)
    with path.open("rb") as file:
        answer = httpx.post(
            f"{server.url}{DOCLING}/v1/convert/file",
            files={"files": (str(path), file, "application/pdf")},
            data={"image_export_mode": "placeholder", "do_ocr": "true", "ocr_lang": ["en", "de"]},
            timeout=120,
        )
    assert answer.is_success, answer.text
    text = answer.json()["document"]["md_content"]
    assert "101" in text
    assert "102" in text


def test_ragflow_reads_a_document_through_docling(server: Server, tmp_path: Path) -> None:
    """It asks for chunks first, and for the document if that is refused."""
    path = make_typed(tmp_path / "typed.pdf", 2)
    source = {
        "kind": "file",
        "filename": "typed.pdf",
        "base64_string": base64.b64encode(path.read_bytes()).decode(),
    }
    options: dict[str, object] = {"from_formats": ["pdf"], "to_formats": ["json", "md", "text"]}
    url = f"{server.url}{DOCLING}/v1/convert/source"
    before = len(server.api.http.get("/tasks").json()["tasks"])
    chunked = httpx.post(url, json={"options": {**options, "do_chunking": True}, "sources": [source]}, timeout=60)
    assert chunked.status_code == 422
    assert len(server.api.http.get("/tasks").json()["tasks"]) == before
    answer = httpx.post(url, json={"options": options, "sources": [source]}, timeout=60).json()
    assert answer["status"] == "success"
    document = DoclingDocument.model_validate(answer["document"]["json_content"])
    assert len(document.pages) == 2
    assert answer["document"]["text_content"].strip().startswith(document.texts[0].text.splitlines()[0])


@pytest.mark.parametrize("make", [make_typed, make_numbered_scan])
def test_docling_places_the_words_where_they_are(
    server: Server, tmp_path: Path, make: Callable[[Path, int], Path]
) -> None:
    path = make(tmp_path / "document.pdf", 1)
    with path.open("rb") as file:
        answer = httpx.post(
            f"{server.url}{DOCLING}/v1/convert/file", files={"files": file}, data={"to_formats": "json"}, timeout=60
        )
    document = DoclingDocument.model_validate(answer.json()["document"]["json_content"])
    size = document.pages[1].size
    assert size is not None
    for text in document.texts:
        (where,) = text.prov
        assert 0 <= where.bbox.l < where.bbox.r <= size.width
        assert 0 <= where.bbox.b < where.bbox.t <= size.height


@pytest.mark.skipif(structure_missing(structure_spec()) is not None, reason="The structure models are not installed.")
def test_a_table_is_a_table_for_docling(server: Server, tmp_path: Path) -> None:
    path = make_price_list(tmp_path / "prices.pdf")
    for asked, expected in (("true", 1), ("false", 0)):
        with path.open("rb") as file:
            answer = httpx.post(
                f"{server.url}{DOCLING}/v1/convert/file",
                files={"files": file},
                data={"to_formats": ["json"], "do_table_structure": asked},
                timeout=60,
            )
        document = DoclingDocument.model_validate(answer.json()["document"]["json_content"])
        assert len(document.tables) == expected
        for table in document.tables:
            assert [[cell.text for cell in row] for row in table.data.grid] == PRICES


def test_a_client_that_hangs_up_cancels_its_task(server: Server, tmp_path: Path) -> None:
    path = make_numbered_scan(tmp_path / "scan.pdf", 30)
    with path.open("rb") as file, pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}{DOCLING}/v1/convert/file", files={"files": file}, timeout=httpx.Timeout(60, read=2))
    task_id = server.api.http.get("/tasks", params={"label": "door:docling", "limit": "1"}).json()["tasks"][0][
        "task_id"
    ]
    assert server.api.wait_for_end(task_id).status is TaskStatus.CANCELLED


def text_of(pdf: bytes) -> list[str]:
    """The text of each page of a PDF."""
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(io.BytesIO(pdf))]


@pytest.mark.parametrize(("make", "expected"), [(make_numbered_scan, ["101", "102"]), (make_typed, ["", ""])])
def test_paperless_reads_a_document_through_azure(
    closed: Server, tmp_path: Path, make: Callable[[Path, int], Path], expected: list[str]
) -> None:
    """As its parser for remote recognition does."""
    path = make(tmp_path / "document.pdf", 2)
    with DocumentIntelligenceClient(closed.url, AzureKeyCredential(KEY)) as client:
        poller = client.begin_analyze_document(
            model_id="prebuilt-read",
            body=AnalyzeDocumentRequest(bytes_source=path.read_bytes()),
            output_content_format=DocumentContentFormat.TEXT,
            output=[AnalyzeOutputOption.PDF],
            content_type="application/json",
        )
        result = poller.result(60)
        pdf = b"".join(
            client.get_analyze_result_pdf(model_id="prebuilt-read", result_id=poller.details["operation_id"])
        )
    assert [page.page_number for page in result.pages] == [1, 2]
    for page, number, text in zip(result.pages, expected, text_of(pdf), strict=True):
        words = [word.content for word in page.words or ()]
        assert words
        assert any(number in word for word in words)
        assert [text.split().count(word) for word in set(words)] == [words.count(word) for word in set(words)], (
            "only one layer"
        )
        assert page.unit == "inch"
        assert all(
            0 <= at <= max(page.width or 0, page.height or 0) for word in page.words or () for at in word.polygon or ()
        )


def test_azures_client_sends_bytes_and_understands_refusals(closed: Server, server: Server, tmp_path: Path) -> None:
    path = make_typed(tmp_path / "typed.pdf", 1)
    with DocumentIntelligenceClient(f"{server.url}/compat/azure", AzureKeyCredential("unneeded")) as client:
        with path.open("rb") as file:
            poller = client.begin_analyze_document("prebuilt-read", body=file, content_type="application/octet-stream")
        assert poller.result(60).content
        with pytest.raises(HttpResponseError, match="prebuilt-read"):
            client.begin_analyze_document("prebuilt-layout", body=io.BytesIO(b"%PDF"))
        with pytest.raises(HttpResponseError) as refused:
            client.begin_analyze_document("prebuilt-read", body=io.BytesIO(b"no document"))
        assert refused.value.error is not None
        assert refused.value.error.code == "InvalidRequest"
    with (
        DocumentIntelligenceClient(closed.url, AzureKeyCredential("another")) as stranger,
        pytest.raises(ClientAuthenticationError, match="Ocp-Apim-Subscription-Key"),
    ):
        stranger.begin_analyze_document("prebuilt-read", body=io.BytesIO(b"%PDF"))


def test_open_webui_reads_pages_through_its_own_door(closed: Server, tmp_path: Path) -> None:
    """As its ExternalDocumentLoader does."""
    path = make_numbered_scan(tmp_path / "scan 1.pdf", 2)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/pdf", "X-Filename": quote(path.name)}
    answer = httpx.put(f"{closed.url}/process", content=path.read_bytes(), headers=headers, timeout=60)
    items = answer.json()
    assert [str(101 + at) in item["page_content"] for at, item in enumerate(items)] == [True, True]
    assert [item["metadata"]["page_label"] for item in items] == ["1", "2"]
    assert items[0]["metadata"]["source"] == "scan 1.pdf"


def test_tikas_client_reads_a_document(closed: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tika.tika, "TikaClientOnly", True)
    path = make_numbered_scan(tmp_path / "scan.pdf", 2)
    url = closed.url.replace("http://", f"http://any:{KEY}@")
    read = tika.parser.from_buffer(path.read_bytes(), serverEndpoint=url)
    assert read["status"] == 200
    assert "101" in read["content"]
    assert read["metadata"]["xmpTPg:NPages"] == "2"
    told = tika.parser.from_file(str(path), serverEndpoint=url, service="meta")
    assert told["metadata"]["Content-Type"] == "application/pdf"
    assert "102" in tika.parser.from_file(str(path), serverEndpoint=url, service="text")["content"]
    refused = tika.parser.from_buffer(b"no document", serverEndpoint=url)
    assert refused["status"] == 415
    assert "X-TIKA:EXCEPTION:container_exception" in refused["metadata"]
    assert tika.parser.from_buffer(b"%PDF", serverEndpoint=closed.url)["status"] == 401


def test_open_webui_reads_a_document_through_tika(server: Server, tmp_path: Path) -> None:
    """As its TikaLoader does."""
    path = make_typed(tmp_path / "typed.pdf", 1)
    headers = {"Content-Type": "application/pdf", "X-Tika-PDFextractInlineImages": "true"}
    answer = httpx.put(f"{server.url}/compat/tika/tika/text", content=path.read_bytes(), headers=headers, timeout=60)
    told = answer.json()
    assert told["X-TIKA:content"].strip()
    assert told["Content-Type"] == "application/pdf"


def test_mistrals_client_reads_a_document(closed: Server, tmp_path: Path) -> None:
    """As LibreChat and Open WebUI do, and LiteLLM, which sends the document with the request."""
    path = make_numbered_scan(tmp_path / "scan.pdf", 2)
    with Mistral(api_key=KEY, server_url=closed.url) as client:
        file = client.files.upload(file={"file_name": path.name, "content": path.read_bytes()}, purpose="ocr")
        address = client.files.get_signed_url(file_id=file.id, expiry=1)
        model = "mistral-ocr-latest"
        read = client.ocr.process(model=model, document={"type": "document_url", "document_url": address.url})
        assert [str(101 + page.index) in page.markdown for page in read.pages] == [True, True]
        assert client.files.delete(file_id=file.id).deleted
        data = "data:application/pdf;base64," + base64.b64encode(path.read_bytes()).decode()
        again = client.ocr.process(model=model, document={"type": "document_url", "document_url": data}, pages=[1])
        assert [(page.index, "102" in page.markdown) for page in again.pages] == [(1, True)]
        with pytest.raises(SDKError) as refused:
            client.ocr.process(model=model, document={"type": "file", "file_id": file.id})
        assert refused.value.status_code == 404
        with pytest.raises(HTTPValidationError, match="fetches no documents"):
            client.ocr.process(model=model, document={"type": "document_url", "document_url": "https://example.org/a"})
    with Mistral(api_key="another", server_url=closed.url) as stranger, pytest.raises(SDKError) as closed_out:
        stranger.files.upload(file={"file_name": path.name, "content": b"%PDF"}, purpose="ocr")
    assert closed_out.value.status_code == 401


def test_addresses_are_those_that_a_proxy_names(closed: Server, tmp_path: Path) -> None:
    answer = httpx.post(
        f"{closed.url}/documentintelligence/documentModels/prebuilt-read:analyze",
        content=make_typed(tmp_path / "typed.pdf", 1).read_bytes(),
        headers={"Authorization": f"Bearer {KEY}", "Host": "ocr.example.org", "X-Forwarded-Proto": "https"},
        timeout=60,
    )
    assert answer.headers["operation-location"].startswith("https://ocr.example.org/documentintelligence/")
