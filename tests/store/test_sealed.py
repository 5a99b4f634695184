"""A sealed value opens with the right key, for the right purpose, unaltered; else not at all."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.store.sealed import BadUnlockKey, BrokenSeal, Seal, UnlockKey, WrongUnlockKey, new_network_key

SEAL = Seal(bytes(range(32)))


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_opens_for_its_purpose(plain: bytes, purpose: str) -> None:
    box = SEAL.seal(purpose, plain)
    assert len(box) == len(plain) + 37
    assert SEAL.open(purpose, box) == plain
    with pytest.raises(BrokenSeal):
        SEAL.open(purpose + "!", box)


@given(st.binary(min_size=8, max_size=40), st.integers(0, 10_000), st.integers(1, 255))
def test_an_altered_or_cut_box_does_not_open(plain: bytes, at: int, flip: int) -> None:
    box = bytearray(SEAL.seal("mail", plain))
    at %= len(box)
    cut = bytes(box[:at])
    box[at] ^= flip
    for bad in (bytes(box), cut):
        with pytest.raises(BrokenSeal):
            SEAL.open("mail", bad)


def test_a_box_tells_nothing_and_is_another_each_time() -> None:
    boxes = {SEAL.seal("mail", b"alice@example.com") for _ in range(50)}
    assert len(boxes) == 50
    assert not any(b"alice" in box for box in boxes)


def test_another_network_cannot_open_it() -> None:
    with pytest.raises(BrokenSeal):
        Seal(new_network_key()).open("mail", SEAL.seal("mail", b"x"))


def test_a_lookup_is_the_same_each_time_and_differs_by_purpose_and_network() -> None:
    found = SEAL.lookup("mail", "alice@example.com")
    assert len(found) == 32
    assert found == Seal(bytes(range(32))).lookup("mail", "alice@example.com")
    others = [SEAL.lookup("mail", "bob@example.com"), SEAL.lookup("phone", "alice@example.com")]
    assert found not in [*others, Seal(new_network_key()).lookup("mail", "alice@example.com")]


def test_a_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "unlock.key"
    network_key = new_network_key()
    wrapped = UnlockKey.from_file(path).wrap(network_key)
    assert path.stat().st_mode & 0o777 == 0o600
    assert UnlockKey.from_file(path).unwrap(wrapped) == network_key
    assert network_key not in wrapped
    with pytest.raises(WrongUnlockKey):
        UnlockKey.from_file(tmp_path / "other.key").unwrap(wrapped)


@pytest.mark.parametrize("damaged", [b"", b"AAAA\n", b"not base64!", "é".encode()])
def test_a_damaged_key_file_is_refused_and_not_replaced(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "unlock.key"
    path.write_bytes(damaged)
    with pytest.raises(BadUnlockKey):
        UnlockKey.from_file(path)
    assert path.read_bytes() == damaged


def test_a_passphrase_by_environment_or_typed_is_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLOCK", "correct horse battery")
    network_key = new_network_key()
    wrapped = UnlockKey.from_env("UNLOCK").wrap(network_key)
    assert UnlockKey.from_passphrase("correct horse battery").unwrap(wrapped) == network_key
    with pytest.raises(WrongUnlockKey):
        UnlockKey.from_passphrase("correct horse batterx").unwrap(wrapped)
    with pytest.raises(WrongUnlockKey):
        UnlockKey(new_network_key(), is_passphrase=False).unwrap(wrapped)


def test_no_or_a_short_passphrase_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNLOCK", raising=False)
    with pytest.raises(BadUnlockKey):
        UnlockKey.from_env("UNLOCK")
    with pytest.raises(BadUnlockKey):
        UnlockKey.from_passphrase("short")


def test_keys_do_not_show_when_printed() -> None:
    secret = b"the passphrase itself"
    for thing in (UnlockKey(secret, is_passphrase=True), SEAL):
        assert secret.decode() not in repr(thing)
        assert not hasattr(thing, "__dict__")
