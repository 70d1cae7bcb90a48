"""Lines over time as an SVG file, with nothing but the standard library."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 860, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 50, 50
_COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#8250df")
_STEPS = (1, 2, 5)


def write_plot(path: Path, lines: Mapping[str, Points], *, title: str, x_name: str, y_name: str) -> None:
    """Draw one line for each name; both axes begin at zero."""
    right = max(x for points in lines.values() for x, _ in points)
    top = max(y for points in lines.values() for _, y in points)
    x_step, y_step = _step(right), _step(top)
    x_end, y_end = (int(most // step + 1) * step for most, step in ((right, x_step), (top, y_step)))
    body = [
        *_grid(x_end, x_step, y_end, y_step),
        *(_line(points, x_end, y_end, _COLOURS[index % 4]) for index, points in enumerate(lines.values())),
        *_legend(list(lines)),
        _text(_WIDTH / 2, 22, title, anchor="middle", size=15),
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 10, x_name, anchor="middle"),
        _text(_LEFT - 10, _TOP - 12, y_name, anchor="middle"),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">'
    paper = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>'
    path.write_text("\n".join([head, paper, *body, "</svg>", ""]))


def _step(most: float) -> int:
    """A round number of which some five make up the axis."""
    power = 1
    while power * 10 * 5 < most:
        power *= 10
    return next((step * power for step in _STEPS if step * power * 6 >= most), 10 * power)


def _grid(x_end: int, x_step: int, y_end: int, y_step: int) -> list[str]:
    parts = []
    for value in range(0, y_end + 1, y_step):
        y = _y(value, y_end)
        parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}" stroke="#d0d7de"/>')
        parts.append(_text(_LEFT - 8, y + 4, str(value), anchor="end"))
    parts.extend(
        _text(_x(value, x_end), _HEIGHT - _BOTTOM + 18, str(value), anchor="middle")
        for value in range(0, x_end + 1, x_step)
    )
    return parts


def _line(points: Points, x_end: float, y_end: float, colour: str) -> str:
    drawn = " ".join(f"{_x(x, x_end)},{_y(y, y_end)}" for x, y in points)
    return f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _legend(names: Sequence[str]) -> list[str]:
    parts = []
    for index, name in enumerate(names):
        x = _LEFT + 60 + index * 220
        parts.append(f'<rect x="{x}" y="{_TOP - 18}" width="18" height="4" fill="{_COLOURS[index % 4]}"/>')
        parts.append(_text(x + 24, _TOP - 12, name))
    return parts


def _x(value: float, end: float) -> float:
    return round(_LEFT + value / end * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(value: float, end: float) -> float:
    return round(_HEIGHT - _BOTTOM - value / end * (_HEIGHT - _TOP - _BOTTOM), 1)


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="#24292f">{escape(words)}</text>'
