"""Which models the pipelines need, and where they are. Pure look-ups, for the server and for workers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Options = Mapping[str, str | int | float | bool]

DOWNLOAD_OPTION = "allow_download"
DESCRIPTION = "inference.yml"
"""The file every model directory has."""

_SOURCE = "https://huggingface.co/PaddlePaddle"


@dataclass(frozen=True)
class Stage:
    """A step of a pipeline that runs one model.

    Attributes:
        name: PaddleOCR's name of it.
        model: PaddleOCR's own choice of a model.
        flag: The switch that takes the step; empty for one that is always taken.
    """

    name: str
    model: str
    flag: str = ""


@dataclass(frozen=True)
class Pipeline:
    """One of PaddleOCR's pipelines.

    Attributes:
        engine: What it is called here.
        stages: Its steps, those that are not taken unless asked for included.
        flags: Its switches and whether they are on where nobody says.
    """

    engine: str
    stages: tuple[Stage, ...]
    flags: Mapping[str, bool]

    def switches(self, options: Options) -> dict[str, bool]:
        """Its switches as they are set."""
        return {flag: bool(options.get(flag, usual)) for flag, usual in self.flags.items()}


@dataclass(frozen=True)
class Model:
    """A model of a stage, and where it is to be."""

    stage: str
    name: str
    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether its directory holds a model."""
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
"""Text lines. Its two models come inside a package, so that it works where nothing can be fetched."""

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
    """Whether models that are not there may be fetched."""
    return bool(options.get(DOWNLOAD_OPTION, False))


def models_of(pipeline: Pipeline, options: Options, folder: Path) -> Iterator[Model]:
    """The models of the stages that are taken.

    Args:
        pipeline: Whose.
        options: `<stage>_model_name`, `<stage>_model_dir` and the switches, as PaddleOCR calls them.
        folder: Where those are that no option names, each by its name.
    """
    switches = pipeline.switches(options)
    for stage in pipeline.stages:
        if not stage.flag or switches[stage.flag]:
            name = str(options.get(f"{stage.name}_model_name", stage.model))
            yield Model(stage.name, name, Path(str(options.get(f"{stage.name}_model_dir", folder / name))))


def how_to_get(pipeline: Pipeline, options: Options, folder: Path) -> str:
    """What to do about models that are missing, each by its name; empty where none is, or they may be fetched."""
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
    """The models as PaddleOCR wants to be told of them; a directory that is not there is left to its downloader."""
    arguments: dict[str, str | None] = {}
    for model in models_of(pipeline, options, folder):
        arguments[f"{model.stage}_model_name"] = model.name
        arguments[f"{model.stage}_model_dir"] = str(model.folder) if model.is_there else None
    return arguments
