"""Draws lines over time as an SVG file, with only the standard library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from xml.sax.saxutils import escape

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 860, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 50, 50
_LEGEND_ROW, _LETTER = 16, 6.6
_COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#8250df", "#bf8700", "#57606a", "#bf3989", "#0a7ea4")
_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Panel:
    """Lines that share one pair of axes, both of which begin at zero.

    Attributes:
        right: Where the x axis ends at least, so that panels below each other line up.
        height: Of the panel, in units of the drawing.
    """

    title: str
    lines: Mapping[str, Points]
    x_name: str
    y_name: str
    right: float = 0.0
    height: int = _HEIGHT


def write_plot(path: Path, lines: Mapping[str, Points], *, title: str, x_name: str, y_name: str) -> None:
    """Draw one line for each name; both axes begin at zero."""
    write_panels(path, [Panel(title, lines, x_name, y_name)])


def write_panels(path: Path, panels: Sequence[Panel]) -> None:
    """Draw the panels below each other."""
    body, top = [], 0
    for panel in panels:
        drawing = _Drawing(panel)
        body += [f'<g transform="translate(0, {top})">', *drawing.parts(), "</g>"]
        top += drawing.height
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" font-family="sans-serif">'
    paper = f'<rect width="{_WIDTH}" height="{top}" fill="white"/>'
    path.write_text("\n".join([head, paper, *body, "</svg>", ""]))


class _Drawing:
    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._legend, rows = _laid_out(list(panel.lines))
        self._top = _TOP + _LEGEND_ROW * (rows - 1)
        self.height = panel.height + _LEGEND_ROW * (rows - 1)
        right = max([panel.right, *(x for points in panel.lines.values() for x, _ in points)])
        most = max((y for points in panel.lines.values() for _, y in points), default=0)
        self._x_step, self._y_step = _step(right, 8), _step(most, 5)
        self._x_end = _rounded_up(right, self._x_step)
        self._y_end = _rounded_up(most, self._y_step)

    def parts(self) -> list[str]:
        panel = self._panel
        return [
            *self._grid(),
            *(self._line(points, _colour(index)) for index, points in enumerate(panel.lines.values())),
            *self._names(),
            _text(_WIDTH / 2, 20, panel.title, anchor="middle", size=15),
            _text((_LEFT + _WIDTH - _RIGHT) / 2, self.height - 12, panel.x_name, anchor="middle"),
            _text(_LEFT - 10, self._top - 12, panel.y_name, anchor="middle"),
        ]

    def _grid(self) -> list[str]:
        parts = []
        for value in range(0, self._y_end + 1, self._y_step):
            y = self._y(value)
            parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}" stroke="#d0d7de"/>')
            parts.append(_text(_LEFT - 8, y + 4, str(value), anchor="end"))
        parts.extend(
            _text(self._x(value), self.height - _BOTTOM + 18, str(value), anchor="middle")
            for value in range(0, self._x_end + 1, self._x_step)
        )
        return parts

    def _line(self, points: Points, colour: str) -> str:
        drawn = " ".join(f"{self._x(x)},{self._y(y)}" for x, y in points)
        return f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.3"/>'

    def _names(self) -> list[str]:
        parts = []
        for index, (name, x, row) in enumerate(self._legend):
            y = _TOP - 18 + _LEGEND_ROW * row
            parts.append(f'<rect x="{x}" y="{y}" width="18" height="4" fill="{_colour(index)}"/>')
            parts.append(_text(x + 24, y + 6, name))
        return parts

    def _x(self, value: float) -> float:
        return round(_LEFT + value / self._x_end * (_WIDTH - _LEFT - _RIGHT), 1)

    def _y(self, value: float) -> float:
        bottom = self.height - _BOTTOM
        return round(bottom - value / self._y_end * (bottom - self._top), 1)


def _laid_out(names: Sequence[str]) -> tuple[list[tuple[str, float, int]], int]:
    """Where each name of the legend begins, and in which row; how many rows there are."""
    placed: list[tuple[str, float, int]] = []
    x, row = _LEFT + 60.0, 0
    for name in names:
        width = 24 + _LETTER * len(name) + 22
        if placed and x + width > _WIDTH:
            x, row = _LEFT + 60.0, row + 1
        placed.append((name, x, row))
        x += width
    return placed, row + 1


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _rounded_up(most: float, step: int) -> int:
    return max(1, ceil(most / step)) * step


def _step(most: float, parts: int) -> int:
    """A round step that divides the axis into about this many parts."""
    power = 1
    while power * 10 * parts < most:
        power *= 10
    return next((step * power for step in _STEPS if step * power * (parts + 1) >= most), 10 * power)


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="#24292f">{escape(words)}</text>'
