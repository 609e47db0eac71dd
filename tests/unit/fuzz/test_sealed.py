"""Whatever stands in the database: it opens as what was sealed, or is refused as broken."""

from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.errors import SealBrokenError
from bot.storage.vault import KeyRing, Vault
from tests.support.fuzzing import scale_examples

FUZZ = scale_examples(2000)
KEYS = KeyRing([bytes(range(32)), bytes(range(32, 64))])
VAULT = Vault(KEYS, "https://chat.example.org")
HEADS = st.sampled_from([b"\x01" + key_id for key_id in KEYS.ids] + [b"\x01", b"\x02", b""])


@FUZZ
@given(head=HEADS, rest=st.binary(max_size=200))
def test_nothing_made_up_opens(inputs: Counter[str], head: bytes, rest: bytes) -> None:
    inputs["sealed tokens, made up"] += 1
    with pytest.raises(SealBrokenError):
        VAULT.open(head + rest, user_id="alice", purpose="token")


@FUZZ
@given(
    secret=st.text(st.characters(exclude_categories=["Cs"])),
    place=st.integers(min_value=0),
    change=st.integers(min_value=1, max_value=255),
)
def test_with_any_byte_altered_it_does_not_open(
    inputs: Counter[str], secret: str, place: int, change: int
) -> None:
    inputs["sealed tokens, one byte altered"] += 1
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
def test_cut_or_moved_it_does_not_open(
    inputs: Counter[str], user_id: str, purpose: str, start: int, end: int
) -> None:
    inputs["sealed tokens, cut or moved"] += 1
    sealed = VAULT.seal(SecretStr("secret"), user_id="alice", purpose="token")
    with suppress(SealBrokenError):
        opened = VAULT.open(sealed[start:end], user_id=user_id, purpose=purpose)
        assert opened.get_secret_value() == "secret"
        assert (user_id, purpose, sealed[start:end]) == ("alice", "token", sealed)
