"""Everything that can go wrong, in one tree.

    BotError
    ├── UserError                     the person can put it right; its text is shown as it is
    │   ├── UsageError                a command was called in a way it does not understand
    │   ├── UnknownCommandError       no such command; names the nearest
    │   ├── NotConnectedError         nobody has lent the bot a token for this user
    │   ├── RequestExpiredError       a connection link that is used, expired or made up
    │   ├── WrongAccountError         the token belongs to somebody else
    │   ├── TokenRefusedError         the workspace does not know the token that was pasted
    │   ├── UnsafeWorkspaceError      the workspace accepts made-up tokens
    │   ├── BearerIgnoredError        the workspace takes no OAuth tokens over REST
    │   ├── OtherBrowserError         somebody came back in a browser that did not set out
    │   ├── SessionNotFoundError      no such session, or not this user's: one and the same answer
    │   ├── AmbiguousError            the beginning of an id that fits several sessions
    │   ├── NothingToConfirmError     a confirmation that nobody asked for, or too late
    │   └── NotLicensedError          the workspace has no device management
    ├── WorkspaceError                Rocket.Chat did not do what was asked
    │   ├── UnreachableError          no answer, a time-out or a 5xx; asking again may help
    │   ├── RateLimitedError          429; says how many seconds to wait
    │   ├── TokenRejectedError        401: this auth token is not valid (any more)
    │   ├── GrantRefusedError         an authorization code or refresh token that is used up
    │   ├── RefusedError              4xx: understood and refused; says the server's reason
    │   └── ProtocolError             not an answer of Rocket.Chat's: HTML, broken JSON
    ├── StorageError                  the database could not be read or written
    │   └── SealBrokenError           a sealed token does not open: wrong key or altered data
    └── ConfigError                   at start only; printed without a traceback, exit status 2

Errors of aiohttp, websockets, SQLAlchemy and cryptography become one of these where they enter.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Call:
    """A command inside an error's text; people see it with the prefix and as code."""

    words: str

    def __str__(self) -> str:
        return self.words


class BotError(Exception):
    """Any error of this program's own."""


class UserError(BotError):
    """Something the person can put right.

    The text is an English template that a catalogue may translate; ``values`` fill its
    ``{names}``: a Call, or several, are shown as commands, anything else as harmless text.
    ``str(error)`` is the English sentence.
    """

    def __init__(self, template: str, **values: object) -> None:
        self.template: Final = template
        self.values: Final = values
        super().__init__(template.format(**values))


class UsageError(UserError):
    """A command was called in a way it does not understand."""


class UnknownCommandError(UserError):
    """There is no such command."""


class NotConnectedError(UserError):
    """The bot has no token for this user."""


class RequestExpiredError(UserError):
    """The connection link is used, expired or was never made."""


class WrongAccountError(UserError):
    """The token belongs to somebody other than the person who asked."""


class TokenRefusedError(UserError):
    """The workspace does not accept the token that was pasted."""


class UnsafeWorkspaceError(UserError):
    """The workspace answers to made-up tokens, so a token proves nothing there."""


class BearerIgnoredError(UserError):
    """The workspace does not look at OAuth tokens in this version; another way is needed."""


class OtherBrowserError(UserError):
    """Whoever came back from the workspace is not in the browser that set out."""


class SessionNotFoundError(UserError):
    """No such session, or not this user's; Rocket.Chat does not tell the two apart."""


class AmbiguousError(UserError):
    """The beginning of an id fits several sessions."""


class NothingToConfirmError(UserError):
    """No question waits for this person in this room, or not any more."""


class NotLicensedError(UserError):
    """The workspace has no device-management licence."""


class WorkspaceError(BotError):
    """Rocket.Chat did not do what was asked."""


class UnreachableError(WorkspaceError):
    """No answer, a time-out or a 5xx; asking again may help."""


class RateLimitedError(WorkspaceError):
    """HTTP 429 or ``too-many-requests``; ``retry_after`` is in seconds."""

    def __init__(self, text: str, retry_after: float) -> None:
        super().__init__(text)
        self.retry_after: Final = retry_after


class TokenRejectedError(WorkspaceError):
    """The auth token is not valid, or not any more."""


class GrantRefusedError(WorkspaceError):
    """An authorization code or refresh token that is used up, expired or made up."""


class RefusedError(WorkspaceError):
    """The workspace understood and refused; ``reason`` is its own word for why."""

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.reason: Final = reason


class ProtocolError(WorkspaceError):
    """An answer that is not Rocket.Chat's: HTML, broken JSON, a missing key."""


class StorageError(BotError):
    """The database could not be read or written."""


class SealBrokenError(StorageError):
    """A sealed token does not open: the wrong key, or the data were altered."""


class ConfigError(BotError):
    """The configuration cannot work; the text says which setting and what to write."""
