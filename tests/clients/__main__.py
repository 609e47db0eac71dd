"""Try all clients on all versions: ``python -m tests.clients``, or ``make clients``.

The JavaScript clients are installed from npm into ``.clients/``, in the versions of
``programs/package.json``; Node.js 20 or newer and npm must be there. Its ``overrides`` are needed
because a published package of Rocket.Chat's has a dependency that only yarn understands. The
JavaScript of ``docs/testing-a-bot.md`` is run there, too.
"""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

from tests.clients.judge import PROGRAMS, PYTHON_CLIENTS, Client, ClientFailedError, judge

_FOLDER: Final = Path(".clients")
_VERSIONS: Final = ("6.5", "7.7", "8.3", "8.8")
_OFFICIAL: Final = "official.mjs"
_OLDER: Final = "sdk.cjs"
_GUIDE: Final = Path("docs/testing-a-bot.md")
_BLOCK: Final = re.compile(r"^```js\n(.*?)^```$", re.MULTILINE | re.DOTALL)


async def main() -> int:
    """Print a line for each client and version; return 1 if something failed."""
    failures = 0
    for client in [*PYTHON_CLIENTS, *await _install_javascript()]:
        for version in _VERSIONS:
            try:
                await judge(client, version)
            except ClientFailedError as error:
                failures += 1
                _print(f"FAILED {error}")
            else:
                _print(f"ok     {client.name}, {version}")
    status = await _run_guide()
    _print(f"{'FAILED' if status else 'ok    '} the JavaScript of {_GUIDE}")
    return int(failures > 0 or status > 0)


async def _install_javascript() -> list[Client]:
    """Install the packages next to copies of the programs; return the clients."""
    _FOLDER.mkdir(exist_ok=True)
    for name in ("package.json", _OFFICIAL, _OLDER):
        shutil.copy(PROGRAMS / name, _FOLDER / name)
    options = ("--silent", "--no-audit", "--no-fund", "--legacy-peer-deps")
    if await _run("npm", "install", *options):
        sys.exit("npm could not install the packages of tests/clients/programs/package.json")
    folder = _FOLDER.absolute()
    return [
        Client("@rocket.chat/ddp-client", ("node", str(folder / _OFFICIAL))),
        Client("@rocket.chat/sdk", ("node", str(folder / _OLDER)), hears_twice=True),
    ]


async def _run_guide() -> int:
    """Run the test in the guide as it stands there; return the status of Node.js."""
    [block] = _BLOCK.findall(_GUIDE.read_text(encoding="utf-8"))
    (_FOLDER / "guide.test.mjs").write_text(block, encoding="utf-8")
    return await _run("node", "--test", "--test-force-exit", "guide.test.mjs")


async def _run(*command: str) -> int:
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(Path.cwd())}
    process = await asyncio.create_subprocess_exec(*command, cwd=_FOLDER, env=environment)
    return await process.wait()


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what this program is for


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
