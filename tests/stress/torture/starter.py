"""Starts the bot again and again, from a process that has read the program already.

Reading it is most of what a start costs, and the busier the machine, the less a bot that is killed
every few seconds would ever come to its work. A line on stdin starts the next one; on stdout then
comes its pid, and in the end what became of it, as ``os.waitstatus_to_exitcode`` writes it.
"""

import os
import sys
import traceback
from typing import NoReturn

from bot.cli import main


def start_again_and_again(config: str) -> None:
    """Do it until stdin ends."""
    while sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            _be_the_bot(config)
        _tell(pid)
        _, status = os.waitpid(pid, 0)
        _tell(os.waitstatus_to_exitcode(status))


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _be_the_bot(config: str) -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.argv = ["session-bot", "run", "--config", config]
    status = 1
    try:
        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does it in the end
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    start_again_and_again(sys.argv[1])
