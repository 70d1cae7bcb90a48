import httpx


async def test_engines_are_told_with_what_they_take(client: httpx.AsyncClient) -> None:
    broad, broken = (await client.get("/engines")).json()["engines"]
    assert (broad["name"], broad["version"], broad["usable"], broad["reason"]) == ("broad", "1.2", True, None)
    assert broad["device_kinds"] == ["cpu", "cuda"]
    assert [one["worker_id"] for one in broad["resident"]] == ["worker-1"]
    seen, unseen = broad["profiles"]
    assert seen["languages"] == ["en", "zh"]
    assert seen["devices"] == [
        {
            "device": "cpu",
            "seed": {"idle_mb": 190, "page_mb": 401},
            "estimate": {"idle_mb": 190, "page_mb": 401},
            "measured": {"idle_mb": 180, "page_mb": None, "pages": 0},
            "load_time": {"seconds": 2.5, "loads": 3},
        }
    ]
    assert (unseen["devices"][0]["measured"], unseen["devices"][0]["load_time"]) == (None, None)
    assert (broken["version"], broken["usable"]) == (None, False)
    assert broken["reason"] == "It lacks its spring. Wind it up."
