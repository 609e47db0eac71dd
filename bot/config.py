"""The configuration: a TOML file, a folder of secrets, the environment; each over the one before.

``[workspace] auth_token`` may come as a file ``workspace__auth_token`` in the folder of secrets,
or as ``SESSION_BOT_WORKSPACE__AUTH_TOKEN`` in the environment. A relative path is relative to the
folder of the TOML file.
"""

import os
import stat
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic import ValidationError as InvalidSettings
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from bot.errors import ConfigError, UsageError
from bot.features.reports.schedule_parsing import parse_schedule_rule
from bot.storage.engine import describe_database, find_database_file, make_absolute

CONFIG_VARIABLE: Final = "SESSION_BOT_CONFIG"
"""Names the TOML file; no setting."""

_WITHOUT_FILE: Final = (
    "; there is no configuration file: name one with --config or"
    f" {CONFIG_VARIABLE}, or be in the folder of config.toml"
)


def check_url(text: str) -> str:
    """Return an address without a slash at its end; raise ValueError where it cannot work."""
    parts, message = urlsplit(text), ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = "write it with https:// and the host, as in https://chat.example.org"
    elif "@" in parts.netloc:
        # Pages and messages show the address to everybody.
        message = "it must not contain a user name or password"
    elif parts.query or parts.fragment or not text.isprintable() or " " in text:
        message = "write it without ? and # and without blanks"
    elif not _is_port_valid(parts):
        message = "its port is not a number from 0 to 65535"
    if message:
        raise ValueError(message)
    return text.rstrip("/")


def _is_port_valid(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port >= 0
    except ValueError:
        return False


def _check_schedule(text: str) -> str:
    try:
        return str(parse_schedule_rule(text))
    except UsageError as error:
        # Its examples are commands for people in chat.
        raise ValueError(str(error).replace("report ", "")) from None


def _check_zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = "write it as in Europe/Lisbon"
        raise ValueError(message) from None


def _split_keys(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


Url = Annotated[str, AfterValidator(check_url)]
Keys = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split_keys)]


class _Section(BaseModel):
    """A table of the TOML file. Errors never show what is in it, which may be a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class WorkspaceSettings(_Section):
    """The Rocket.Chat server, and the bot's own account there.

    ``ca_file`` holds certificates to trust beside the system's.
    """

    url: Url
    user_id: str = Field(min_length=1)
    auth_token: SecretStr = Field(min_length=1)
    ca_file: Path | None = None


class OAuthSettings(_Section):
    """The application that an administrator of the workspace registered for the bot."""

    client_id: str = ""
    client_secret: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _be_whole(self) -> Self:
        if bool(self.client_id) != bool(self.client_secret.get_secret_value()):
            message = "client_id and client_secret go together: set both or neither"
            raise ValueError(message)
        return self


class BotSettings(_Section):
    """How the bot behaves in chat."""

    prefix: str = Field(default="!", min_length=1, max_length=3, pattern=r"^[^\s\w/@#]+$")
    catch_up_minutes: int = Field(default=60, ge=0, le=24 * 60)
    most_waiting: int = Field(default=200, ge=1, le=400)
    buttons: bool = True


class WebSettings(_Section):
    """Where the connection pages listen, and how people reach them."""

    public_url: Url = "http://localhost:8080"
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    metrics: bool = True


class StorageSettings(_Section):
    """The database, as SQLAlchemy writes its address."""

    url: str = Field(default="sqlite:///session-bot.db", repr=False)  # it may hold a password


class VaultSettings(_Section):
    """The keys that seal tokens: the first seals, all of them open."""

    keys: Keys = ()
    key_file: Path | None = None


class StatusReportSettings(_Section):
    """The bot's report about itself; without a room there is none."""

    room: str = ""
    schedule: Annotated[str, AfterValidator(_check_schedule)] = "daily 09:00"
    timezone: Annotated[str, AfterValidator(_check_zone)] = "UTC"


class ReportSettings(_Section):
    """The reports that people ask for."""

    picture: bool = True


class PlacesSettings(_Section):
    """The file that tells where public addresses are; without one no places are shown."""

    database: Path | None = None


