"""Registration of OAuth applications.

Source: ``app/api/server/v1/oauthapps.ts``, 8.3; ``create`` as seen on 6.5.3 and 8.3.
"""

from typing import Final

from rocketchat_simulator.rest.call import Call, Route, get
from rocketchat_simulator.rest.responses import Response, make_failure
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.oauth_apps import OAuthApp, parse_redirect_uris

_PERMISSION: Final = "manage-oauth-apps"
_FIELDS: Final = ("name", "active", "redirectUri")


def _create(call: Call) -> Document:
    name, uris, is_active = _parse_fields(call)
    apps = call.workspace.oauth.apps
    app = apps.add(name, uris, by=call.user, is_active=is_active)
    return {"application": _format_app(app)}


def _update(call: Call) -> Document:
    name, uris, is_active = _parse_fields(call)
    app_id, apps = str(call.body["appId"]), call.workspace.oauth.apps
    return _format_app(apps.change(app_id, name, uris, is_active=is_active, by=call.user))


def _delete(call: Call) -> Response:
    call.workspace.oauth.remove_app(str(call.body["appId"]))
    # The body is not an object, so it has no "success".
    return Response(200, "true")


def _list(call: Call) -> Document:
    return {"oauthApps": [_format_app(app) for app in call.workspace.oauth.apps.all]}


def _get(call: Call) -> Response | Document:
    ids = [call.params[name] for name in ("_id", "clientId", "appId") if name in call.params]
    app = call.workspace.oauth.apps.find(ids[0]) if ids else None
    if app is None:
        return make_failure(400, "OAuth app not found.")
    shown = _format_app(app)
    if not (call.user.may(_PERMISSION) or call.workspace.version.is_before_7):
        # Up to 6.12 every logged-in user got the secret (CVE-2026-23477).
        del shown["clientSecret"]
    return {"oauthApp": shown}


def _parse_fields(call: Call) -> tuple[str, list[str], bool]:
    name, active, uris = (call.body[field] for field in _FIELDS)
    return name, parse_redirect_uris(uris), active


def _format_app(app: OAuthApp) -> Document:
    shown: Document = {"_id": app.id, "name": app.name, "redirectUri": app.redirect_uri}
    shown |= {"active": app.is_active, "clientId": app.client_id, "clientSecret": app.client_secret}
    shown |= {"_createdAt": app.created_at, "_updatedAt": app.updated_at}
    shown |= {"_createdBy": app.created_by}
    return shown | ({"_updatedBy": app.updated_by} if app.updated_by else {})


ROUTES = (
    Route("POST", "oauth-apps.create", _create, permission=_PERMISSION),
    Route("POST", "oauth-apps.update", _update, permission=_PERMISSION),
    Route("POST", "oauth-apps.delete", _delete, permission=_PERMISSION),
    Route("GET", "oauth-apps.list", _list, permission=_PERMISSION),
    get("oauth-apps.get", _get),
)
