"""What `/openapi.json` says is what is sent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.fixtures.web_tasks import WebTasks
from tests.unit.web.conftest import MakeApi, client_of

from pagemill.domain.reports.service_status import TaskSample
from pagemill.web.options import FIELD_NAMES
from pagemill.web.web_config import WebConfig

PDF = b"%PDF-1.7\n"
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


def mismatch(value: object, schema: Mapping[str, Any], document: Mapping[str, Any], where: str = "$") -> str | None:
    """Where a value departs from its schema; None if it does not. Unknown members count."""
    if "$ref" in schema:
        return mismatch(value, _resolve(schema["$ref"], document), document, where)
    if "anyOf" in schema:
        wrong = [mismatch(value, choice, document, where) for choice in schema["anyOf"]]
        return None if None in wrong else f"{where}: none of the choices ({wrong})"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where}: {value!r} is none of {schema['enum']}"
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return f"{where}: {value!r} is no {kind}"
    if isinstance(value, dict) and kind == "object":
        return _object_mismatch(value, schema, document, where)
    if isinstance(value, list) and "items" in schema:
        found = (mismatch(item, schema["items"], document, f"{where}[{i}]") for i, item in enumerate(value))
        return next((each for each in found if each), None)
    return None


def _object_mismatch(
    value: dict[str, object], schema: Mapping[str, Any], document: Mapping[str, Any], where: str
) -> str | None:
    properties = schema.get("properties", {})
    other = schema.get("additionalProperties", False)
    missing = set(schema.get("required", ())) - value.keys()
    if missing:
        return f"{where}: lacks {sorted(missing)}"
    for name, member in value.items():
        if name not in properties and other is False:
            return f"{where}: {name} is not in the schema"
        told = properties.get(name, other if isinstance(other, dict) else {})
        found = mismatch(member, told, document, f"{where}.{name}")
        if found:
            return found
    return None


def _resolve(reference: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    part: Any = document
    for step in reference.removeprefix("#/").split("/"):
        part = part[step]
    assert isinstance(part, dict)
    return part


def _template(path: str, document: Mapping[str, Any]) -> str:
    """The documented path that a real one is an instance of; literal ones first."""
    steps = path.split("/")
    for template in sorted(document["paths"], key=lambda each: each.count("{")):
        wanted = template.split("/")
        if len(wanted) == len(steps) and all(
            want.startswith("{") or want == step for want, step in zip(wanted, steps, strict=True)
        ):
            return str(template)
    raise AssertionError(f"{path} is not in the document")


def check_documented(response: httpx.Response, document: Mapping[str, Any]) -> None:
    """The response's status, media type and body are what the document says."""
    request = response.request
    operation = document["paths"][_template(request.url.path, document)][request.method.lower()]
    told = operation["responses"].get(str(response.status_code))
    assert told is not None, f"{request.method} {request.url.path}: {response.status_code} is not documented"
    if response.status_code == 204:
        assert "content" not in told
        return
    media_type = response.headers["content-type"]
    assert media_type in told["content"], f"{media_type} is not among {list(told['content'])}"
    if media_type.endswith("json") and not request.url.path.endswith("/result"):
        schema = told["content"][media_type]["schema"]
        assert mismatch(response.json(), schema, document) is None
    for header in told.get("headers", {}):
        assert header in response.headers


@pytest.fixture
async def document(client: httpx.AsyncClient) -> Mapping[str, Any]:
    found = (await client.get("/openapi.json")).json()
    assert isinstance(found, dict)
    return found


