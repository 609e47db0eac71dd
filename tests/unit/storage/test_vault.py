import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.errors import SealBrokenError
from bot.storage.vault import KeyRing, Vault

OLD_KEY = bytes(range(32))
NEW_KEY = bytes(range(32, 64))
VAULT = Vault(KeyRing([OLD_KEY]), "https://chat.example.org")
WORDS = st.text(max_size=60)


def seal(text: str = "a token", user_id: str = "ann", purpose: str = "access token") -> bytes:
    return VAULT.seal(SecretStr(text), user_id=user_id, purpose=purpose)


@given(text=WORDS, user_id=WORDS, purpose=WORDS)
def test_what_was_sealed_opens_again(text: str, user_id: str, purpose: str) -> None:
    sealed = seal(text, user_id, purpose)
    assert VAULT.open(sealed, user_id=user_id, purpose=purpose).get_secret_value() == text


@given(position=st.integers(min_value=0), flip=st.integers(1, 255))
def test_no_byte_can_be_altered(position: int, flip: int) -> None:
    sealed = bytearray(seal())
    sealed[position % len(sealed)] ^= flip
    with pytest.raises(SealBrokenError):
        VAULT.open(bytes(sealed), user_id="ann", purpose="access token")


def test_every_single_byte_is_authenticated() -> None:
    whole = seal()
    for position in range(len(whole)):
        sealed = bytearray(whole)
        sealed[position] ^= 1
        with pytest.raises(SealBrokenError):
            VAULT.open(bytes(sealed), user_id="ann", purpose="access token")


@given(length=st.integers(min_value=0, max_value=39))
def test_nothing_can_be_cut_off(length: int) -> None:
    with pytest.raises(SealBrokenError):
        VAULT.open(seal()[:length], user_id="ann", purpose="access token")


@given(user_id=WORDS, purpose=WORDS)
@example(user_id="annaccess", purpose=" token")  # the same letters, parted elsewhere
@example(user_id="bob", purpose="access token")
@example(user_id="ann", purpose="refresh token")
def test_it_opens_for_its_user_and_purpose_only(user_id: str, purpose: str) -> None:
    assume((user_id, purpose) != ("ann", "access token"))
    with pytest.raises(SealBrokenError):
        VAULT.open(seal(), user_id=user_id, purpose=purpose)


@given(workspace=WORDS)
def test_it_opens_in_its_workspace_only(workspace: str) -> None:
    elsewhere = Vault(KeyRing([OLD_KEY]), workspace)
    with pytest.raises(SealBrokenError):
        elsewhere.open(seal(), user_id="ann", purpose="access token")


@given(noise=st.binary(max_size=120), start=st.sampled_from([b"", seal()[:1], seal()[:5]]))
def test_random_bytes_do_not_open(noise: bytes, start: bytes) -> None:
    with pytest.raises(SealBrokenError):
        VAULT.open(start + noise, user_id="ann", purpose="access token")


def test_the_first_key_seals_and_all_of_them_open() -> None:
    rotated = Vault(KeyRing([NEW_KEY, OLD_KEY]), "https://chat.example.org")
    secret = rotated.open(seal("old"), user_id="ann", purpose="access token")
    renewed = rotated.seal(secret, user_id="ann", purpose="access token")
    with pytest.raises(SealBrokenError, match="now missing"):
        VAULT.open(renewed, user_id="ann", purpose="access token")
    assert rotated.open(renewed, user_id="ann", purpose="access token").get_secret_value() == "old"


def test_the_same_secret_never_looks_the_same() -> None:
    assert seal() != seal()
    assert b"a token" not in seal()


def test_an_error_shows_neither_the_secret_nor_the_key() -> None:
    with pytest.raises(SealBrokenError) as caught:
        VAULT.open(seal("hunter2"), user_id="bob", purpose="access token")
    assert "hunter2" not in repr(caught.value)
    assert OLD_KEY.hex() not in repr(caught.value)
