"""The tree of all errors that the program raises.

    BotError
    ├── UserError                     the person can fix it; its text is shown in chat
    │   ├── UsageError                a command was called in a way it does not understand
    │   ├── UnknownCommandError       no such command; names the nearest
    │   ├── NotConnectedError         the bot has no token of this user
    │   ├── SessionNotFoundError      no such session, or not this user's
    │   ├── AmbiguousError            the beginning of an id that fits several sessions
    │   ├── NothingToConfirmError     no question waits to be confirmed, or no longer
    │   └── NotLicensedError          the workspace has no device management
    ├── LinkingError                  an account is not linked; a page has words for each kind
    │   ├── RequestExpiredError       a connection link that is used, expired or made up
    │   ├── WrongAccountError         the token belongs to another user
    │   ├── TokenRefusedError         the workspace does not accept the token that was pasted
    │   ├── UnsafeWorkspaceError      the workspace accepts made-up tokens
    │   ├── BearerIgnoredError        the workspace ignores OAuth tokens over REST
    │   └── OtherBrowserError         OAuth ended in another browser than it started in
    ├── WorkspaceError                Rocket.Chat did not do what was asked
    │   ├── UnreachableError          no answer, a timeout or a 5xx; another try may help
    │   ├── RateLimitedError          429; has the seconds to wait
    │   ├── TokenRejectedError        401: this auth token is not valid, or no longer
    │   ├── GrantRefusedError         an authorization code or refresh token that is used up
    │   ├── RefusedError              4xx: understood and refused; has the server's reason
    │   │   └── SecondFactorError     the call needs a code too; has the method
    │   └── ProtocolError             not an answer of Rocket.Chat: HTML, broken JSON
    ├── StorageError                  the database could not be read or written
    │   └── SealBrokenError           a sealed token does not open: wrong key or altered data
    └── ConfigError                   at start only; printed without a traceback, exit status 2

Errors of aiohttp, websockets, SQLAlchemy and cryptography are translated where they occur.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Call:
    """A command in an error's text, shown with the prefix and as code."""

    words: str

    def __str__(self) -> str:
        return self.words


class BotError(Exception):
    """Any error of this program."""


class UserError(BotError):
    """An error that the person can fix.

    The text is an English template that a catalogue may translate; ``values`` fill its
    ``{names}``: a Call or a tuple of them is shown as commands, anything else as harmless text.
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
    """The bot has no token for this user.

    Without device management the missing licence is said instead, because a token would not help,
    unless this ``is_said_unlicensed``: it tells what became of a token, or what works all the same.
    """

    def __init__(
        self, template: str, *, is_said_unlicensed: bool = False, **values: object
    ) -> None:
        super().__init__(template, **values)
        self.is_said_unlicensed: Final = is_said_unlicensed


class SessionNotFoundError(UserError):
    """No such session, or not this user's; Rocket.Chat does not tell the two apart."""


class AmbiguousError(UserError):
    """The beginning of an id fits several sessions."""


class NothingToConfirmError(UserError):
    """No question waits for this person in this room, or no longer."""


class NotLicensedError(UserError):
    """The workspace has no device-management licence."""


class LinkingError(BotError):
    """An account is not linked, for a reason that the page explains."""


class RequestExpiredError(LinkingError):
    """The connection link is used, has expired or was never made."""


class WrongAccountError(LinkingError):
    """The token belongs to another user than the one who asked."""


class TokenRefusedError(LinkingError):
    """The workspace does not accept the token that was pasted."""


class UnsafeWorkspaceError(LinkingError):
    """The workspace accepts made-up tokens, so a token proves nothing there."""


class BearerIgnoredError(LinkingError):
    """The workspace ignores OAuth tokens in this version; another way to connect is needed."""


class OtherBrowserError(LinkingError):
    """The browser that came back from the workspace is not the one that started OAuth."""


class WorkspaceError(BotError):
    """Rocket.Chat did not do what was asked."""


class UnreachableError(WorkspaceError):
    """No answer, a timeout or a 5xx; another try may help."""


class RateLimitedError(WorkspaceError):
    """HTTP 429 or ``too-many-requests``; ``retry_after`` is in seconds."""

    def __init__(self, text: str, retry_after: float) -> None:
        super().__init__(text)
        self.retry_after: Final = retry_after


class TokenRejectedError(WorkspaceError):
    """The auth token is not valid, or no longer."""


class GrantRefusedError(WorkspaceError):
    """An authorization code or refresh token that is used up, expired or made up."""


class RefusedError(WorkspaceError):
    """The workspace understood and refused; ``reason`` is the server's error code or text."""

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.reason: Final = reason


class SecondFactorError(RefusedError):
    """The call needs the code of a second factor, or had a wrong one.

    ``method`` is the server's word: ``password``, ``totp`` or ``email``.
    """

    def __init__(self, text: str, method: str) -> None:
        super().__init__(text, "totp-required")
        self.method: Final = method


class ProtocolError(WorkspaceError):
    """An answer that is not Rocket.Chat's: HTML, broken JSON, a missing key."""


class StorageError(BotError):
    """The database could not be read or written."""


class SealBrokenError(StorageError):
    """A sealed token does not open: the wrong key, or the data were altered."""


class ConfigError(BotError):
    """The configuration cannot work; the text says which setting and what to write."""


def make_missing_extra(setting: str, package: str | None, extra: str) -> ConfigError:
    """Make the error for a setting that needs a package of one of this program's extras.

    It names the way for a clone of the repository: the program is on no package index.
    """
    return ConfigError(f"{setting}: {package} is not installed; run: make install EXTRAS={extra}")
