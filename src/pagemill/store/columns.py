"""Column types that read and write the same values on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Enum, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

Json = JSON().with_variant(JSONB(), "postgresql")
"""JSON text on SQLite, JSONB on PostgreSQL."""

JsonIfAny = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""Likewise; None is NULL."""

Sequence = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits on both; SQLite increments by itself only if the column type is INTEGER."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time. SQLite keeps it as text of fixed width, so that text order is time order."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC.

        Raises:
            ValueError: The time is naive, and therefore ambiguous.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; give an aware time.")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The same moment, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def enum_column(values: type[StrEnum], name: str) -> Enum:
    """Text that a CHECK constraint `name` restricts to the values of an enum of the domain."""
    return Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )
