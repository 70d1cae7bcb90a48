from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Dialect, make_url

from pagemill.store.columns import UtcDateTime

SQLITE, POSTGRESQL = (make_url(url).get_dialect()() for url in ("sqlite://", "postgresql+psycopg://"))
BERLIN = timezone(timedelta(hours=1))
MOMENT = datetime(2026, 1, 1, 0, 30, tzinfo=BERLIN)


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL])
def test_a_moment_comes_back_as_the_same_moment_in_utc(dialect: Dialect) -> None:
    column = UtcDateTime()
    read = column.process_result_value(column.process_bind_param(MOMENT, dialect), dialect)
    assert read == MOMENT
    assert read.tzinfo is UTC
    assert column.process_result_value(column.process_bind_param(None, dialect), dialect) is None


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), SQLITE)  # noqa: DTZ001  # that is the point
