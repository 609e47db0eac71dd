"""Check values against JSON schemas, with ajv's words and in ajv's order.

Rocket.Chat checks bodies and queries with ajv 8, which stops at the first problem (source:
``packages/rest-typings/src/v1/Ajv.ts``). Only the keywords that its schemas use are here.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, Final

Schema = Mapping[str, Any]
Json = Any
"""Any JSON value that a client may send."""

_IS_TYPE: Final[Mapping[str, Callable[[Json], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
_BOOLEANS: Final = {"true": True, "false": False}


def an_object(*required: str, **properties: Schema) -> Schema:
    """Return the schema of an object that has these properties only, some of them always."""
    schema = an_open_object(*required, **properties)
    return {**schema, "additionalProperties": False}


def an_open_object(*required: str, **properties: Schema) -> Schema:
    """Return the schema of an object that may have further properties."""
    return {"type": "object", "properties": properties, "required": required}


def one_of(*schemas: Schema) -> Schema:
    """Return the schema of a value that matches exactly one of these."""
    return {"oneOf": schemas}


def any_of(schema: Schema, *required: tuple[str, ...]) -> Schema:
    """Return the schema of an object that has all properties of one of these groups."""
    return {**schema, "anyOf": [{"required": names} for names in required]}


def an_array(items: Schema) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": items}


def or_null(schema: Schema) -> Schema:
    """Return the schema that also allows null."""
    return {**schema, "nullable": True}


def an_enum(*values: str) -> Schema:
    """Return the schema of one of these texts."""
    return {"type": "string", "enum": values}


STRING: Final[Schema] = {"type": "string"}
FILLED_STRING: Final[Schema] = {"type": "string", "minLength": 1}
BOOLEAN: Final[Schema] = {"type": "boolean"}
NUMBER: Final[Schema] = {"type": "number"}
OBJECT: Final[Schema] = {"type": "object"}


def find_problems(schema: Schema, value: Json) -> list[str]:
    """Return ajv's messages about a value: none if it is valid, several only below ``oneOf``."""
    kind = schema.get("type")
    if value is None and schema.get("nullable"):
        return []
    if kind is not None and not _IS_TYPE[kind](value):
        return [f"must be {kind}"]
    problems = _check_text(schema, value) if isinstance(value, str) else []
    problems = problems or _check_choice(schema, value)
    if problems or not isinstance(value, dict | list):
        return problems
    check = _check_properties if isinstance(value, dict) else _check_items
    return check(schema, value)


def coerce(schema: Schema, value: Json) -> Json:
    """Return what ajv makes of a query or a form, whose values are all texts.

    ``"5"`` becomes a number and ``"true"`` a boolean where the schema wants one.
    """
    if isinstance(value, dict):
        inner = dict(_find_properties(schema))
        return {key: coerce(inner.get(key, {}), each) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    if schema.get("type") == "boolean":
        return _BOOLEANS.get(value, value)
    return _read_number(value) if schema.get("type") == "number" else value


def _find_properties(schema: Schema) -> Iterator[tuple[str, Schema]]:
    for branch in schema.get("oneOf", ()):
        yield from _find_properties(branch)
    yield from schema.get("properties", {}).items()


def _read_number(text: str) -> Json:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _check_text(schema: Schema, value: str) -> list[str]:
    least = schema.get("minLength", 0)
    return [f"must NOT have fewer than {least} characters"] if len(value) < least else []


def _check_choice(schema: Schema, value: Json) -> list[str]:
    if "enum" in schema and value not in schema["enum"]:
        return ["must be equal to one of the allowed values"]
    if "anyOf" in schema:
        found = [find_problems(branch, value) for branch in schema["anyOf"]]
        return [] if [] in found else [*chain(*found), "must match a schema in anyOf"]
    if "oneOf" in schema:
        found = [find_problems(branch, value) for branch in schema["oneOf"]]
        is_one = found.count([]) == 1
        return [] if is_one else [*chain(*found), "must match exactly one schema in oneOf"]
    return []


def _check_items(schema: Schema, value: Json) -> list[str]:
    items = schema.get("items", {})
    return next((found for each in value if (found := find_problems(items, each))), [])


def _check_properties(schema: Schema, value: Json) -> list[str]:
    for name in schema.get("required", ()):
        if name not in value:
            return [f"must have required property '{name}'"]
    properties = schema.get("properties", {})
    if schema.get("additionalProperties", True) is False and not properties.keys() >= value.keys():
        return ["must NOT have additional properties"]
    for name, inner in properties.items():
        if name in value and (problems := find_problems(inner, value[name])):
            return problems
    return []
