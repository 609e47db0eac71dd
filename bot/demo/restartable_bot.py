"""The demo's bot, which can be stopped and opened again on the same database."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from bot.app import AppOverrides, open_bot
from bot.config import Settings, WebSettings
from bot.lifecycle import Bot


class RestartableBot:
    """``run`` runs the bot until ``stop``, and again after ``start``.

    ``on_opened`` is called with the address of its pages, which a restart keeps.
    """

    def __init__(
        self, settings: Settings, overrides: AppOverrides, on_opened: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self.is_listening: Final = asyncio.Event()
        self._overrides: Final = replace(overrides, on_listening=self.is_listening.set)
        self._on_opened: Final = on_opened
        self._is_wanted: Final = asyncio.Event()
        self._is_unwanted: Final = asyncio.Event()
        self._has_stopped: Final = asyncio.Event()
        self._is_wanted.set()

    async def run(self) -> None:
        """Run the bot until cancelled; raise what ``open_bot`` and ``Bot.run`` raise."""
        while True:
            async with open_bot(self._settings, self._overrides) as bot:
                self._keep_address(bot.public_url)
                self._on_opened(bot.public_url)
                await self._run_until_unwanted(bot)
            self._has_stopped.set()
            await self._is_wanted.wait()

    async def stop(self) -> None:
        """Stop the bot as a signal does: it finishes the answers that are being given."""
        self._is_wanted.clear()
        self._has_stopped.clear()
        self._is_unwanted.set()
        await self._has_stopped.wait()

    def start(self) -> None:
        """Let ``run`` open the stopped bot again; ``is_listening`` is set when it has caught up."""
        self.is_listening.clear()
        self._is_unwanted.clear()
        self._is_wanted.set()

    async def _run_until_unwanted(self, bot: Bot) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(bot.run())
            await self._is_unwanted.wait()
            running.cancel()

    def _keep_address(self, public_url: str) -> None:
        # Links in chat lead to the port that the first start got.
        web = WebSettings(public_url=public_url, port=urlsplit(public_url).port or 0)
        self._settings = self._settings.model_copy(update={"web": web})
