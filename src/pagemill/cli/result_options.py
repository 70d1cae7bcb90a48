"""The options for the form of results and where they go, for every command that delivers some."""

from pathlib import Path
from typing import Annotated

import typer

FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        help="text, markdown, json, html, hocr, alto, csv, pdf, pdf-inert or zip. "
        "Default: what the output's extension says, or text.",
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="File, or folder for several documents; - for stdout, the default."),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace results that are there already.")]
FurnitureOption = Annotated[
    bool,
    typer.Option("--keep-furniture", help="Keep headers, footers and page numbers in text and Markdown."),
]
