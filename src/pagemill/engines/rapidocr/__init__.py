"""RapidOCR's PP-OCR models on ONNX Runtime. Loaded in workers only.

    page image ── Detector ── line quads ── upright? ── Recogniser ── lines ── assembly ── Page
                  (models, tiles)          (orientation)  (batches)

The models, the post-processing of the detection map, the rectifying of line crops and the CTC decoding are RapidOCR's;
sessions, sizes, batches and the page's orientation are ours, because they decide memory and speed.
"""

import os

# ONNX Runtime's builds report to their maker, from the moment they are imported, unless this is set before
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from pagemill.engines.rapidocr.engine import load

__all__ = ["load"]
