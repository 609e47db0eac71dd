"""Logs: one line an event, to standard error, as text for people or JSON for machines."""

import logging
import re
import secrets
import sys
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal, TextIO

# Where they are installed, structlog loads these for what is not used here: 7 MiB, and a tenth of
# the time of a start. So this is the first module that imports it.
_HIDDEN: Final = [name for name in ("greenlet", "rich") if name not in sys.modules]
sys.modules |= dict.fromkeys(_HIDDEN)  # type: ignore[arg-type] # None makes an import fail
import structlog  # noqa: E402 - see above
from structlog.typing import EventDict, Processor  # noqa: E402 - see above

for _name in _HIDDEN:
    del sys.modules[_name]

_SHORTEST_SECRET = 40
"""Every secret of Rocket.Chat's is at least this long; no id that is worth reading is."""
_SECRET = re.compile(rf"[A-Za-z0-9_+=-]{{{_SHORTEST_SECRET},}}")
# Also base64 with slashes, and what is percent-encoded in an address.
_LONG_WORD = re.compile(rf"[A-Za-z0-9_+=/%-]{{{_SHORTEST_SECRET},}}")
_STRUCK_OUT = "[struck out]"
_QUIET_LIBRARIES: Final = ("alembic", "procrastinate", "sqlalchemy")
"""What they log below a warning is of no use, or holds people's ids and what they wrote."""


def make_log_reference() -> str:
    """Make a reference that a person can quote and an operator finds in the log."""
    return secrets.token_hex(2).upper()


def open_logs(
    level: str, style: Literal["text", "json"], stream: TextIO = sys.stderr
) -> logging.Handler:
    """Send this program's and its libraries' logs to ``stream``, with secrets struck out."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_make_formatter(style))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    handler.setLevel(level)
    for library in _QUIET_LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*_list_first_processors(), *_list_last_processors(style)],
        logger_factory=partial(_LineLogger, stream),
        # Drops what is below the level before any work is done for it.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Otherwise each event would make its logger again, even an event that is dropped.
        cache_logger_on_first_use=True,
    )
    return handler


class _LineLogger:
    """Where this program's own events end; to go through the library would take twice as long."""

    def __init__(self, stream: TextIO, name: str = "") -> None:
        self.name: Final = name
        self._stream: Final = stream

    def info(self, line: str) -> None:
        """Write a line, whatever its level; a log that cannot be written must stop nothing."""
        with suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = warning = error = critical = info


def strike_out_secrets(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replace whatever looks like a token, in any value: the last line of defence."""
    return {key: _strike_out(value) for key, value in event.items()}


def _strike_out(value: Any) -> Any:  # noqa: ANN401 - log values may be anything
    if type(value) is not str:  # what nearly all of them are
        if isinstance(value, bool | int | float | None):
            return value
        value = str(value)
    return value if len(value) < _SHORTEST_SECRET else _LONG_WORD.sub(_strike_out_word, value)


def _strike_out_word(found: re.Match[str]) -> str:
    # Paths of modules in a traceback are in lower case; base64 of that length never is.
    return _SECRET.sub(_STRUCK_OUT, found[0]) if found[0].islower() else _STRUCK_OUT


def escape_unprintable(text: str) -> str:
    r"""Return the text with ``\u001b`` and the like for what could control a terminal.

    Line breaks stay, and JSON stays the same JSON.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else _escape(each) for each in text)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _escape_line(_logger: object, _method: str, line: Any) -> str:  # noqa: ANN401 - what was rendered
    return escape_unprintable(line)


def _write_text(_logger: object, _method: str, event: EventDict) -> str:
    """Write an event in one line, but for its traceback.

    The library's renderer for people takes as long as all the rest of a line, twice over, and lets
    an event that holds line breaks pass for several.
    """
    traceback = event.pop("exception", "")
    name, words = event.pop("event"), [event.pop("timestamp"), f"[{event.pop('level')}]"]
    words += [_quote_unprintable(str(name)), f"[{event.pop('logger')}]"]
    words += [f"{key}={_quote(str(event[key]))}" for key in sorted(event)]
    line = " ".join(words)
    return f"{line}\n{traceback}" if traceback else line


def _quote(text: str) -> str:
    return text if text.isprintable() and text and " " not in text else repr(text)


def _quote_unprintable(text: str) -> str:
    return text if text.isprintable() else repr(text)


def _list_first_processors() -> list[Processor]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _list_last_processors(style: Literal["text", "json"]) -> list[Processor]:
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False) if style == "json" else _write_text
    )
    return [structlog.processors.format_exc_info, strike_out_secrets, renderer, _escape_line]


def _make_formatter(style: Literal["text", "json"]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_list_first_processors(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_list_last_processors(style),
        ],
    )
