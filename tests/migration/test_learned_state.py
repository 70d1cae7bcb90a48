from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

from pagemill.store import migrate
from pagemill.store.dialects import parse_url, sync_url


def tables(url: str) -> set[str]:
    engine = create_engine(sync_url(parse_url(url)), poolclass=NullPool)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_what_was_learned_has_a_place_that_comes_and_goes(empty_database: str) -> None:
    migrate.upgrade(empty_database, "0003")
    before = tables(empty_database)
    migrate.upgrade(empty_database, "0004")
    assert tables(empty_database) - before == {"learned_state"}
    migrate.downgrade(empty_database, "0003")
    assert tables(empty_database) == before
