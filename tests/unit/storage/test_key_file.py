import base64
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.errors import ConfigError
from bot.storage.key_file import load_key_ring
from bot.storage.vault import KeyRing, make_key_id
from tests.support.deadlines import DEADLINE_S

KEY = bytes(range(200, 232))
OTHER_KEY = bytes(range(32))


def write(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()


def load(*texts: str, file: Path | None = None, create: bool = False) -> KeyRing:
    return load_key_ring([SecretStr(t) for t in texts], file, is_creation_allowed=create)


def write_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "keys"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@given(key=st.binary(min_size=32, max_size=32), is_padded=st.booleans())
def test_a_key_is_read_with_and_without_padding(key: bytes, is_padded: bool) -> None:
    text = write(key) if is_padded else write(key).rstrip("=")
    assert load(text).find(make_key_id(key)) == key


@pytest.mark.parametrize(
    "text", ["", "short", write(KEY)[:-8], write(KEY) + "AAAA", "clé" * 15, "+/" * 22, "!" * 44]
)
def test_a_malformed_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigError, match=r"\[vault\] keys") as caught:
        load(write(KEY), text)
    assert not text or text not in str(caught.value)
    assert write(KEY) not in str(caught.value)


def test_the_first_key_seals() -> None:
    keys = load(write(KEY), write(OTHER_KEY))
    assert keys.sealing_id == make_key_id(KEY)
    assert keys.find(make_key_id(OTHER_KEY)) == OTHER_KEY
    assert keys.find(b"none") is None


def test_a_repr_shows_ids_and_no_key() -> None:
    text = repr(load(write(KEY), write(OTHER_KEY)))
    assert make_key_id(KEY).hex() in text
    assert KEY.hex() not in text
    assert write(KEY) not in text


def test_keys_of_the_configuration_win_over_the_file(tmp_path: Path) -> None:
    file = write_file(tmp_path, write(OTHER_KEY))
    assert load(write(KEY), file=file).sealing_id == make_key_id(KEY)


def test_a_file_holds_a_key_a_line_and_comments(tmp_path: Path) -> None:
    file = write_file(tmp_path, f"# new: für später\n{write(KEY)}\n\n  # old\n{write(OTHER_KEY)}")
    keys = load(file=file)
    assert keys.sealing_id == make_key_id(KEY)
    assert keys.find(make_key_id(OTHER_KEY)) == OTHER_KEY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = write_file(tmp_path, write(KEY), mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {file}"):
        load(file=file)


def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    file = write_file(tmp_path, write(KEY))
    if os.geteuid() == 0:
        os.chown(file, 65534, 65534)
    else:
        file = Path("/etc/passwd")  # root's
    with pytest.raises(ConfigError, match="belongs to another user"):
        load(file=file)


def test_a_bad_line_is_named_by_its_number(tmp_path: Path) -> None:
    file = write_file(tmp_path, f"# mine\n{write(KEY)}\nnonsense\n")
    with pytest.raises(ConfigError, match="line 3") as caught:
        load(file=file)
    assert "nonsense" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="holds no key"):
        load(file=write_file(tmp_path, text), create=True)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(b"\xff\xfe\x00")
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="no text"):
        load(file=file)


def test_a_missing_file_is_made_once_for_us_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    first = load(file=file, create=True)
    assert file.stat().st_mode & 0o777 == 0o600
    assert load(file=file, create=True).sealing_id == first.sealing_id
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_missing_file_is_not_made_unasked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="restore"):
        load(file=tmp_path / "keys")
    assert not list(tmp_path.iterdir())


def test_a_file_in_no_folder_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be made: No such file or directory"):
        load(file=tmp_path / "nowhere" / "keys", create=True)


def test_no_keys_at_all_is_an_error_that_tells_how_to_make_one() -> None:
    with pytest.raises(ConfigError, match="openssl rand"):
        load(create=True)


def test_many_who_start_at_once_share_one_key(tmp_path: Path) -> None:
    start = threading.Barrier(8)
    ids: list[bytes] = []

    def begin() -> None:
        start.wait(timeout=DEADLINE_S)
        ids.append(load(file=tmp_path / "keys", create=True).sealing_id)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=DEADLINE_S)
    assert len(ids) == 8
    assert len(set(ids)) == 1
    assert len(list(tmp_path.iterdir())) == 1
