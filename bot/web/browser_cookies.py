"""Telling one browser from another: a cookie, and what is made of it for each link."""

import hashlib
import hmac
import secrets
from typing import Final

from aiohttp import web
from pydantic import SecretStr

_SECONDS: Final = 3600
_LENGTH: Final = 43


class BrowserCookies:
    """Gives each browser a random cookie, which only this server and that browser know."""

    def __init__(self, *, is_https: bool) -> None:
        self._is_https: Final = is_https
        # The prefix makes browsers refuse the cookie from neighbouring hosts and over plain HTTP.
        self._name: Final = "__Host-browser" if is_https else "browser"

    def find(self, request: web.Request) -> SecretStr | None:
        """Return the browser's cookie, if it has brought one."""
        value = request.cookies.get(self._name, "")
        return SecretStr(value) if len(value) == _LENGTH else None

    def make(self) -> SecretStr:
        """Make a cookie for a browser that has none."""
        return SecretStr(secrets.token_urlsafe(32))

    def keep(self, response: web.Response, browser: SecretStr) -> None:
        """Have the browser keep its cookie."""
        response.set_cookie(
            self._name,
            browser.get_secret_value(),
            path="/",
            max_age=_SECONDS,
            httponly=True,
            secure=self._is_https,
            # Lax: people come from links in the chat and from the workspace's consent page, which
            # Strict would take for a new browser.
            samesite="Lax",
        )

    def make_field(self, browser: SecretStr, link: SecretStr) -> str:
        """Make the hidden field that shows a form was opened by this browser, for this link."""
        text = f"{browser.get_secret_value()}\n{link.get_secret_value()}"
        return hashlib.sha256(text.encode()).hexdigest()

    def is_same(self, request: web.Request, link: SecretStr, field: str) -> bool:
        """Return whether the form was opened by the browser that sends it."""
        browser = self.find(request)
        if browser is None:
            return False
        return hmac.compare_digest(self.make_field(browser, link).encode(), field.encode())
