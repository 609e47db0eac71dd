"""Whatever stands in the database: it opens as what was sealed, or is refused as broken."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.errors import SealBrokenError
from bot.storage.keys import KeyRing
from bot.storage.vault import Vault
from tests.fuzzing import count_inputs

FUZZ = settings(max_examples=2000, deadline=timedelta(seconds=2))
KEYS = KeyRing([bytes(range(32)), bytes(range(32, 64))])
VAULT = Vault(KEYS, "https://chat.example.org")
HEADS = st.sampled_from([b"\x01" + key_id for key_id in KEYS.ids] + [b"\x01", b"\x02", b""])


@FUZZ
@given(head=HEADS, rest=st.binary(max_size=200))
@count_inputs("sealed tokens, made up")
def test_nothing_made_up_opens(head: bytes, rest: bytes) -> None:
    with pytest.raises(SealBrokenError):
        VAULT.open(head + rest, user_id="alice", purpose="token")


@FUZZ
@given(
    secret=st.text(st.characters(exclude_categories=["Cs"])),
    place=st.integers(min_value=0),
    change=st.integers(min_value=1, max_value=255),
)
@count_inputs("sealed tokens, one byte altered")
def test_with_any_byte_altered_it_does_not_open(secret: str, place: int, change: int) -> None:
    sealed = bytearray(VAULT.seal(SecretStr(secret), user_id="alice", purpose="token"))
    sealed[place % len(sealed)] ^= change
    with pytest.raises(SealBrokenError):
        VAULT.open(bytes(sealed), user_id="alice", purpose="token")


@FUZZ
@given(
    user_id=st.text(st.characters(exclude_categories=["Cs"])),
    purpose=st.text(st.characters(exclude_categories=["Cs"])),
    start=st.integers(min_value=0, max_value=80),
    end=st.integers(min_value=0, max_value=80),
)
@count_inputs("sealed tokens, cut or moved")
def test_cut_or_moved_it_does_not_open(user_id: str, purpose: str, start: int, end: int) -> None:
    sealed = VAULT.seal(SecretStr("secret"), user_id="alice", purpose="token")
    with suppress(SealBrokenError):
        opened = VAULT.open(sealed[start:end], user_id=user_id, purpose=purpose)
        assert opened.get_secret_value() == "secret"
        assert (user_id, purpose, sealed[start:end]) == ("alice", "token", sealed)
