"""Webhooks: programs that post by an address with a secret, and those that are told of messages.

Source: ``app/integrations/server``, 6.x to 8.x, without scripts and retries.
"""

from dataclasses import dataclass, field
from typing import Final

from rocketchat_simulator.workspace.documents import Document, make_id
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.people import People

_EVERYWHERE: Final = {
    "c": "all_public_channels",
    "p": "all_private_groups",
    "d": "all_direct_messages",
}


@dataclass(slots=True)
class IncomingWebhook:
    """Who posts to ``/hooks/<id>/<token>`` and where, if the post does not say.

    ``may_choose_room`` counts since 7.0; before every post may.
    """

    user: User
    channel: str
    alias: str = ""
    avatar: str = ""
    emoji: str = ""
    is_enabled: bool = True
    may_choose_room: bool = False
    id: str = field(default_factory=make_id)
    token: str = field(default_factory=lambda: make_id(48), repr=False)

    @property
    def path(self) -> str:
        """Return the path to post to."""
        return f"/hooks/{self.id}/{self.token}"

    @property
    def defaults(self) -> dict[str, str]:
        """Return what a post has where it says nothing."""
        names = {"alias": self.alias, "avatar": self.avatar, "emoji": self.emoji}
        return names | {"channel": self.channel}


@dataclass(slots=True)
class OutgoingWebhook:
    """Which messages are sent to ``urls``: those of ``channels`` that begin with a trigger word.

    ``channels`` are ``#name``, ``@username`` or one of ``all_public_channels``,
    ``all_private_groups`` and ``all_direct_messages``. Answers with a text are posted as ``user``.
    """

    user: User
    urls: tuple[str, ...]
    channels: tuple[str, ...] = ("all_public_channels",)
    trigger_words: tuple[str, ...] = ()
    runs_on_edits: bool = True
    is_enabled: bool = True
    id: str = field(default_factory=make_id)
    token: str = field(default_factory=lambda: make_id(24), repr=False)

    def find_trigger(self, message: Document) -> str | None:
        """Return the trigger word of a message, empty if none is needed, None if it has none."""
        words = self.trigger_words or ("",)
        return next((word for word in words if str(message["msg"]).startswith(word)), None)


class Integrations:
    """All webhooks of the workspace."""

    def __init__(self, people: People) -> None:
        self._people: Final = people
        self._incoming: Final[dict[str, IncomingWebhook]] = {}
        self._outgoing: Final[list[OutgoingWebhook]] = []

    def add(self, webhook: IncomingWebhook | OutgoingWebhook) -> None:
        """Add a webhook; its token becomes one of the workspace's secrets."""
        self._people.add_secret(webhook.token)
        if isinstance(webhook, IncomingWebhook):
            self._incoming[webhook.id] = webhook
        else:
            self._outgoing.append(webhook)

    def find_incoming(self, webhook_id: str, token: str) -> IncomingWebhook | None:
        """Find a webhook by its id and its secret."""
        found = self._incoming.get(webhook_id)
        return found if found and found.token == token else None

    def find_outgoing(self, room: Room, message: Document) -> list[OutgoingWebhook]:
        """Return the webhooks that are told of a message in a room."""
        if not self._outgoing:
            return []
        names = _find_names(room, message, self._people)
        return [
            webhook
            for webhook in self._outgoing
            if webhook.is_enabled
            and not names.isdisjoint(webhook.channels)
            and (webhook.runs_on_edits or "editedAt" not in message)
            and webhook.find_trigger(message) is not None
        ]


def _find_names(room: Room, message: Document, people: People) -> frozenset[str]:
    if room.type != "d":
        return frozenset({_EVERYWHERE[room.type], f"#{room.id}", f"#{room.name}"})
    ids = [user_id for user_id in room.member_ids if user_id != message["u"]["_id"]]
    peers = [peer for peer in map(people.find, ids) if peer]
    names = {f"@{peer.username}" for peer in peers} | {f"@{id_}" for id_ in room.member_ids}
    return frozenset({_EVERYWHERE["d"], *names})
