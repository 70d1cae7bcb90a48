"""PaddleOCR's pipelines behind one call, which returns plain values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paddleocr import PaddleOCR, PPStructureV3

from pagemill.domain.page.layout import Region
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.engines.paddle.layout import RawTable
from pagemill.engines.paddle.lines import RawLine
from pagemill.engines.paddle.models import STRUCTURE, Pipeline, model_arguments
from pagemill.engines.paddle.results import Result, lines_of, regions_of, tables_of
from pagemill.engines.pixels import Pixels


@dataclass(frozen=True)
class RawPage:
    """The result of a pipeline for a page."""

    lines: Sequence[RawLine]
    regions: Sequence[Region] = ()
    tables: Sequence[RawTable] = ()


Reading = Callable[[Pixels, int], RawPage]
"""A loaded pipeline: reads an image of shape (rows, columns, 3), blue first, and looks for lines on a copy of it whose
longer side has the given number of pixels."""


def make_reader(pipeline: Pipeline, config: EngineConfig, folder: Path) -> Reading:
    """The pipeline with its models loaded.

    Args:
        pipeline: The pipeline.
        config: Threads and settings.
        folder: The folder of models without a setting.
    """
    arguments: dict[str, str | int | bool | None] = {
        "device": config.device.replace("cuda", "gpu"),
        "cpu_threads": config.threads,
        # PaddlePaddle 3.3.1 fails with oneDNN on PP-OCRv4 ("ConvertPirAttribute2RuntimeAttribute not support")
        "enable_mkldnn": bool(config.options.get("enable_mkldnn", False)),
        "text_recognition_batch_size": 1,
        "use_doc_orientation_classify": False,
        "use_doc_unwarping": False,
        **model_arguments(pipeline, config.options, folder),
        **pipeline.switches(config.options),
    }
    if pipeline is STRUCTURE:
        return _structure_reader(PPStructureV3(**arguments))
    return _text_reader(PaddleOCR(**arguments))


def _text_reader(pipeline: PaddleOCR) -> Reading:
    def read(bgr: Pixels, longest_side: int) -> RawPage:
        results: list[Result] = pipeline.predict(
            bgr, text_det_limit_type="max", text_det_limit_side_len=longest_side, return_word_box=True
        )
        return RawPage(lines_of(results[0]))

    return read


def _structure_reader(pipeline: PPStructureV3) -> Reading:
    def read(bgr: Pixels, longest_side: int) -> RawPage:
        results: list[Result] = pipeline.predict(
            bgr,
            text_det_limit_type="max",
            text_det_limit_side_len=longest_side,
            use_table_orientation_classify=False,
            use_ocr_results_with_table_cells=False,  # it would load text models a second time
        )
        result = results[0]
        return RawPage(lines_of(result["overall_ocr_res"]), regions_of(result), tables_of(result))

    return read
