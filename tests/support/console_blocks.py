"""Commands on pages: those of console blocks, and those in code type within sentences."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_PROMPTS = ("$ ", "# ")
_INLINE = re.compile(r"`((?:\.venv/bin/)?session-bot [^`]+|make [^`]+)`")


def read_commands(page: str) -> list[str]:
    """Return the commands of a page's console blocks, each on one line, without comments."""
    text = "\n".join(_BLOCK.findall((ROOT / page).read_text())).replace("\\\n", " ")
    prompted = [line[2:] for line in text.splitlines() if line.startswith(_PROMPTS)]
    return [re.sub(r"\s+", " ", re.sub(r"\s+# .*", "", line)).strip() for line in prompted]


def read_inline_commands(page: Path) -> Iterator[list[str]]:
    """Yield the commands within sentences, as words; several that ``&&`` joins, one by one."""
    for code in _INLINE.findall(_FENCE.sub("", page.read_text())):
        for part in " ".join(code.split()).split(" && "):
            yield shlex.split(part)
