"""nginx and Caddy as programs, with the files in ``packaging/``: only places and ports replaced."""

import asyncio
import os
import shutil
from asyncio.subprocess import STDOUT
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.deadlines import DEADLINE_S
from tests.support.needs import give_up
from tests.support.private_network import make_authority

PACKAGING = Path(__file__).parents[2] / "packaging"
_BOT = "127.0.0.1:8080"
_NGINX = """\
daemon off;
pid nginx.pid;
error_log error.log;
events {{}}
http {{
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include {site};
}}
"""


@dataclass(frozen=True)
class Ports:
    """Ports of the loopback address: the bot's, and the proxy's for HTTP and HTTPS."""

    bot: int
    http: int
    https: int


def _adapt(name: str, places: dict[str, str]) -> str:
    """Return a file of ``packaging/`` with each text replaced, which must occur in it."""
    text = (PACKAGING / name).read_text()
    for old, new in places.items():
        assert old in text, (name, old)
        text = text.replace(old, new)
    return text


def _set_up_nginx(folder: Path, ports: Ports) -> list[str]:
    make_authority(folder)
    site = folder / "site.conf"
    places = {
        _BOT: f"127.0.0.1:{ports.bot}",
        # Plain HTTP to the same addresses, as the people of the tests trust no certificate.
        "listen 443 ssl;": f"listen 127.0.0.1:{ports.https} ssl; listen 127.0.0.1:{ports.http};",
        "    listen [::]:443 ssl;\n": "",
        "listen 80;": f"listen unix:{folder}/redirecting;",
        "    listen [::]:80;\n": "",
        "/etc/ssl/session-bot.pem": str(folder / "server.pem"),
        "/etc/ssl/session-bot.key": str(folder / "server.key"),
        "/var/log/nginx": str(folder),
    }
    site.write_text(_adapt("nginx.conf", places))
    main = folder / "nginx.conf"
    main.write_text(_NGINX.format(site=site))
    return ["-p", str(folder), "-e", "error.log", "-c", str(main)]


def _set_up_caddy(folder: Path, ports: Ports) -> list[str]:
    places = {
        _BOT: f"127.0.0.1:{ports.bot}",
        "session-bot.example.org {": f"http://127.0.0.1:{ports.http} {{",
        "\tlog {\n": "\tadmin off\n\tlog {\n",
    }
    file = folder / "Caddyfile"
    file.write_text(_adapt("Caddyfile", places))
    return ["run", "--config", str(file)]


SETUPS: dict[str, Callable[[Path, Ports], list[str]]] = {
    "nginx": _set_up_nginx,
    "caddy": _set_up_caddy,
}


@asynccontextmanager
async def run_proxy(name: str, folder: Path, ports: Ports) -> AsyncIterator[None]:
    """Run the proxy while the block lasts; all that it writes is in the folder."""
    # Debian keeps servers where only root's PATH looks.
    program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        give_up(f"{name} is not installed")
    arguments = SETUPS[name](folder, ports)
    with (folder / "output.log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program, *arguments, stdout=output, stderr=STDOUT, env={"HOME": str(folder)}
        )
        try:
            await _wait_until_open(ports.http, process, folder)
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            async with asyncio.timeout(DEADLINE_S):
                await process.wait()


async def _wait_until_open(port: int, process: asyncio.subprocess.Process, folder: Path) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            assert process.returncode is None, (folder / "output.log").read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return
