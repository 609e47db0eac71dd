"""What few need is not loaded by a bot at rest, so that each start takes less time and memory."""

import sys
from pathlib import Path

from tests.support.new_databases import make_file
from tests.support.programs import start_program, write_config
from tests.support.stage import open_stage

# The real program, which tells at its end what it has loaded.
PROGRAM = """
import atexit, gc, pathlib, ssl, sys

def tell():
    gc.unfreeze()  # or the frozen objects would not be found
    contexts = [each for each in gc.get_objects() if isinstance(each, ssl.SSLContext)]
    print("certificates", sum(each.cert_store_stats()["x509"] for each in contexts))
    print("libraries", *{pathlib.Path(line.strip()).name for line in open("/proc/self/maps")})
    print("loaded", *sys.modules)

atexit.register(tell)
from bot.cli import main
main()
"""
UNWANTED = {
    "PIL": "draws pictures, in a process of its own",
    "alembic": "makes or updates the tables, which are up to date",
    "babel.messages": "reads translations, and everybody speaks English",
    "babel.numbers": "writes large numbers",
    "bot.demo": "is another program",
    "jinja2": "renders pages, which nobody has opened",
    "maxminddb": "reads a database of places, where there is one",
    "procrastinate": "shares jobs on PostgreSQL",
    "psycopg": "speaks with PostgreSQL",
    "rich": "shows help and tracebacks in colour",
    "rocketchat_simulator": "is for the demo and for tests",
    "sqlalchemy.dialects.postgresql": "speaks with PostgreSQL",
    "sqlalchemy.orm": "is for programs that map classes to tables",
}


async def test_a_bot_at_rest_has_not_loaded_what_few_need(tmp_path: Path) -> None:
    async with open_stage(tmp_path, bots=0) as stage:
        make_file(stage.settings.storage.url)
        config = write_config(tmp_path / "config.toml", stage.settings)
        arguments = ("-c", PROGRAM, "run", "--config", str(config))
        async with start_program(*arguments, program=sys.executable) as program:
            await program.wait_until_listening()
            alice = stage.invite("alice")
            alice.say("!help")
            await alice.hear("!sessions")
            assert await program.stop() == 0
    certificates, libraries, loaded = (line.split()[1:] for line in program.output[-3:])
    assert "bot.dispatcher.responder" in loaded
    assert {name: why for name, why in UNWANTED.items() if name in loaded} == {}
    assert certificates == ["0"]  # the workspace is reached without TLS
    assert [name for name in libraries if name.startswith("libstdc++")] == []
