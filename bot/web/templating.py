"""HTML pages: rendered from templates, sent with security headers."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware
from markupsafe import Markup

from bot.errors import StorageError
from bot.formatting.locale import ENGLISH, UserLocale, find_language
from bot.logs import make_log_reference
from bot.parsing import Listener

if TYPE_CHECKING:
    from jinja2 import Environment

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; form-action 'self'{more_targets}; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY.format(more_targets=""),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
"""The headers of every response."""

_RANGE: Final = re.compile(
    r"([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q=([01](?:\.\d{0,3})?))?"
)
_Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Pages:
    """Renders templates as responses.

    ``root`` is the path of the public URL, empty or like ``/session-bot``.
    """

    def __init__(self, listener: Listener, workspace_url: str, public_url: str) -> None:
        self.root: Final = urlsplit(public_url).path
        self._listener: Final = listener
        self._values: Final = {
            "workspace_url": workspace_url,
            "prefix": listener.prefix,
            "root": self.root,
        }
        parts = urlsplit(workspace_url)
        self._workspace_origin: Final = f"{parts.scheme}://{parts.netloc}"
        self._style: Final = (files("bot.web") / "static" / "style.css").read_text("utf-8")

    def render(
        self,
        request: web.Request,
        name: str,
        *,
        status: int = 200,
        language: str = "",
        may_submit_to_workspace: bool = False,
        **values: object,
    ) -> web.Response:
        """Render the template ``name``.html in ``language``, or else in the browser's.

        ``may_submit_to_workspace`` lets a form redirect to the workspace.
        """
        wished = request.headers.get("Accept-Language", "")
        language = find_language(language) or parse_accepted_language(wished)
        bot = self._listener.bot
        values |= self._values
        values |= {"bot_name": bot.name or bot.username, "language": language.replace("_", "-")}
        values |= _make_translators(UserLocale(language.replace("_", "-")))
        text = _open_templates().get_template(f"{name}.html").render(values)
        # Chromium applies form-action to every redirect that follows a form, too.
        more_targets = f" {self._workspace_origin}" if may_submit_to_workspace else ""
        headers = {"Content-Security-Policy": _POLICY.format(more_targets=more_targets)}
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)

    async def serve_style(self, _request: web.Request) -> web.Response:
        """Serve the style sheet."""
        return web.Response(text=self._style, content_type="text/css")


@cache
def _open_templates() -> "Environment":
    # Imported here: on most days nobody opens a page.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - see above

    return Environment(loader=PackageLoader("bot.web"), autoescape=True, undefined=StrictUndefined)


def parse_accepted_language(header: str) -> str:
    """Return the language of the bot's that an ``Accept-Language`` header likes best."""
    liked = []
    for each in header.split(","):
        found = _RANGE.fullmatch(each.strip())
        language = find_language(found[1]) if found else ""
        quality = float(found[2] or 1) if found else 0.0
        if language and quality:
            liked.append((quality, language))
    # The first of those that are liked equally.
    return max(liked, key=lambda each: each[0], default=(1.0, ENGLISH))[1]


def _make_translators(locale: UserLocale) -> dict[str, Callable[..., Markup]]:
    """Return what templates call for their texts, which may have markup; values are escaped."""

    def text(template: str, **values: object) -> Markup:
        return Markup(locale.translate(template)).format(**values)  # noqa: S704 - from catalogues

    def plural(one: str, many: str, count: int) -> Markup:
        return Markup(locale.plural(one, many, count))  # noqa: S704 - from catalogues

    return {"text": text, "plural": plural}


def make_error_middleware(pages: Pages) -> Middleware:
    """Make the middleware that adds the headers and shows a page for every error."""
    log = structlog.get_logger("web")

    async def serve_or_explain(request: web.Request, serve: _Serve) -> web.StreamResponse:
        try:
            return await serve(request)
        except web.HTTPException as error:
            return pages.render(request, "http_error", status=error.status, reason=_explain(error))
        except StorageError:
            log.exception("a page could not use the database", method=request.method)
            return pages.render(
                request,
                "not_connected",
                status=503,
                problem="database_unavailable",
                retry_after_s=0,
            )
        except Exception:
            reference = make_log_reference()
            log.exception("a page failed", method=request.method, reference=reference)
            return pages.render(request, "internal_error", status=500, reference=reference)

    @web.middleware
    async def middleware(request: web.Request, handler: _Serve) -> web.StreamResponse:
        response = await serve_or_explain(request, handler)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return middleware


def _explain(error: web.HTTPException) -> str:
    """Return the reason that this program gave; empty for the phrase of HTTP's, in English."""
    return error.reason if error.reason != HTTPStatus(error.status).phrase else ""


def limit_bodies(timeout_s: float) -> Middleware:
    """Make the middleware that reads each body within ``timeout_s``, before it is needed."""

    @web.middleware
    async def middleware(request: web.Request, handler: _Serve) -> web.StreamResponse:
        try:
            async with asyncio.timeout(timeout_s):
                await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        except (ConnectionError, web.PayloadAccessError, web.RequestPayloadError):
            raise web.HTTPBadRequest from None
        return await handler(request)

    return middleware
