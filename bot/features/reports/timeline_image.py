"""Draws a timeline: JSON on standard input, a PNG on standard output.

A program of its own, run once for each picture: the imaging library would take more memory than an
idle bot may use, and an endless or broken drawing ends with its process. It imports nothing of the
bot.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Row = dict[str, Any]

WIDTH: Final = 720
"""Width in pixels: a telephone shows half of them, a wide screen two thirds."""

_MARGIN: Final = 24
_INNER_WIDTH: Final = WIDTH - 2 * _MARGIN
_ROW_HEIGHT: Final = 62
_BAR_HEIGHT: Final = 14
_TOP_MARGIN: Final = 20
_BOTTOM_MARGIN: Final = 56
_LABEL_SIZE: Final = 26
_SMALL_SIZE: Final = 22
_DOT_RADIUS: Final = 4
_NICENESS: Final = 10
_BACKGROUND: Final = "#f7f8fa"
_TEXT: Final = "#1f2329"
_MUTED_TEXT: Final = "#616770"
_GRID: Final = "#dcdfe4"
_BAR_COLOURS: Final = {
    "new": ("#f3be08", "#a87f00"),
    "known": ("#1d74f5", "#1d74f5"),
    "gone": ("#9ea2a8", "#9ea2a8"),
}
"""Fill and outline by kind of row, in the colours of the messages."""

_FONTS: Final = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "unifont.ttf",
)
"""Fonts of the system, tried in this order; the library's own one, for Latin, always exists."""


def draw(timeline: dict[str, Any]) -> Image.Image:
    """Draw a row for each device: its label, and its bars below."""
    rows: list[Row] = timeline["rows"]
    more = timeline["more"]
    height = (
        _TOP_MARGIN + _ROW_HEIGHT * len(rows) + _BOTTOM_MARGIN + (_SMALL_SIZE * 2 if more else 0)
    )
    image = Image.new("RGB", (WIDTH, height), _BACKGROUND)
    canvas = ImageDraw.Draw(image)
    labels, small = Fonts(_LABEL_SIZE), Fonts(_SMALL_SIZE)
    bottom = _TOP_MARGIN + _ROW_HEIGHT * len(rows)
    _draw_ticks(canvas, timeline["ticks"], bottom, small)
    for number, row in enumerate(rows):
        _draw_row(canvas, row, _TOP_MARGIN + _ROW_HEIGHT * number, labels)
    if more:
        shown, font = small.fit(more, _INNER_WIDTH)
        canvas.text((_MARGIN, height - _SMALL_SIZE * 2), shown, fill=_MUTED_TEXT, font=font)
    return image


class Fonts:
    """The available fonts in one size."""

    def __init__(self, size: int) -> None:
        self._fonts: Final = [*_open_fonts(size), ImageFont.load_default(size)]

    def fit(self, text: str, width: float) -> tuple[str, Font]:
        """Return the text as far as it can be drawn and fits, and the font that has most of it."""
        tries = [(_keep_drawable(text, font), font) for font in self._fonts]
        shown, font = max(tries, key=lambda each: len(each[0]))
        if font.getlength(shown) <= width:
            return shown, font
        while shown and font.getlength(shown + "…") > width:
            shown = shown[:-1]
        return shown.rstrip() + "…", font


def _open_fonts(size: int) -> Iterator[Font]:
    for name in _FONTS:
        with suppress(OSError):
            yield ImageFont.truetype(name, size)


def _keep_drawable(text: str, font: Font) -> str:
    # Every missing character is drawn as the same box.
    box = bytes(font.getmask("\uffff"))
    drawable = (
        letter
        for letter in text
        if letter.isprintable() and (letter == " " or bytes(font.getmask(letter)) != box)
    )
    return " ".join("".join(drawable).split())


def _draw_ticks(
    canvas: ImageDraw.ImageDraw, ticks: Sequence[Sequence[Any]], bottom: int, fonts: Fonts
) -> None:
    free_from = 0.0
    for place, text in ticks:
        x = _across(place)
        label, font = fonts.fit(text, _INNER_WIDTH)
        canvas.line(((x, _TOP_MARGIN), (x, bottom)), fill=_GRID, width=2)
        half = font.getlength(label) / 2
        middle = min(max(x, _MARGIN + half), WIDTH - _MARGIN - half)
        if middle - half >= free_from:
            canvas.text((middle, bottom + 8), label, fill=_MUTED_TEXT, font=font, anchor="ma")
            free_from = middle + half + _SMALL_SIZE


def _draw_row(canvas: ImageDraw.ImageDraw, row: Row, top: int, fonts: Fonts) -> None:
    label, font = fonts.fit(row["label"], _INNER_WIDTH)
    # A background, so that no grid line crosses the text.
    box = canvas.textbbox((_MARGIN, top), label, font=font)
    canvas.rectangle((box[0] - 4, box[1] - 2, box[2] + 4, box[3] + 2), fill=_BACKGROUND)
    canvas.text((_MARGIN, top), label, fill=_TEXT, font=font)
    bar_top = top + _LABEL_SIZE + 10
    for begin, end in row["bars"]:
        _draw_bar(canvas, begin, end, bar_top, row["kind"])
    for mark in row["marks"]:
        x, y = _across(mark), bar_top + _BAR_HEIGHT // 2
        box = (x - _DOT_RADIUS, y - _DOT_RADIUS, x + _DOT_RADIUS, y + _DOT_RADIUS)
        canvas.ellipse(box, fill=_BACKGROUND)


def _draw_bar(canvas: ImageDraw.ImageDraw, begin: float, end: float, top: int, kind: str) -> None:
    colour, edge = _BAR_COLOURS[kind]
    left, right = _across(begin) - _BAR_HEIGHT // 2, _across(end) + _BAR_HEIGHT // 2
    # A bar that began before the timeline enters from the edge.
    area = (left if begin > 0 else -_BAR_HEIGHT, top, right, top + _BAR_HEIGHT)
    canvas.rounded_rectangle(area, radius=_BAR_HEIGHT // 2, fill=colour, outline=edge)


def _across(place: float) -> int:
    return round(_MARGIN + place * _INNER_WIDTH)


def main() -> None:
    """Draw the timeline from standard input, at a low priority."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    image = draw(json.load(sys.stdin.buffer))
    image.quantize(64).save(sys.stdout.buffer, "PNG", optimize=True)


if __name__ == "__main__":
    main()
