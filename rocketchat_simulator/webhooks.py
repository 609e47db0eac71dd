"""Webhooks over HTTP: ``/hooks/<id>/<token>``, and the calls to programs that want messages.

Source: ``app/integrations/server/api/api.ts`` and ``lib/triggerHandler.ts``, 6.x to 8.x. What an
unknown address is answered with was read for 6.x only.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
from aiohttp import web

from rocketchat_simulator.rest.responses import Response, make_failure, make_success
from rocketchat_simulator.workspace.documents import Document, render_iso
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.events import Event, MessageStored
from rocketchat_simulator.workspace.integrations import IncomingWebhook, OutgoingWebhook
from rocketchat_simulator.workspace.models import Room
from rocketchat_simulator.workspace.posts import post_message
from rocketchat_simulator.workspace.workspace import Workspace

_FIRST_WITH_CHOICE: Final = (7, 0)
_SUCCESSES: Final = (200, 201, 202)
_CALL_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)


class Webhooks:
    """Serves incoming webhooks, and calls outgoing ones."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace: Final = workspace
        self._calls: asyncio.TaskGroup | None = None
        self._tasks: Final[set[asyncio.Task[None]]] = set()

    @asynccontextmanager
    async def call_outgoing(self) -> AsyncIterator[None]:
        """Call webhooks until the block ends, and then cancel the calls under way."""
        async with asyncio.TaskGroup() as self._calls:
            unsubscribe = self._workspace.subscribe(self._hear)
            try:
                yield
            finally:
                unsubscribe()
                for task in self._tasks:
                    task.cancel()

    async def serve(self, request: web.Request) -> web.Response:
        """Post what a program sends to its address."""
        webhook_id, token = request.match_info["id"], request.match_info["token"]
        webhook = self._workspace.integrations.find_incoming(webhook_id, token)
        if webhook is None:
            text = "Invalid integration id or token provided."
            return make_failure(404, text).render({})
        if not webhook.is_enabled:
            return make_failure(503, "Service Unavailable").render({})
        return self._post(webhook, await _read_post(request)).render({})

    def _post(self, webhook: IncomingWebhook, posted: Document) -> Response:
        if not posted:
            return make_success({})
        names_room = bool(posted.get("channel") or posted.get("roomId"))
        may_choose = webhook.may_choose_room or self._workspace.version.number < _FIRST_WITH_CHOICE
        if names_room and not may_choose:
            reason = "overriding destination channel is disabled for this integration"
            return make_failure(400, reason)
        try:
            sent = posted | {"bot": {"i": webhook.id}}
            post_message(self._workspace, webhook.user, sent, webhook.defaults)
        except RefusedError as error:
            return make_failure(400, error.kind or error.reason)
        return make_success({})

    def _hear(self, event: Event) -> None:
        if self._calls is None or not isinstance(event, MessageStored) or not event.is_saved:
            return
        for webhook in self._workspace.integrations.find_outgoing(event.room, event.message):
            for url in webhook.urls:
                call = self._call(webhook, url, event.room, event.message)
                task = self._calls.create_task(call)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _call(
        self, webhook: OutgoingWebhook, url: str, room: Room, message: Document
    ) -> None:
        """Tell a program of a message, and post what it answers; errors are not seen anywhere."""
        data = render_iso(_make_data(webhook, room, message))
        try:
            async with (
                aiohttp.ClientSession(timeout=_CALL_TIMEOUT) as http,
                http.post(url, json=data) as answer,
            ):
                is_json = answer.content_type == "application/json"
                said = await answer.json() if is_json and answer.status in _SUCCESSES else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return
        if isinstance(said, dict) and (said.get("text") or said.get("attachments")):
            self._answer(webhook, room, said)

    def _answer(self, webhook: OutgoingWebhook, room: Room, said: Document) -> None:
        posted = said | {"bot": {"i": webhook.id}}
        try:
            post_message(self._workspace, webhook.user, posted, {"channel": room.id})
        except RefusedError:
            return


def _make_data(webhook: OutgoingWebhook, room: Room, message: Document) -> Document:
    data: Document = {"token": webhook.token, "bot": bool(message.get("bot"))}
    if word := webhook.find_trigger(message):
        data["trigger_word"] = word
    data |= {"channel_id": room.id, "message_id": message["_id"], "timestamp": message["ts"]}
    data |= {"channel_name": room.name} if room.name else {}
    data |= {"user_id": message["u"]["_id"], "user_name": message["u"]["username"]}
    data |= {"text": message["msg"], "siteUrl": ""}
    data |= {key: message[key] for key in ("alias", "tmid") if message.get(key)}
    return data | ({"isEdited": True} if "editedAt" in message else {})


async def _read_post(request: web.Request) -> Document:
    """Return a post: JSON, or a form, or a form with JSON in its field ``payload``."""
    if request.content_type == "application/x-www-form-urlencoded":
        fields: dict[str, Any] = dict(await request.post())
        return _parse(str(fields["payload"])) if "payload" in fields else fields
    return _parse(await request.text())


def _parse(text: str) -> Document:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
