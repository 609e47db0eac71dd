"""The names of emoji that a reaction may have; custom emoji are left out.

The server knows those of ``emoji-toolkit``; here they are those that the library ``emoji`` knows,
which takes GitHub's and Slack's names too. ``:+1:`` and the like are in both.
"""

from functools import lru_cache
from typing import Final

import emoji

_MAX_REMEMBERED: Final = 1000


@lru_cache(maxsize=_MAX_REMEMBERED)
def is_emoji(name: str) -> bool:
    """Return whether there is an emoji of this name, which has no colons."""
    return emoji.is_emoji(emoji.emojize(f":{name}:", language="alias"))
