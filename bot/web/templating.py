"""Pages: made from templates, sent with headers that keep everybody else out."""

import secrets
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Final
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware
from jinja2 import Environment, PackageLoader, StrictUndefined

from bot.errors import StorageError

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; form-action 'self'{elsewhere}; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY.format(elsewhere=""),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Pages:
    """Turns templates into responses."""

    def __init__(self, *, bot_name: str, workspace_url: str, prefix: str) -> None:
        self._templates = Environment(
            loader=PackageLoader("bot.web"), autoescape=True, undefined=StrictUndefined
        )
        self._templates.globals.update(
            bot_name=bot_name, workspace_url=workspace_url, prefix=prefix
        )
        parts = urlsplit(workspace_url)
        self._workspace_origin: Final = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._style: Final = (files("bot.web") / "static" / "style.css").read_text("utf-8")

    def show(
        self, name: str, *, status: int = 200, leads_to_workspace: bool = False, **values: object
    ) -> web.Response:
        """Fill the template of that name; say whether a form on it may lead to the workspace."""
        text = self._templates.get_template(f"{name}.html").render(values)
        # Chromium holds form-action against every redirect that follows a form.
        elsewhere = f" {self._workspace_origin}" if leads_to_workspace else ""
        headers = {"Content-Security-Policy": _POLICY.format(elsewhere=elsewhere)}
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)

    async def show_style(self, _request: web.Request) -> web.Response:
        """Serve the one style sheet."""
        return web.Response(text=self._style, content_type="text/css")


def show_every_failure(pages: Pages) -> Middleware:
    """Make the middleware that sets the headers and shows a page for whatever goes wrong."""
    log = structlog.get_logger("web")

    async def serve_or_explain(request: web.Request, serve: Serve) -> web.StreamResponse:
        try:
            return await serve(request)
        except web.HTTPException as refusal:
            return pages.show("refused", status=refusal.status, reason=refusal.reason)
        except StorageError:
            log.exception("a page could not use the database", method=request.method)
            return pages.show("problem", status=503, problem="memory", wait=0)
        except Exception:
            reference = secrets.token_hex(2).upper()
            log.exception("a page failed", method=request.method, reference=reference)
            return pages.show("surprise", status=500, reference=reference)

    @web.middleware
    async def middleware(request: web.Request, handler: Serve) -> web.StreamResponse:
        response = await serve_or_explain(request, handler)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return middleware
