"""Pages as they are looked at: drawn by a reader, upright as they were read."""

import io
from pathlib import Path

from PIL import Image
from tests.data.documents import make_sideways_photo, make_typed
from tests.fixtures.server import Api

from pagemill.domain.page.page import Page


def picture_of(api: Api, task_id: str, number: int) -> Image.Image:
    answer = api.http.get(f"/tasks/{task_id}/pages/{number}/image")
    assert answer.headers["content-type"] == "image/jpeg", answer.text
    return Image.open(io.BytesIO(answer.content))


def page_of(api: Api, task_id: str, number: int) -> Page:
    return Page.from_json(api.http.get(f"/tasks/{task_id}/pages/{number}").content)


def test_a_picture_has_the_shape_of_the_page_that_was_read(api: Api, tmp_path: Path) -> None:
    for document in (make_typed(tmp_path / "typed.pdf", 2), make_sideways_photo(tmp_path / "photo.jpg", "Number 7")):
        task = api.read(document)
        number = task.document.page_count
        page, picture = page_of(api, task.task_id, number), picture_of(api, task.task_id, number)
        assert abs(picture.width / picture.height - page.width_px / page.height_px) < 0.02


def test_a_picture_is_had_after_the_task_was_cleaned_up_and_goes_with_it(api: Api, tmp_path: Path) -> None:
    task = api.wait_until_clean(api.submit(make_typed(tmp_path / "typed.pdf", 1)))
    assert picture_of(api, task.task_id, 1).size == picture_of(api, task.task_id, 1).size
    assert api.http.get(f"/tasks/{task.task_id}/pages/2/image").status_code == 404
    assert api.http.delete(f"/tasks/{task.task_id}").status_code == 204
    assert api.http.get(f"/tasks/{task.task_id}/pages/1/image").status_code == 404


def test_the_status_tells_of_devices_model_sets_and_work(api: Api, tmp_path: Path) -> None:
    api.read(make_typed(tmp_path / "typed.pdf", 1))
    status, setup = api.http.get("/status").json(), api.http.get("/setup").json()
    assert status["devices"]["cpu"]["limit_mb"] > status["devices"]["cpu"]["used_mb"] > 0
    assert sum(status["work"]["pages_read"]["text"]["counts"]) >= 1
    assert "reader@cpu" in [models["model_set"] for models in status["model_sets"]]
    assert setup["guard_percent"] == {"soft": 80, "hard": 90, "emergency": 95}
    assert {"text", "markdown", "json"} <= {each["name"] for each in setup["formats"]}
