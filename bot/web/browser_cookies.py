"""The cookie that identifies a browser, and the hidden form field derived from it."""

import hashlib
import hmac
import re
import secrets
from typing import Final

from aiohttp import web
from pydantic import SecretStr

_MAX_AGE_S: Final = 3600
_COOKIE: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # secrets.token_urlsafe(32)


class BrowserCookies:
    """Sets a random cookie in each browser, and checks that a form comes from the same browser."""

    def __init__(self, *, is_https: bool) -> None:
        self._is_https: Final = is_https
        # The prefix makes browsers refuse the cookie from neighbouring hosts and over plain HTTP.
        self._name: Final = "__Host-browser" if is_https else "browser"

    def find(self, request: web.Request) -> SecretStr | None:
        """Return the cookie that the browser sent; None without one."""
        value = request.cookies.get(self._name, "")
        return SecretStr(value) if _COOKIE.fullmatch(value) else None

    def make(self) -> SecretStr:
        """Make a cookie for a browser that has none."""
        return SecretStr(secrets.token_urlsafe(32))

    def save(self, response: web.Response, browser: SecretStr) -> None:
        """Set the cookie in the response."""
        response.set_cookie(
            self._name,
            browser.get_secret_value(),
            path="/",
            max_age=_MAX_AGE_S,
            httponly=True,
            secure=self._is_https,
            # Lax: Strict would drop the cookie when people come from a link in the chat or from
            # the workspace's consent page.
            samesite="Lax",
        )

    def make_form_field(self, browser: SecretStr, link: SecretStr) -> str:
        """Return the hidden field's value, which is valid for this browser and this link only."""
        text = f"{browser.get_secret_value()}\n{link.get_secret_value()}"
        return hashlib.sha256(text.encode()).hexdigest()

    def is_same_browser(self, request: web.Request, link: SecretStr, field: str) -> bool:
        """Return whether the browser that sends the form is the one that opened it."""
        browser = self.find(request)
        if browser is None:
            return False
        return hmac.compare_digest(self.make_form_field(browser, link).encode(), field.encode())
