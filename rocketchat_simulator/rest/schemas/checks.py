"""The kinds of rows in the table of parameters: a JSON schema, or what came before schemas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rocketchat_simulator.rest.json_schema import Json, Schema, coerce, find_problems
from rocketchat_simulator.rest.responses import (
    Response,
    make_invalid_parameters,
    make_refusal,
)
from rocketchat_simulator.workspace.attachment_rules import find_type
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.versions import Version, VersionNumber

_BEGINNING: Final[VersionNumber] = (0, 0)
_NO_END: Final[VersionNumber] = (99, 0)
TYPED: Final[VersionNumber] = (8, 4)


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """A schema that servers from ``since`` on and before ``until`` check with ajv.

    From ``typed_since`` on the route is registered with its schema, which changes the error's
    words (read in the source of 8.3 and after 8.8; the versions between are not known exactly).
    """

    schema: Schema
    since: VersionNumber = _BEGINNING
    until: VersionNumber = _NO_END
    typed_since: VersionNumber = TYPED

    def coerce(self, given: Json) -> Json:
        """Return a query or a form with numbers and flags where the schema wants them."""
        return coerce(self.schema, given)

    def check(self, given: Json, version: Version, *, is_query: bool) -> Response | None:
        """Return the 400 for a body or a query that the schema refuses, else None."""
        problems = find_problems(self.schema, given)
        if not problems:
            return None
        is_typed = version.number >= self.typed_since
        return make_invalid_parameters("\n ".join(problems), is_query=is_query, is_typed=is_typed)


@dataclass(frozen=True, slots=True)
class OwnWords:
    """What a server says where a parameter is missing or empty: reason and kind, in its order."""

    words: Mapping[str, tuple[str, str]]
    since: VersionNumber = _BEGINNING
    until: VersionNumber = _NO_END

    def coerce(self, given: Json) -> Json:
        """Return a query or a form as it is."""
        return given

    def check(self, given: Json, _version: Version, *, is_query: bool) -> Response | None:
        """Return the 400 for the first parameter that is missing, else None."""
        del is_query
        fields = given if isinstance(given, dict) else {}
        for name, (reason, kind) in self.words.items():
            if not fields.get(name):
                return make_refusal(RefusedError(reason, kind))
        return None


@dataclass(frozen=True, slots=True)
class MeteorCheck:
    """Texts that a body must have, checked by Meteor's ``check``, whose errors have no kind."""

    names: tuple[str, ...]
    since: VersionNumber = _BEGINNING
    until: VersionNumber = _NO_END

    def coerce(self, given: Json) -> Json:
        """Return a query or a form as it is."""
        return given

    def check(self, given: Json, _version: Version, *, is_query: bool) -> Response | None:
        """Return the 400 for the first text that is missing or of another type, else None."""
        del is_query
        fields = given if isinstance(given, dict) else {}
        for name in self.names:
            if name not in fields:
                return make_refusal(RefusedError(f"Match error: Missing key '{name}'"))
            if not isinstance(fields[name], str):
                problem = f"Expected string, got {find_type(fields[name])} in field {name}"
                return make_refusal(RefusedError(f"Match error: {problem}"))
        return None


ParameterCheck = JsonSchema | OwnWords | MeteorCheck
Table = Mapping[str, tuple[ParameterCheck, ...]]