async def test_every_answer_is_a_documented_one(
    client: httpx.AsyncClient, tasks: WebTasks, document: Mapping[str, Any]
) -> None:
    made = await client.post("/tasks", files={"file": PDF}, data={"labels": '{"a": "b"}'})
    task_id = made.json()["task_id"]
    path = f"/tasks/{task_id}"
    sent = [
        made,
        await client.get("/"),
        await client.get("/", headers={"accept": "text/html"}),
        await client.get("/status"),
        await client.get("/setup"),
        await client.get("/engines"),
        await client.get("/livez"),
        await client.get("/readyz"),
        await client.get("/problems/queue-full"),
        await client.get("/problems/none"),
        await client.post("/tasks", files={"file": PDF}, data={"dpi": "1"}),
        await client.post("/tasks", files={"file": b"GIF"}),
        await client.post("/tasks", files={"file": PDF}, data={"pages": "9"}),
        await client.post("/tasks", files={"file": bytes(200_000)}),
        await client.post("/tasks", content=b"x", headers={"content-type": "text/plain"}),
        await client.post("/tasks", files={"file": PDF}, headers={"origin": "http://evil.example"}),
        await client.get("/tasks"),
        await client.get("/tasks?limit=0"),
        await client.get("/tasks?label=a:b"),
        await client.post("/tasks", files={"file": PDF}, headers={"idempotency-key": "k"}),
        await client.post("/tasks", files={"file": b"%PDF-1"}, headers={"idempotency-key": "k"}),
        await client.post(f"{path}/retry"),
        await client.get("/tasks", headers={"host": "evil.example"}),
        await client.get("/tasks/metrics"),
        await client.get("/tasks/none"),
        await client.get(f"{path}/result"),
        await client.post(f"{path}/start"),
        await client.post(f"{path}/start", json={"x": 1}),
        await client.post(f"{path}/start", content=bytes(100_000)),
    ]
    await tasks.samples.add([TaskSample(task_id, tasks.stores.clock.now(), 100, "cpu", "ocr")])
    await tasks.finish_page(task_id, 1)
    await tasks.finish_page(task_id, 2, failure="The page's image is damaged.")
    sent += [
        await client.get(path),
        await client.get(f"{path}/pages"),
        await client.get(f"{path}/pages/1"),
        await client.get(f"{path}/pages/1/image"),
        await client.get(f"{path}/pages/0"),
        await client.get(f"{path}/pages/3"),
        await client.get(f"{path}/health"),
        await client.get(f"{path}/receipt"),
        await client.get(f"{path}/metrics"),
        await client.get(f"{path}/events"),
        await client.get(f"{path}/events?after=x"),
        await client.get("/events?after=x"),
        await client.get("/audit"),
        await client.get("/audit?limit=0"),
        await client.get("/metrics"),
        await client.get(f"{path}/result"),
        await client.get(f"{path}/result?format=json"),
        await client.get(f"{path}/result?format=docx"),
        await client.get(f"{path}/result", headers={"accept": "image/png"}),
        await client.post(f"{path}/cancel"),
        await client.delete(path),
    ]
    await tasks.let_go(task_id)
    await tasks.clean_up(task_id)
    batch = await client.post("/batches", files=[("file", PDF), ("file", PDF)])
    batch_path = batch.headers["location"]
    tasks.room.watch.close()
    sent += [
        batch,
        await client.post("/batches", files=[("file", PDF), ("file", b"GIF")]),
        await client.get("/batches"),
        await client.get("/batches?limit=0"),
        await client.get(batch_path),
        await client.get("/batches/none"),
        await client.get(f"{batch_path}/tasks"),
        await client.get(f"{batch_path}/events"),
        await client.delete(batch_path),
        await client.post(f"{batch_path}/cancel"),
        await client.delete(batch_path),
        await client.get("/events"),
        await client.get(path),
        await client.get(f"{path}/events/stream"),
        await client.get(f"{path}/events", headers={"accept": "text/event-stream"}),
        await client.get(f"{path}/events/stream", headers={"last-event-id": "99"}),
        await client.get("/schemas/unknown.json"),
        await client.post("/tasks", files={"file": PDF}, headers={"prefer": "wait=0"}),
        await client.post(f"{path}/cancel", headers={"prefer": "wait=1"}),
        await client.delete(path),
        await client.delete(path),
    ]
    for response in sent:
        check_documented(response, document)


async def test_every_endpoint_was_asked(document: Mapping[str, Any]) -> None:
    """Fails where a new endpoint is added without a line in the test above."""
    operations = {(method, path) for path, item in document["paths"].items() for method in item}
    assert operations == {
        ("get", "/"),
        ("get", "/batches"),
        ("post", "/batches"),
        ("get", "/batches/{batch_id}"),
        ("delete", "/batches/{batch_id}"),
        ("get", "/batches/{batch_id}/tasks"),
        ("get", "/batches/{batch_id}/events"),
        ("post", "/batches/{batch_id}/cancel"),
        ("get", "/status"),
        ("get", "/audit"),
        ("get", "/setup"),
        ("get", "/engines"),
        ("get", "/tasks/{task_id}/pages/{number}"),
        ("get", "/tasks/{task_id}/pages/{number}/image"),
        ("get", "/livez"),
        ("get", "/readyz"),
        ("get", "/problems/{name}"),
        ("get", "/schemas/{name}.json"),
        ("get", "/tasks"),
        ("post", "/tasks"),
        ("get", "/tasks/metrics"),
        ("get", "/tasks/{task_id}"),
        ("delete", "/tasks/{task_id}"),
        ("get", "/tasks/{task_id}/pages"),
        ("get", "/tasks/{task_id}/result"),
        ("get", "/tasks/{task_id}/events"),
        ("get", "/tasks/{task_id}/events/stream"),
        ("get", "/events"),
        ("get", "/metrics"),
        ("get", "/tasks/{task_id}/health"),
        ("get", "/tasks/{task_id}/receipt"),
        ("get", "/tasks/{task_id}/metrics"),
        ("post", "/tasks/{task_id}/start"),
        ("post", "/tasks/{task_id}/retry"),
        ("post", "/tasks/{task_id}/cancel"),
    }


async def test_every_reference_leads_somewhere(document: Mapping[str, Any]) -> None:
    def references(part: object) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [each for member in part.values() for each in references(member)]
        if isinstance(part, list):
            return [each for member in part for each in references(member)]
        return []

    found = set(references(document))
    assert "#/components/schemas/Problem" in found
    for reference in found:
        assert _resolve(reference, document)


async def test_every_option_is_described_in_form_and_query(document: Mapping[str, Any]) -> None:
    upload = document["paths"]["/tasks"]["post"]
    form = upload["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    query = {each["name"]: each for each in upload["parameters"] if each["in"] == "query"}
    assert form.keys() == FIELD_NAMES | {"file", "password"}
    assert "password" not in query, "URLs are kept in logs"
    assert query.keys() == FIELD_NAMES
    assert all(schema["description"] for schema in form.values())
    assert document["components"]["schemas"]["OptionsWire"]["properties"].keys() == FIELD_NAMES - {"name"}
    assert "application/pdf" in upload["requestBody"]["content"]


async def test_keys_are_documented_where_they_are_needed(make_api: MakeApi, api: FastAPI, uploads: Path) -> None:
    assert "security" not in api.openapi()
    with_keys = make_api(WebConfig(uploads=uploads, api_keys=("k",)))
    async with client_of(with_keys) as client:
        document = (await client.get("/openapi.json", headers={"authorization": "Bearer k"})).json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
