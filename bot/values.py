"""The decorator of values that are made anew for every question."""

from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

_Made = TypeVar("_Made")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[_Made]) -> type[_Made]:
    """Make ``cls`` a dataclass with slots that nobody may change.

    To type checkers it is ``@dataclass(frozen=True, slots=True)``, and they refuse assignments.
    At run time nothing does: to set the fields of a frozen one takes five times as long, and a
    question makes some twenty-five values of a hundred fields.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


def list_names(cls: type[Any]) -> tuple[str, ...]:
    """Name the fields of a dataclass, in their order."""
    return tuple(each.name for each in fields(cls))
