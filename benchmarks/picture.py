"""The picture: a panel of bars for each figure, readable on a light and on a dark page."""

from collections.abc import Sequence
from html import escape

from benchmarks.results import Bar

_WIDTH = 880
_LEFT = 276
_RIGHT = 90
_ROW = 24
_HEAD = 40
_GAP = 18
_OURS = "session-bot"
_STYLE = """
  text { font: 13px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif }
  .ink { fill: #1f2328 } .title { font-weight: 600 } .soft { fill: #57606a }
  .paper { fill: #ffffff } .rail { fill: #eaeef2 } .bar { fill: #8c959f } .own { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    .ink { fill: #e6edf3 } .soft { fill: #9da7b3 }
    .paper { fill: #0d1117 } .rail { fill: #21262d } .bar { fill: #6e7681 } .own { fill: #4493f8 }
  }
"""


def draw(bars: Sequence[Bar]) -> str:
    """Draw SVG; bars of one panel share a scale that begins at nought."""
    panels: dict[str, list[Bar]] = {}
    for bar in bars:
        panels.setdefault(bar.panel, []).append(bar)
    drawn, top = [], _GAP
    for title, rows in panels.items():
        drawn.append(_draw_panel(title, rows, top))
        top += _HEAD + _ROW * len(rows) + _GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" '
        f'width="{_WIDTH}" height="{top}" role="img">\n<style>{_STYLE}</style>\n'
        f'<rect class="paper" width="{_WIDTH}" height="{top}" rx="8"/>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )


def _draw_panel(title: str, rows: Sequence[Bar], top: int) -> str:
    longest = max((bar.value for bar in rows), default=1.0) or 1.0
    lines = [_draw_text("ink title", 24, top + 18, title)]
    for number, bar in enumerate(rows):
        lines += _draw_bar(bar, longest, top + _HEAD + number * _ROW)
    return "\n".join(lines)


def _draw_bar(bar: Bar, longest: float, top: int) -> list[str]:
    room = _WIDTH - _LEFT - _RIGHT
    length = max(1.0, room * bar.value / longest)
    kind = "own" if bar.label == _OURS else "bar"
    return [
        _draw_text("ink" if kind == "own" else "soft", _LEFT - 12, top + 13, bar.label, "end"),
        f'<rect class="rail" x="{_LEFT}" y="{top}" width="{room}" height="16" rx="3"/>',
        f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{length:.1f}" height="16" rx="3"/>',
        _draw_text("ink", _LEFT + room + 10, top + 13, bar.text),
    ]


def _draw_text(kind: str, x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
