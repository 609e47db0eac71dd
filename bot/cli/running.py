"""Commands that run until they are stopped: the bot, a worker, the demo, a simulated workspace."""

from typing import Annotated, Literal

import typer

from bot.cli.command import command
from bot.cli.options import Config, Port, Secrets

commands = typer.Typer()

ServerVersion = Literal["6.5", "7.7", "8.3", "8.8"]
"""The keys of the simulator's VERSIONS, which is not imported only to be listed."""


@command(commands, "run")
async def run(config: Config = None, secrets: Secrets = None) -> None:
    """Run the bot."""
    from bot.app import open_bot
    from bot.cli.service import serve

    await serve(config, secrets, open_bot)


@command(commands, "work")
async def work(config: Config = None, secrets: Secrets = None) -> None:
    """Run scheduled jobs only, beside running bots; needs PostgreSQL."""
    from bot.app import open_worker
    from bot.cli.service import serve

    await serve(config, secrets, open_worker)


@command(commands, "demo")
async def demo(
    port: Port = 3000,
    say: Annotated[str | None, typer.Option(help="Say this as Alice, print the answer.")] = None,
    *,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Try the bot in a simulated workspace; nothing to install or configure."""
    from bot.demo.demo import run_demo, say_in_demo
    from bot.logs import open_logs

    open_logs("WARNING", "text")
    if say is None:
        await run_demo(port, is_browser_wanted=browser)
    else:
        await say_in_demo(say)


@command(commands, "simulate")
async def simulate(
    port: Port = 3000,
    server: Annotated[ServerVersion, typer.Option(help="Version of Rocket.Chat.")] = "8.3",
    *,
    licensed: Annotated[bool, typer.Option(help="With device management or without.")] = True,
) -> None:
    """Run the simulated workspace alone, and print what a bot needs to log in there."""
    from bot.demo.demo import run_simulated_workspace
    from bot.logs import open_logs

    open_logs("WARNING", "text")
    await run_simulated_workspace(port, server, is_licensed=licensed)
