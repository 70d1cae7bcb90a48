import uuid
from datetime import UTC, datetime, timedelta

from pagemill.tasks.ids import new_task_id

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def test_an_id_is_a_version_7_uuid_of_its_time() -> None:
    parsed = uuid.UUID(new_task_id(NOW))
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == int(NOW.timestamp() * 1000)


def test_ids_sort_by_time_and_never_repeat() -> None:
    ids = [new_task_id(NOW + timedelta(milliseconds=i // 100)) for i in range(1000)]
    assert [i[:13] for i in ids] == sorted(i[:13] for i in ids)
    assert len(set(ids)) == 1000


def test_ids_of_one_moment_sort_by_their_place() -> None:
    ids = [new_task_id(NOW, place=place) for place in range(300)]
    assert ids == sorted(ids)
    assert uuid.UUID(new_task_id(NOW, place=10**6)).version == 7
