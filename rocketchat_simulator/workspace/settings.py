"""The settings of a workspace, as far as clients ask for them or the simulator follows them.

Source of names and defaults: ``server/settings``, 8.3.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rocketchat_simulator.workspace.documents import Document

_PUBLIC: Final[Mapping[str, Any]] = {
    "API_Apply_permission_view-outside-room_on_users-list": False,
    "Accounts_AllowAnonymousRead": False,
    "Accounts_AllowUserAvatarChange": True,
    "Accounts_RegistrationForm": "Public",
    "FileUpload_Enabled": True,
    "FileUpload_MaxFileSize": 104857600,
    "Language": "",
    "Message_AllowDeleting": True,
    "Message_AllowEditing": True,
    "Message_MaxAllowedSize": 5000,
    "Site_Name": "Rocket.Chat",
    "UI_Use_Real_Name": False,
}
_PRIVATE: Final[Mapping[str, Any]] = {
    "API_Enable_CORS": False,
    "API_Enable_Rate_Limiter": True,
    "Cloud_Workspace_Id": "000000000000000000000000",
    "Accounts_TwoFactorAuthentication_Enforce_Password_Fallback": True,
}


class Settings:
    """The values of all settings; ``Language``, anonymous reading and uploads have an effect."""

    def __init__(self) -> None:
        self._values: Final[dict[str, Any]] = {**_PUBLIC, **_PRIVATE}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - JSON of any shape
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:  # noqa: ANN401 - the same
        self._values[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def list_public(self) -> list[Document]:
        """Return the settings that everybody may read, by name, with ``_id`` and ``value``."""
        return [{"_id": name, "value": self._values[name]} for name in sorted(_PUBLIC)]