class LogSettings(_Section):
    """What is written to standard error, and how."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["text", "json"] = "text"


class Settings(BaseSettings):
    """Everything an operator can set."""

    model_config = SettingsConfigDict(
        env_prefix="SESSION_BOT_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )
    workspace: WorkspaceSettings
    oauth: OAuthSettings = OAuthSettings()
    bot: BotSettings = BotSettings()
    web: WebSettings = WebSettings()
    storage: StorageSettings = StorageSettings()
    vault: VaultSettings = VaultSettings()
    status_report: StatusReportSettings = StatusReportSettings()
    reports: ReportSettings = ReportSettings()
    places: PlacesSettings = PlacesSettings()
    log: LogSettings = LogSettings()

    def find_key_file(self) -> Path | None:
        """Return the file of the vault's keys, by default beside the database; None without."""
        if self.vault.key_file:
            return self.vault.key_file
        database = find_database_file(self.storage.url)
        return database.with_suffix(".key") if database else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over secrets over the file, whose content arrives as arguments."""
        secrets = NestedSecretsSettingsSource(
            file_secret_settings,
            secrets_prefix="",
            secrets_nested_delimiter="__",
            secrets_dir_missing="error",
        )
        return env_settings, secrets, init_settings


def load_settings(path: Path | None, *, secrets: Path | None = None) -> Settings:
    """Read the settings, with all paths absolute.

    Raises ConfigError, which names the setting at fault, never its value.
    """
    _refuse_unknown_variables()
    content = _read_toml(path) if path else {}
    if secrets and not secrets.is_dir():
        raise ConfigError(f"--secrets: {secrets} is not a folder")
    where = f"{path}: " if path else ""
    try:
        settings = Settings(**content, _secrets_dir=secrets)
        return _use_absolute_paths(settings, path.absolute().parent if path else Path.cwd())
    except InvalidSettings as error:
        problems = "; ".join(_explain(error))
        hint = _WITHOUT_FILE if not path and "is missing" in problems else ""
        raise ConfigError(f"{where}{problems}{hint}") from None
    except ConfigError as error:
        raise ConfigError(f"{where}{error}") from None
    except SettingsError as error:
        # Raised from a value that may be a secret: the cause stays out of the chain.
        raise ConfigError(f"settings in the environment or {secrets}: {error}") from None


def _use_absolute_paths(settings: Settings, folder: Path) -> Settings:
    sections: dict[str, object] = {}
    for name, section in settings:
        paths = {field: folder / value for field, value in section if isinstance(value, Path)}
        sections[name] = section.model_copy(update=paths)
    url = make_absolute(settings.storage.url, _find_storage_folder(settings, folder))
    _refuse_other_database(settings.storage.url, url)
    placed = settings.model_copy(update={**sections, "storage": StorageSettings(url=url)})
    if placed.workspace.ca_file:
        _check_ca_file(placed.workspace.ca_file)
    return placed


def _find_storage_folder(settings: Settings, folder: Path) -> Path:
    """Return the folder of the database.

    Where no setting names the database, that is the folder for a service's data, which systemd
    (systemd.exec, "StateDirectory") and the container image name in a variable.
    """
    is_named = "url" in settings.storage.model_fields_set
    state = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(state) if state and not is_named else folder


def _refuse_other_database(written: str, absolute: str) -> None:
    """Raise ConfigError where a new database would be made although one is in this folder.

    So that a relative path that was meant from this folder gives no empty database elsewhere.
    """
    here, there = find_database_file(written), find_database_file(absolute)
    is_other = False
    with suppress(OSError):  # what may not be looked at is told of where it is opened
        is_other = bool(here and there and here.exists() and not there.exists())
    if here and is_other:
        raise ConfigError(
            f"[storage] url means {there}, which does not exist, but {here.absolute()} does."
            " Write its whole path, or move it there, with its -wal and its .key"
        )


def _check_ca_file(path: Path) -> None:
    # Imported here: commands that work on the database alone need no HTTP.
    from bot.rocketchat.network import make_tls_context  # noqa: PLC0415 - see above

    try:
        make_tls_context(path)
    except OSError as error:
        raise ConfigError(
            f"[workspace] ca_file: {path} has no PEM certificates that can be read:"
            f" {error.strerror or error}"
        ) from None


def describe_sources(settings: Settings, path: Path | None) -> str:
    """Return for people which configuration and which database these are, without a password."""
    origin = path.absolute() if path else "in the environment"
    return f"configuration {origin}, database {describe_database(settings.storage.url)}"


def find_public_files(
    settings: Settings, config: Path | None, secrets: Path | None = None
) -> list[Path]:
    """Return the files with secrets or people's data that every user of this machine may read."""
    database = find_database_file(settings.storage.url)
    files = [config, database, database and Path(f"{database}-wal")]
    with suppress(OSError):
        files += secrets.iterdir() if secrets else []
    return [file for file in files if file and _may_anybody_read(file)]


def _may_anybody_read(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _refuse_unknown_variables() -> None:
    prefix = str(Settings.model_config["env_prefix"])
    for variable in os.environ:
        section = variable.removeprefix(prefix).lower().partition("__")[0]
        is_setting = variable.startswith(prefix) and variable != CONFIG_VARIABLE
        if is_setting and section not in Settings.model_fields:
            raise ConfigError(
                f"unknown setting in the environment: {variable}{_nearest([section])}"
            )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist; run session-bot init, or copy config.example.toml to it"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _explain(error: InvalidSettings) -> Iterator[str]:
    for problem in error.errors(include_input=False, include_url=False):
        place = [str(part) for part in problem["loc"]]
        name = _format_place(place)
        if problem["type"] == "extra_forbidden":
            yield f"unknown setting {name}{_nearest(place)}"
        elif problem["type"] == "missing":
            yield f"{name} is missing" if len(place) > 1 else f"[{name}] is missing"
        else:
            yield f"{name}: {problem['msg'].removeprefix('Value error, ')}"


def _format_place(place: list[str]) -> str:
    return place[0] if len(place) == 1 else f"[{place[0]}] {'.'.join(place[1:])}"


def _nearest(place: list[str]) -> str:
    known = Settings.model_fields
    if len(place) > 1 and place[0] in known:
        known = getattr(known[place[0]].annotation, "model_fields", {})
    near = get_close_matches(place[-1], known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(known)}"
