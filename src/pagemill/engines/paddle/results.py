"""Converts the results of PaddleOCR's pipelines, dictionaries of arrays, to plain values."""

from collections.abc import Mapping, Sequence
from typing import Any

from pagemill.domain.page.layout import Region
from pagemill.engines.paddle.layout import Box, RawTable, region
from pagemill.engines.paddle.lines import RawLine, Run

Result = Mapping[str, Any]
"""Texts and numbers, and lists and arrays of them, as in paddlex, which has no types."""


def lines_of(result: Result) -> list[RawLine]:
    """The lines of an OCR result."""
    texts = result["rec_texts"]
    read = zip(texts, result["rec_scores"], result["rec_polys"], _runs_of(result, len(texts)), strict=True)
    return [
        RawLine(str(text), float(score), [_point(corner) for corner in corners], runs)
        for text, score, corners, runs in read
    ]


def regions_of(result: Result) -> list[Region]:
    """The regions of a PP-StructureV3 result."""
    boxes = result["layout_det_res"]["boxes"]
    return [region(str(each["label"]), _box(each["coordinate"]), float(each["score"])) for each in boxes]


def tables_of(result: Result) -> list[RawTable]:
    """The tables of a PP-StructureV3 result."""
    return [
        RawTable(str(each["pred_html"]), [_box(box) for box in each["cell_box_list"]])
        for each in result["table_res_list"]
    ]


def _runs_of(result: Result, lines: int) -> Sequence[Sequence[Run]]:
    """The runs of letters of each line; empty if the pipeline reports none."""
    texts, regions = result.get("text_word") or (), result.get("text_word_region") or ()
    if not len(texts) == len(regions) == lines:
        return [()] * lines
    return [_runs(*each) for each in zip(texts, regions, strict=True)]


def _runs(texts: Sequence[str], regions: Sequence[Sequence[Sequence[float]]]) -> list[Run]:
    return [
        Run(text.strip(), min(float(x) for x, _ in region), max(float(x) for x, _ in region))
        for text, region in zip(texts, regions, strict=False)
        if text.strip()
    ]


def _point(corner: Sequence[float]) -> tuple[float, float]:
    x, y = corner
    return float(x), float(y)


def _box(numbers: Sequence[float]) -> Box:
    left, top, right, bottom = (float(number) for number in numbers)
    return left, top, right, bottom
