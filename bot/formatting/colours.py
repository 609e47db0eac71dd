"""The colours of attachments, shared by the messages of all features."""

from enum import StrEnum


class Colour(StrEnum):
    """The colour of the bar beside an attachment."""

    GREEN = "#2de0a5"
    BLUE = "#1d74f5"
    AMBER = "#f3be08"
    RED = "#f5455c"
    GREY = "#9ea2a8"
