"""Who calls a method."""

from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import User


def require_user(user: User | None, method: str) -> User:
    """Return the caller; raise RefusedError if nobody is logged in."""
    if user is None:
        raise RefusedError("Invalid user", "error-invalid-user", {"method": method})
    return user


def make_match_failed() -> RefusedError:
    """Make the error for parameters of another type."""
    return RefusedError("Match failed", "400")
