"""The command line. ``program`` lists the modules of its commands.

A command imports what it needs in its own body, so ``--version``, ``--help`` and the shell's
completion load none of it.
"""

from bot.cli.program import main

__all__ = ["main"]
