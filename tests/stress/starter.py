"""Starts the bot again and again, from a process that has imported the program already.

Importing is most of what a start costs, and on a busy machine a bot that is killed every few
seconds would never come to its work. A line on stdin starts the next bot; stdout then has its pid
and, when it has ended, its status as ``os.waitstatus_to_exitcode`` writes it.
"""

import os
import sys
import traceback
from typing import NoReturn

import bot.app  # noqa: F401 - a bot that is started does not import it again
from bot.cli import main


def start_for_each_line(config: str) -> None:
    """Start a bot for each line on stdin, one after the other."""
    while sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            _run_bot(config)
        _print(pid)
        _, status = os.waitpid(pid, 0)
        _print(os.waitstatus_to_exitcode(status))


def _print(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _run_bot(config: str) -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.argv = ["session-bot", "run", "--config", config]
    status = 1
    try:
        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does at its end
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    start_for_each_line(sys.argv[1])
