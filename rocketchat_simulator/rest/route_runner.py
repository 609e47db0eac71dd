"""Run a route after the checks of its call, in the order of the server's version.

6.5: authentication, rate limit, parameters, permission, second factor, licence.
7.7: licence, authentication, permission, parameters, second factor.
8.3: authentication, permission, licence, rate limit, parameters, second factor.
8.8: the same, but query parameters before the rate limit.
6.5 and 8.3 as seen on 6.5.3 and 8.3, 7.7 and 8.8 from the server's source.
"""

from collections.abc import Callable
from typing import Final

from rocketchat_simulator.rest.call import Call, Route
from rocketchat_simulator.rest.rate_limits import RateLimitResult, RateLimits
from rocketchat_simulator.rest.responses import (
    Response,
    make_failure,
    make_forbidden,
    make_refusal,
    make_second_factor_required,
    make_success,
    make_unauthorized,
    make_unlicensed,
)
from rocketchat_simulator.workspace.documents import digest_password
from rocketchat_simulator.workspace.errors import RefusedError

_GUARDED: Final = frozenset(
    {
        "users.update",
        "users.generatePersonalAccessToken",
        "users.regeneratePersonalAccessToken",
    }
)
Check = Callable[[], Response | None]


class RouteRunner:
    """Checks calls and runs their routes. ``limits`` is None if there is no rate limit."""

    def __init__(self, limits: RateLimits | None) -> None:
        self._limits = limits

    def run(self, route: Route, call: Call, address: str) -> Response:
        """Return the response to a call; ``address`` is the client's for the rate limit."""
        count = self._make_counter(route, call, address)
        counted: list[RateLimitResult] = []

        def check_limit() -> Response | None:
            if count is None:
                return None
            counted.append(count())
            is_allowed = counted[0].is_allowed
            return None if is_allowed else make_failure(429, counted[0].error)

        for check in _order_checks(route, call, check_limit):
            if (refused := check()) is not None:
                return _add_limit_headers(refused, counted, call)
        return _add_limit_headers(_run(route, call), counted, call)

    def _make_counter(
        self, route: Route, call: Call, address: str
    ) -> Callable[[], RateLimitResult] | None:
        limits = self._limits if call.workspace.version.is_limited else None
        is_exempt = call.caller is not None and call.caller.may("api-bypass-rate-limit")
        if limits is None or is_exempt or not route.is_limited:
            return None
        override = call.workspace.version.send_limit if route.name == "chat.sendMessage" else None
        return lambda: limits.count(f"{route.method} {route.name}", address, override)


def _order_checks(route: Route, call: Call, check_limit: Check) -> list[Check]:
    def check_login() -> Response | None:
        workspace = call.workspace
        is_open = workspace.allows_anonymous_reading and workspace.version.skips_login_check
        is_allowed = is_open or route.is_open or call.caller is not None
        return None if is_allowed else make_unauthorized(workspace.version)

    def check_permission() -> Response | None:
        is_allowed = not route.permission or (call.caller and call.caller.may(route.permission))
        return None if is_allowed else make_forbidden()

    def check_licence() -> Response | None:
        is_allowed = not route.needs_licence or call.workspace.is_licensed
        return None if is_allowed else make_unlicensed(call.workspace.version)

    def check_params() -> Response | None:
        return _check_params(route, call)

    def check_second_factor() -> Response | None:
        is_needed = route.needs_second_factor or _is_guarded(route, call)
        is_allowed = not is_needed or _has_second_factor(call)
        return None if is_allowed else make_second_factor_required()

    if call.workspace.version.is_before_7:
        late = [check_permission, check_second_factor, check_licence]
        return [check_login, check_limit, check_params, *late]
    early = [check_login, check_permission, check_licence]
    if call.workspace.version.checks_licence_first:
        early = [check_licence, check_login, check_permission]
    if call.workspace.version.has_typed_routes and route.method == "GET":
        return [*early, check_params, check_limit, check_second_factor]
    return [*early, check_limit, check_params, check_second_factor]


def _check_params(route: Route, call: Call) -> Response | None:
    if route.check is None:
        return None
    is_query = route.method == "GET"
    given = dict(call.params) if is_query else call.sent
    if is_query or call.is_form:
        given = route.check.coerce(given)
    if call.is_form and isinstance(given, dict):
        call.body.update(given)
    return route.check.check(given, call.workspace.version, is_query=is_query)


def _is_guarded(route: Route, call: Call) -> bool:
    """Return whether the server wants a second factor on this route where they are turned on.

    Source: ``twoFactorRequired`` in ``app/api/server/v1/users.ts`` of 6.5 to 8.3, and for
    ``users.create`` in the newest ``server/api/v1/users.ts``; since which version is not known, so
    8.8 has it. A token that is new or was authorized is excused by the server, never here.
    """
    is_newest = call.workspace.version.has_typed_routes
    guarded = _GUARDED | ({"users.create"} if is_newest else set())
    return call.workspace.has_second_factor and route.name in guarded


def _has_second_factor(call: Call) -> bool:
    digest = digest_password(call.user.password)
    headers = call.headers
    return headers.get("x-2fa-method") == "password" and headers.get("x-2fa-code") == digest


def _run(route: Route, call: Call) -> Response:
    try:
        result = route.run(call)
    except RefusedError as error:
        return make_refusal(error)
    return result if isinstance(result, Response) else make_success(result)


def _add_limit_headers(response: Response, counted: list[RateLimitResult], call: Call) -> Response:
    headers = counted[0].headers if counted else {}
    if call.workspace.version.has_lowercase_limit_headers:
        headers = {name.lower(): value for name, value in headers.items()}
    return Response(
        response.status, response.body, response.content_type, response.headers | headers
    )
