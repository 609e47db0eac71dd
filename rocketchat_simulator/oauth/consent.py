"""The pages on which somebody signs in to the workspace and lets an application in, or not."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.oauth_apps import OAuthApp
from rocketchat_simulator.workspace.workspace import Workspace

_PATH: Final = "/oauth/authorize"
_ERRORS: Final = {
    "404": "Invalid OAuth client",
    "invalid_redirect_uri": "Redirect URL does not match",
}
_NAMES: Final = ("rc_uid", "rc_token")
"""The cookies that the web client keeps of who is signed in."""


class ConsentPages:
    """Shows the consent page; ``people`` are offered for one-click sign-in."""

    def __init__(self, workspace: Workspace, people: Sequence[User]) -> None:
        self._workspace: Final = workspace
        self._people: Final = people
        self._templates: Final = Environment(
            loader=PackageLoader("rocketchat_simulator.oauth"),
            autoescape=True,
            undefined=StrictUndefined,
        )

    def show(self, request: web.Request, app: OAuthApp) -> web.Response:
        """Show who is signed in and who asks; or who may sign in, where nobody is."""
        user_id, token = (request.cookies.get(name, "") for name in _NAMES)
        user = self._workspace.user_of_token(token, user_id) if token else None
        if user is None:
            return self._show_sign_in(request.query_string)
        return self._render(
            "consent",
            app=app,
            user=user,
            token=token,
            query=request.query_string,
            redirect_uri=request.query.get("redirect_uri", ""),
            is_known=app.client_id in user.authorized_clients,
        )

    async def show_error(self, request: web.Request) -> web.Response:
        """Show why there is nothing to consent to; the status is 200, as on the web client."""
        kind = request.match_info["kind"]
        return self._render("error", problem=_ERRORS.get(kind, "Something went wrong"))

    async def sign_in(self, request: web.Request) -> web.Response:
        """Sign somebody in or out, then go on to the consent page that was asked for."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        query = form.get("query", "")
        response = web.Response(status=303, headers={"Location": f"{_PATH}?{query}"})
        if "leave" in form:
            for name in _NAMES:
                response.del_cookie(name, path=_PATH)
            return response
        user = self._find_signing_in(form)
        if user is None:
            return self._show_sign_in(query, problem="Incorrect username or password", status=401)
        token = self._workspace.make_login_token(user)
        for name, value in zip(_NAMES, (user.id, token), strict=True):
            # This path only: cookies know no ports, and the bot's pages may share the host.
            response.set_cookie(name, value, path=_PATH, samesite="Lax")
        return response

    def _find_signing_in(self, form: dict[str, str]) -> User | None:
        if "person" in form:
            return next((each for each in self._people if each.username == form["person"]), None)
        user = self._workspace.people.find_by_login(form.get("user", ""))
        is_right = user is not None and user.is_active and form.get("password") == user.password
        return user if is_right else None

    def _show_sign_in(self, query: str, *, problem: str = "", status: int = 200) -> web.Response:
        return self._render(
            "signin", status=status, query=query, people=list(self._people), problem=problem
        )

    def _render(self, name: str, *, status: int = 200, **values: object) -> web.Response:
        text = self._templates.get_template(f"{name}.html").render(values)
        headers = {"Cache-Control": "no-store", "X-Frame-Options": "sameorigin"}
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)
