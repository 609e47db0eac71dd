"""Draws a timeline: JSON on standard input, a PNG on standard output.

A program of its own, run once for each picture: the imaging library costs more memory than all the
rest of an idle bot may, and an endless or broken drawing ends with its process. It imports nothing
of the bot.
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
"""Of the picture, in pixels: a telephone shows half of them, a wide screen two thirds."""

_MARGIN: Final = 24
_INSIDE: Final = WIDTH - 2 * _MARGIN
_ROW: Final = 62
_BAR: Final = 14
_HEAD: Final = 20
_FOOT: Final = 56
_LETTERS: Final = 26
_SMALL: Final = 22
_DOT: Final = 4
_NICE: Final = 10
_GROUND: Final = "#f7f8fa"
_INK: Final = "#1f2329"
_QUIET: Final = "#616770"
_LINE: Final = "#dcdfe4"
_BARS: Final = {
    "new": ("#f3be08", "#a87f00"),
    "known": ("#1d74f5", "#1d74f5"),
    "gone": ("#9ea2a8", "#9ea2a8"),
}
"""The colours of the report itself, and their edges."""

_FONTS: Final = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "unifont.ttf",
)
"""Wherever the system keeps its fonts; the library's own, for Latin, is there always."""


def draw(timeline: dict[str, Any]) -> Image.Image:
    """Draw a row for each device: what it is, and under it its bars between two margins."""
    rows: list[Row] = timeline["rows"]
    more = timeline["more"]
    height = _HEAD + _ROW * len(rows) + _FOOT + (_SMALL * 2 if more else 0)
    image = Image.new("RGB", (WIDTH, height), _GROUND)
    canvas = ImageDraw.Draw(image)
    letters, small = Fonts(_LETTERS), Fonts(_SMALL)
    bottom = _HEAD + _ROW * len(rows)
    _draw_ticks(canvas, timeline["ticks"], bottom, small)
    for number, row in enumerate(rows):
        _draw_row(canvas, row, _HEAD + _ROW * number, letters)
    if more:
        shown, font = small.fit(more, _INSIDE)
        canvas.text((_MARGIN, height - _SMALL * 2), shown, fill=_QUIET, font=font)
    return image


class Fonts:
    """The fonts that are there, in one size."""

    def __init__(self, size: int) -> None:
        self._fonts: Final = [*_open_fonts(size), ImageFont.load_default(size)]

    def fit(self, text: str, width: float) -> tuple[str, Font]:
        """Find the font that has the most of it, drop what that lacks, cut what is too long."""
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
    # What a font lacks it shows as one and the same box.
    box = bytes(font.getmask("\uffff"))
    letters = (
        letter
        for letter in text
        if letter.isprintable() and (letter == " " or bytes(font.getmask(letter)) != box)
    )
    return " ".join("".join(letters).split())


def _draw_ticks(
    canvas: ImageDraw.ImageDraw, ticks: Sequence[Sequence[Any]], bottom: int, fonts: Fonts
) -> None:
    free_from = 0.0
    for place, text in ticks:
        x = _across(place)
        label, font = fonts.fit(text, _INSIDE)
        canvas.line(((x, _HEAD), (x, bottom)), fill=_LINE, width=2)
        half = font.getlength(label) / 2
        middle = min(max(x, _MARGIN + half), WIDTH - _MARGIN - half)
        if middle - half >= free_from:
            canvas.text((middle, bottom + 8), label, fill=_QUIET, font=font, anchor="ma")
            free_from = middle + half + _SMALL


def _draw_row(canvas: ImageDraw.ImageDraw, row: Row, top: int, fonts: Fonts) -> None:
    label, font = fonts.fit(row["label"], _INSIDE)
    # A ground of its own, so that no line goes through the letters.
    box = canvas.textbbox((_MARGIN, top), label, font=font)
    canvas.rectangle((box[0] - 4, box[1] - 2, box[2] + 4, box[3] + 2), fill=_GROUND)
    canvas.text((_MARGIN, top), label, fill=_INK, font=font)
    high = top + _LETTERS + 10
    for begin, end in row["bars"]:
        _draw_bar(canvas, begin, end, high, row["kind"])
    for mark in row["marks"]:
        x, y = _across(mark), high + _BAR // 2
        box = (x - _DOT, y - _DOT, x + _DOT, y + _DOT)
        canvas.ellipse(box, fill=_GROUND)


def _draw_bar(canvas: ImageDraw.ImageDraw, begin: float, end: float, high: int, kind: str) -> None:
    colour, edge = _BARS[kind]
    left, right = _across(begin) - _BAR // 2, _across(end) + _BAR // 2
    # What began before the picture does comes in from its edge.
    area = (left if begin > 0 else -_BAR, high, right, high + _BAR)
    canvas.rounded_rectangle(area, radius=_BAR // 2, fill=colour, outline=edge)


def _across(place: float) -> int:
    return round(_MARGIN + place * _INSIDE)


def main() -> None:
    """Draw what comes in; whoever started this has more urgent things to do."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
    image = draw(json.load(sys.stdin.buffer))
    image.quantize(64).save(sys.stdout.buffer, "PNG", optimize=True)


if __name__ == "__main__":
    main()
