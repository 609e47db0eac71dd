"""The errors with which the OAuth provider refuses a request."""

from typing import Final


class OAuthRefusedError(Exception):
    """A request is refused; the response has this status and a JSON body."""

    def __init__(self, status: int, error: str, description: str) -> None:
        self.status: Final = status
        self.error: Final = error
        self.description: Final = description
        super().__init__(f"{error}: {description}")


def make_server_error(description: str) -> OAuthRefusedError:
    """Make the 503 for a client, code or refresh token that the server's storage does not have.

    As seen on 6.5.3 and 8.3: the storage raises a plain error, which the OAuth library treats as a
    failure of the server.
    """
    return OAuthRefusedError(503, "server_error", description)


def make_invalid_request(description: str) -> OAuthRefusedError:
    """Make the 400 for a missing or invalid parameter."""
    return OAuthRefusedError(400, "invalid_request", description)


def make_invalid_client(description: str) -> OAuthRefusedError:
    """Make the 400 for missing or wrong client credentials."""
    return OAuthRefusedError(400, "invalid_client", description)


def make_invalid_grant(description: str) -> OAuthRefusedError:
    """Make the 400 for a known code or token that cannot be used."""
    return OAuthRefusedError(400, "invalid_grant", f"Invalid grant: {description}")
