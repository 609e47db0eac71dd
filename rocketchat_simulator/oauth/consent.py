"""The consent page, and the sign-in page before it."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.oauth_apps import OAuthApp
from rocketchat_simulator.workspace.workspace import Workspace

_AUTHORIZE_PATH: Final = "/oauth/authorize"
_ERRORS: Final = {
    "404": "Invalid OAuth client",
    "invalid_redirect_uri": "Redirect URL does not match",
}
_COOKIES: Final = ("rc_uid", "rc_token")
"""The cookies in which the web client keeps user id and token."""


class ConsentPages:
    """Serves the pages; ``people`` are offered for sign-in with one click."""

    def __init__(self, workspace: Workspace, people: Sequence[User]) -> None:
        self._workspace: Final = workspace
        self._people: Final = people
        self._templates: Final = Environment(
            loader=PackageLoader("rocketchat_simulator.oauth"),
            autoescape=True,
            undefined=StrictUndefined,
        )

    def show_consent(self, request: web.Request, app: OAuthApp) -> web.Response:
        """Return the consent page for the signed-in user, or else the sign-in page."""
        user_id, token = (request.cookies.get(name, "") for name in _COOKIES)
        user = self._workspace.user_of_token(token, user_id) if token else None
        if user is None:
            return self._render_sign_in(request.query_string)
        return self._render(
            "consent",
            app=app,
            user=user,
            token=token,
            query=request.query_string,
            redirect_uri=request.query.get("redirect_uri", ""),
            is_authorized=app.client_id in user.authorized_clients,
        )

    async def show_error(self, request: web.Request) -> web.Response:
        """Return a page with the error in the path; the status is 200, as in the web client."""
        kind = request.match_info["kind"]
        return self._render("error", problem=_ERRORS.get(kind, "Something went wrong"))

    async def sign_in(self, request: web.Request) -> web.Response:
        """Sign a user in or out, then redirect to the consent page that was asked for."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        query = form.get("query", "")
        response = web.Response(status=303, headers={"Location": f"{_AUTHORIZE_PATH}?{query}"})
        if "leave" in form:
            for name in _COOKIES:
                response.del_cookie(name, path=_AUTHORIZE_PATH)
            return response
        user = self._authenticate(form)
        if user is None:
            return self._render_sign_in(query, problem="Incorrect username or password", status=401)
        token = self._workspace.make_login_token(user)
        for name, value in zip(_COOKIES, (user.id, token), strict=True):
            # Only for this path: cookies ignore the port, and the bot may use the same host.
            response.set_cookie(name, value, path=_AUTHORIZE_PATH, samesite="Lax")
        return response

    def _authenticate(self, form: dict[str, str]) -> User | None:
        if "person" in form:
            return next((each for each in self._people if each.username == form["person"]), None)
        user = self._workspace.people.find_by_login(form.get("user", ""))
        is_valid = user is not None and user.is_active and form.get("password") == user.password
        return user if is_valid else None

    def _render_sign_in(self, query: str, *, problem: str = "", status: int = 200) -> web.Response:
        return self._render(
            "signin", status=status, query=query, people=list(self._people), problem=problem
        )

    def _render(self, name: str, *, status: int = 200, **values: object) -> web.Response:
        text = self._templates.get_template(f"{name}.html").render(values)
        headers = {"Cache-Control": "no-store", "X-Frame-Options": "sameorigin"}
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)
