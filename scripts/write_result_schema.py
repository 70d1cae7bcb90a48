"""Writes the JSON schema of results: `python scripts/write_result_schema.py`."""

from pathlib import Path

from pagemill.documents.writers.json_schema import result_schema_text

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "result.schema.json"


def page() -> str:
    """The whole schema."""
    return result_schema_text()


if __name__ == "__main__":
    PAGE.write_text(page())
