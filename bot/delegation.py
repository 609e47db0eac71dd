"""Builds the parts that look after the tokens people lend."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from bot.config import Settings
from bot.features.accounts.audit import Audit
from bot.features.accounts.audit_store import AuditTrail
from bot.features.accounts.key_rotation import check_keys
from bot.features.accounts.link_requests import ConnectionRequests
from bot.features.accounts.linking import AccountLinking, LinkingParts
from bot.features.accounts.maintenance import Maintenance
from bot.features.accounts.store import Accounts, BearerRefusals, DelegatedTokens, count_accounts
from bot.features.accounts.token_refresh import TokenRefresher
from bot.features.accounts.tokens import BearerSupport, Tokens
from bot.features.alerts.store import AlertSubscriptions, KnownDevices
from bot.features.confirmations import ConfirmationStore
from bot.features.personal_data import Stores
from bot.features.reports.store import ScheduleStore
from bot.features.sessions.store import DeviceNames, NumberedLists
from bot.rocketchat.client import RestClient
from bot.rocketchat.oauth import OAuth, OAuthClient, open_oauth
from bot.storage.database import Database
from bot.storage.engine import find_database_file
from bot.storage.inbox import Inbox
from bot.storage.key_file import load_key_ring, watch_key_file
from bot.storage.vault import KeyRing, Vault


@dataclass(frozen=True, slots=True)
class Delegation:
    """How tokens come, are used, and are kept alive."""

    connections: AccountLinking
    tokens: Tokens
    upkeep: Maintenance
    audit: Audit


@dataclass(frozen=True, slots=True)
class Grounds:
    """What the delegation stands on."""

    settings: Settings
    database: Database
    vault: Vault
    memory: Stores
    rest: RestClient
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    browser_patience: float


@asynccontextmanager
async def open_delegation(grounds: Grounds, public_url: str) -> AsyncIterator[Delegation]:
    """Build the parts; ``public_url`` is where browsers reach the connection page."""
    async with _open_oauth(grounds, public_url) as oauth:
        memory, rest, now = grounds.memory, grounds.rest, grounds.now
        lent = DelegatedTokens(grounds.database, grounds.vault)
        audit = Audit(memory.trail, now)
        bearer = BearerSupport(rest, BearerRefusals(grounds.database), now)
        renewals = TokenRefresher(lent, oauth, now)
        parts = LinkingParts(memory.accounts, memory.requests, lent, rest, oauth, bearer, audit)
        connections = AccountLinking(
            parts, public_url=public_url, now=now, patience=grounds.browser_patience
        )
        upkeep = Maintenance(
            lent=lent,
            renewals=renewals,
            connections=connections,
            requests=memory.requests,
            audit=audit,
            now=now,
            sleep=grounds.sleep,
        )
        tokens = Tokens(lent, renewals, rest, bearer, audit)
        yield Delegation(connections, tokens, upkeep, audit)


@asynccontextmanager
async def _open_oauth(grounds: Grounds, public_url: str) -> AsyncIterator[OAuth | None]:
    settings = grounds.settings.oauth
    if not settings.client_id:
        await _warn_of_unset_oauth(grounds.database)
        yield None
        return
    client = OAuthClient(settings.client_id, settings.client_secret, f"{public_url}/oauth/callback")
    async with open_oauth(grounds.settings.workspace.url, client, now=grounds.now) as oauth:
        yield oauth


async def _warn_of_unset_oauth(database: Database) -> None:
    count = await count_accounts(database, kind="oauth")
    if count:
        structlog.get_logger("delegation").warning(
            "[oauth] is not set, but people have connected with it: their permissions cannot be"
            " renewed and will end; set client_id and client_secret again",
            accounts=count,
        )


def make_memory(database: Database, vault: Vault) -> Stores:
    """Make the places where things about people are kept."""
    return Stores(
        accounts=Accounts(database, vault),
        requests=ConnectionRequests(database),
        names=DeviceNames(database),
        listings=NumberedLists(database),
        confirmations=ConfirmationStore(database),
        trail=AuditTrail(database),
        schedules=ScheduleStore(database),
        watches=AlertSubscriptions(database),
        sightings=KnownDevices(database),
        inbox=Inbox(database),
    )


async def open_vault(database: Database, settings: Settings) -> Vault:
    """Open the vault; raise ConfigError where a key is missing that tokens are sealed with."""
    # A database on a server may have other machines, each of which would make a key of its own.
    is_alone = find_database_file(settings.storage.url) is not None
    is_new = await count_accounts(database) == 0
    ring = load_keys(settings, is_creation_allowed=is_alone and is_new)
    await check_keys(database, ring)
    return make_vault(ring, settings)


def load_keys(settings: Settings, *, is_creation_allowed: bool = False) -> KeyRing:
    """Load the keys; raise ConfigError."""
    file = find_key_file(settings)
    return load_key_ring(settings.vault.keys, file, is_creation_allowed=is_creation_allowed)


def make_vault(ring: KeyRing, settings: Settings) -> Vault:
    """Make the vault of the workspace; a key file that changes is noticed."""
    # Without the scheme, so that moving a workspace to https does not lock everybody out.
    parts = urlsplit(settings.workspace.url)
    file = find_key_file(settings)
    if settings.vault.keys or file is None:
        return Vault(ring, parts.netloc + parts.path)
    return Vault(ring, parts.netloc + parts.path, watch_key_file(file))


def find_key_file(settings: Settings) -> Path | None:
    """Give the file that the keys are in, if they are not in the settings."""
    if settings.vault.key_file:
        return settings.vault.key_file
    database = find_database_file(settings.storage.url)
    return database.with_suffix(".key") if database else None
