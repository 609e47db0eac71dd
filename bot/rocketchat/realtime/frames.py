"""What a frame is about, told from its raw text. Pure."""

import json
import re
from typing import Final

_OF_STRANGERS: Final = '{"roomParticipant":false'
_OF_STRANGERS_TO_THE_END: Final = re.compile(
    r'\{"roomParticipant":false(?:,"\w+":(?:"(?:[^"\\]|\\.)*"|null|true|false))*\}\]\}\}'
)


def is_of_strangers(raw: str) -> bool:
    """Tell, before any JSON is parsed, a message of a public channel that the bot is not in.

    Those are most of what ``__my_messages__`` delivers: it tests access, not membership (server
    source `server/modules/notifications/notifications.module.ts`, 8.3). Never true for another
    frame: inside a text every quotation mark is escaped, and only the last argument of an event
    is followed by ``]}}`` and the end. Other spellings are missed, which merely costs parsing.
    """
    start = raw.rfind(_OF_STRANGERS)
    return start >= 0 and _OF_STRANGERS_TO_THE_END.fullmatch(raw, start) is not None


def make_own_mark(user_id: str) -> str:
    """Give what stands in every message that this user has sent, and in no other.

    Inside a text the quotation marks would be escaped, and only the sender has the key ``u``
    (server source ``IMessage.ts``, 8.3). Whoever put another into their message's custom fields
    would have that message heard when REST is looked through. Other spellings are missed, which
    merely costs parsing.
    """
    return f'"u":{{"_id":{json.dumps(user_id)}'
