"""A Rocket.Chat workspace in one process, to test bots against.

``Simulator`` listens on a real port and serves REST, the realtime API and OAuth 2. Its
``workspace`` holds the state; tests act on it directly, or as a client through ``open_person``.
``docs/testing-a-bot.md`` shows how.
"""

from rocketchat_simulator.faults import Outage
from rocketchat_simulator.person import Person, Visit, open_person
from rocketchat_simulator.request_log import LoggedRequest
from rocketchat_simulator.server import Simulator
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.events import Event, MessageStored
from rocketchat_simulator.workspace.integrations import IncomingWebhook, OutgoingWebhook
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.oauth_apps import OAuthApp
from rocketchat_simulator.workspace.workspace import Workspace

__all__ = [
    "Document",
    "Event",
    "IncomingWebhook",
    "LoggedRequest",
    "MessageStored",
    "OAuthApp",
    "Outage",
    "OutgoingWebhook",
    "Person",
    "Room",
    "Simulator",
    "User",
    "Visit",
    "Workspace",
    "open_person",
]
