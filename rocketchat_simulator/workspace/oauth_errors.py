"""The provider's way to say no."""

from typing import Final


class OAuthRefusedError(Exception):
    """A request was refused; it is answered with this status and a JSON body."""

    def __init__(self, status: int, error: str, description: str) -> None:
        self.status: Final = status
        self.error: Final = error
        self.description: Final = description
        super().__init__(f"{error}: {description}")


def make_server_error(description: str) -> OAuthRefusedError:
    """Make the 503 for whatever the server's own storage does not know.

    As seen on 6.5.3 and 8.3: a wrong client, a used code and a used refresh token all end so,
    because the storage raises a plain error and the OAuth library takes that for a breakdown.
    """
    return OAuthRefusedError(503, "server_error", description)


def make_invalid_request(description: str) -> OAuthRefusedError:
    """Make the 400 of a request that lacks something."""
    return OAuthRefusedError(400, "invalid_request", description)


def make_invalid_client(description: str) -> OAuthRefusedError:
    """Make the 400 of a client that is not what it says."""
    return OAuthRefusedError(400, "invalid_client", description)


def make_invalid_grant(description: str) -> OAuthRefusedError:
    """Make the 400 of a code or token that is known, but good for nothing."""
    return OAuthRefusedError(400, "invalid_grant", f"Invalid grant: {description}")
