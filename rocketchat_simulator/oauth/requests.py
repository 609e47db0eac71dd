"""Check authorization and token requests, in the order of the server's library."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.oauth_apps import OAuthApp
from rocketchat_simulator.workspace.oauth_errors import (
    OAuthRefusedError,
    make_invalid_client,
    make_invalid_request,
    make_server_error,
)
from rocketchat_simulator.workspace.oauth_provider import OAuthProvider, TokenPair

_CODE_RESPONSE: Final = "code"


@dataclass(frozen=True, slots=True)
class OAuthRequest:
    """A form, the query of its URL, and the ``Authorization`` header."""

    form: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    authorization: str = field(default="", repr=False)

    def read(self, name: str) -> str:
        """Return a field of the form, or else of the query, or else an empty text."""
        return self.form.get(name) or self.query.get(name) or ""


def authorize(provider: OAuthProvider, request: OAuthRequest, user: User) -> str:
    """Return the redirect URI with a new code for a user's consent.

    Raise OAuthRefusedError if the request is invalid.
    """
    client_id, redirect_uri = request.read("client_id"), request.read("redirect_uri")
    app = _find_app(provider, client_id, redirect_uri)
    # Before the other checks: a request without state counts as consent, too.
    if client_id not in user.authorized_clients:
        user.authorized_clients.append(client_id)
    state = request.read("state")
    if not state:
        raise make_invalid_request("Missing parameter: `state`")
    _check_response_type(request.read("response_type"))
    target = redirect_uri or app.redirect_uris[0]
    code = provider.make_code(user, app, target)
    return _add_to_query(target, {"code": code, "state": state})


def grant_tokens(provider: OAuthProvider, request: OAuthRequest) -> TokenPair:
    """Return the tokens for a token request; raise OAuthRefusedError if it is invalid."""
    app = _authenticate(provider, request)
    match request.form.get("grant_type"):
        case None | "":
            raise make_invalid_request("Missing parameter: `grant_type`")
        case "authorization_code":
            return provider.exchange_code(
                app,
                _require(request, "code"),
                request.read("redirect_uri"),
                has_verifier=bool(request.form.get("code_verifier")),
            )
        case "refresh_token":
            return provider.refresh(app, _require(request, "refresh_token"))
        case _:
            text = "Unsupported grant type: `grant_type` is invalid"
            raise OAuthRefusedError(400, "unsupported_grant_type", text)


def _find_app(provider: OAuthProvider, client_id: str, redirect_uri: str) -> OAuthApp:
    if not client_id:
        raise make_invalid_request("Missing parameter: `client_id`")
    app = provider.apps.find_active(client_id)
    if app is None:
        raise make_server_error("Invalid clientId")
    if redirect_uri and redirect_uri not in app.redirect_uris:
        raise make_invalid_client("Invalid client: `redirect_uri` does not match client value")
    return app


def _check_response_type(response_type: str) -> None:
    if not response_type:
        raise make_invalid_request("Missing parameter: `response_type`")
    if response_type != _CODE_RESPONSE:
        text = "Unsupported response type: `response_type` is not supported"
        raise OAuthRefusedError(400, "unsupported_response_type", text)


def _authenticate(provider: OAuthProvider, request: OAuthRequest) -> OAuthApp:
    basic = _parse_basic(request.authorization)
    client_id, secret = basic or (request.form.get(name) for name in ("client_id", "client_secret"))
    if not client_id or not secret:
        raise make_invalid_client("Invalid client: cannot retrieve client credentials")
    app = provider.apps.find_active(client_id, secret)
    if app is None:
        raise make_server_error("Invalid clientId")
    return app


def _parse_basic(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return client_id, secret


def _require(request: OAuthRequest, name: str) -> str:
    value = request.form.get(name)
    if not value:
        raise make_invalid_request(f"Missing parameter: `{name}`")
    return value


def _add_to_query(address: str, added: dict[str, str]) -> str:
    parts = urlsplit(address)
    query = urlencode([*parse_qsl(parts.query), *added.items()])
    return urlunsplit(parts._replace(query=query))
