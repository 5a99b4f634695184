"""The file of a network's keys: what opens it, and that at every moment something does."""

from pathlib import Path

import pytest

from freehold.store.keyring import CREDENTIALS, NETWORK_KEY, UNLOCK_KEY, VARIABLE, KeyMissing, Keyring, Source, wrapped
from freehold.store.sealed import BadUnlockKey, BrokenSeal, Ring, Seal, UnlockKey, WrongUnlockKey, new_key_text

PHRASE = "four plain words here"
FILE = Source("file")


def opened(directory: Path, source: Source = FILE) -> Keyring:
    return Keyring.open_(directory, source)


def test_a_ring_is_packed_and_read_and_a_key_alone_is_one() -> None:
    ring = Ring((b"a" * 32, b"b" * 32), b"c" * 32)
    assert Ring.unpacked(ring.packed()) == ring
    alone = Ring.of(b"k" * 32)
    assert Ring.unpacked(b"k" * 32) == alone == Ring.unpacked(alone.packed())
    for bad in (b"", b"\x02" + b"c" * 32, ring.packed()[:-1], b"\x03" + ring.packed()[1:]):
        with pytest.raises(WrongUnlockKey):
            Ring.unpacked(bad)


def test_a_file_from_before_there_were_rings_opens(tmp_path: Path) -> None:
    unlock = UnlockKey.from_file(tmp_path / UNLOCK_KEY)
    (tmp_path / NETWORK_KEY).write_bytes(unlock.wrap(b"k" * 32))
    keyring = opened(tmp_path)
    assert keyring.seal.ring == Ring.of(b"k" * 32)
    assert keyring.seal.lookup("mail", "a") == Seal(b"k" * 32).lookup("mail", "a")


def test_the_new_key_seals_at_once_and_the_old_one_opens_until_the_end(tmp_path: Path) -> None:
    keyring = opened(tmp_path)
    seal = keyring.seal
    old, lookup = seal.seal("a", b"value"), seal.lookup("a", "text")
    keyring.begin()
    keyring.begin()  # again changes nothing
    new = seal.seal("a", b"value")
    assert (len(seal.ring.keys), old[:9] == new[:9]) == (2, False)
    assert seal.open("a", old) == seal.open("a", new) == b"value"
    keyring.finish()
    assert opened(tmp_path).seal.open("a", new) == b"value"
    with pytest.raises(BrokenSeal):
        seal.open("a", old)
    assert seal.lookup("a", "text") == lookup


def test_while_the_unlock_key_changes_both_open(tmp_path: Path) -> None:
    keyring = opened(tmp_path)
    before = (tmp_path / UNLOCK_KEY).read_bytes()
    text = new_key_text()

    def settle() -> None:
        assert keyring.opens_by == 2
        opened(tmp_path)
        (tmp_path / UNLOCK_KEY).write_text(text)
        opened(tmp_path)

    keyring.change_unlock(UnlockKey.from_text(text), settle)
    assert keyring.opens_by == 1
    opened(tmp_path)
    (tmp_path / UNLOCK_KEY).write_bytes(before)
    with pytest.raises(WrongUnlockKey):
        opened(tmp_path)


def test_a_change_of_the_unlock_key_that_was_broken_off_leaves_the_old_one_at_work(tmp_path: Path) -> None:
    keyring = opened(tmp_path)

    def dies() -> None:
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        keyring.change_unlock(UnlockKey.from_passphrase(PHRASE), dies)
    keyring.begin()  # still by the old one
    assert opened(tmp_path).is_changing


def test_the_unlock_key_comes_from_where_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ring.of(b"k" * 32)
    (tmp_path / NETWORK_KEY).write_bytes(wrapped(ring, [UnlockKey.from_passphrase(PHRASE)]))
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    with pytest.raises(KeyMissing, match="LoadCredentialEncrypted=other"):
        opened(tmp_path, Source("systemd", "other"))
    monkeypatch.setenv(CREDENTIALS, str(credentials))
    with pytest.raises(KeyMissing):
        opened(tmp_path, Source("systemd", "other"))
    (credentials / "other").write_text(PHRASE + "\n")
    assert opened(tmp_path, Source("systemd", "other")).seal.ring == ring
    (credentials / "other").write_text("short")
    with pytest.raises(BadUnlockKey, match="other is damaged"):
        opened(tmp_path, Source("systemd", "other"))
    monkeypatch.setenv(VARIABLE, PHRASE)
    assert opened(tmp_path, Source("env")).seal.ring == ring
    asked = []
    keyring = Keyring.open_(tmp_path, Source("prompt"), lambda question: asked.append(question) or PHRASE)
    assert (keyring.seal.ring, asked) == (ring, ["Unlock key of this network: "])
    with pytest.raises(KeyMissing):
        opened(tmp_path)  # no unlock.key is made up for a network that has keys
    assert not (tmp_path / UNLOCK_KEY).exists()


def test_a_raw_key_may_be_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = new_key_text()
    (tmp_path / NETWORK_KEY).write_bytes(wrapped(Ring.of(b"k" * 32), [UnlockKey.from_text(text)]))
    (tmp_path / "freehold-unlock").write_text(text)
    monkeypatch.setenv(CREDENTIALS, str(tmp_path))
    assert opened(tmp_path, Source("systemd")).seal.ring == Ring.of(b"k" * 32)
