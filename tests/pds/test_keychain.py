"""The network's own secrets: unlocked from where the owner says, handed over once, written down without mistakes."""

import os
import stat
from base64 import b64encode

import pytest

from freehold.identity import plc_directory
from freehold.pds import keychain
from freehold.pds.keychain import MistypedKey, read_written, written
from freehold.protocol.keys import K256Key
from freehold.store.keyring import KeyMissing
from freehold.store.lock import AlreadyRunning
from freehold.store.sealed import BadUnlockKey, BrokenSeal, WrongUnlockKey, new_network_key
from support.inside import opened

VARIABLE = "FREEHOLD_UNLOCK_KEY"
PHRASE = "three words and some more"


def session_secret(site):
    with site.truth.reading() as tx:
        return keychain.require(tx, site.seal, keychain.SESSION)


def test_the_unlock_key_is_a_file_for_its_owners_eyes_only(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        secret = session_secret(site)
    for name in ("unlock.key", "network.key", "truth.db", "lock"):
        assert stat.S_IMODE((tmp_path / "town" / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE((tmp_path / "town").stat().st_mode) == 0o700
    with opened(tmp_path / "town", shared) as site:
        assert session_secret(site) == secret


def test_without_its_unlock_key_a_network_stays_shut(tmp_path, shared):
    with opened(tmp_path / "town", shared):
        pass
    path = tmp_path / "town" / "unlock.key"
    right = path.read_bytes()
    path.unlink()
    with pytest.raises(KeyMissing), opened(tmp_path / "town", shared):
        pass
    assert not path.exists()  # none is made up in its place
    path.write_bytes(b64encode(b"x" * 32))
    with pytest.raises(WrongUnlockKey), opened(tmp_path / "town", shared):
        pass
    path.write_bytes(b"no key")
    with pytest.raises(BadUnlockKey), opened(tmp_path / "town", shared):
        pass
    path.write_bytes(right)
    with opened(tmp_path / "town", shared):
        pass


def test_the_unlock_key_can_come_from_the_environment_and_lies_on_no_disk(tmp_path, shared, monkeypatch):
    monkeypatch.setenv(VARIABLE, PHRASE)
    with opened(tmp_path / "town", shared, unlock="env") as site:
        secret = session_secret(site)
    assert not (tmp_path / "town" / "unlock.key").exists()
    held = b"".join(path.read_bytes() for path in (tmp_path / "town").rglob("*") if path.is_file())
    assert PHRASE.encode() not in held
    assert secret not in held
    with opened(tmp_path / "town", shared, unlock="env") as site:
        assert session_secret(site) == secret
    monkeypatch.setenv(VARIABLE, PHRASE + "!")
    with pytest.raises(WrongUnlockKey), opened(tmp_path / "town", shared, unlock="env"):
        pass
    for short in ("", "too short"):
        monkeypatch.setenv(VARIABLE, short)
        with pytest.raises(BadUnlockKey), opened(tmp_path / "town", shared, unlock="env"):
            pass


def test_a_refused_start_lets_the_directory_go(tmp_path, shared, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    with pytest.raises(BadUnlockKey), opened(tmp_path / "town", shared, unlock="env"):
        pass
    monkeypatch.setenv(VARIABLE, PHRASE)
    again = opened(tmp_path / "town", shared, unlock="env")
    with opened(tmp_path / "town", shared, unlock="env"), pytest.raises(AlreadyRunning), again:
        pass


def test_another_networks_database_does_not_open_with_this_ones_key(tmp_path, shared):
    for name in ("town", "village"):
        with opened(tmp_path / name, shared):
            pass
    (tmp_path / "village" / "truth.db").write_bytes((tmp_path / "town" / "truth.db").read_bytes())
    with pytest.raises(BrokenSeal), opened(tmp_path / "village", shared):
        pass


def test_the_offline_key_is_handed_over_once_and_then_forgotten(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        with site.truth.reading() as tx:
            public = keychain.require(tx, site.seal, keychain.OFFLINE_PUBLIC).decode()
        paper = site.truth.write_sync(lambda tx: keychain.hand_over(tx, site.seal))
        assert K256Key.from_raw(read_written(paper)).did_key == public
        assert site.truth.write_sync(lambda tx: keychain.hand_over(tx, site.seal)) == ""
        with site.truth.reading() as tx:
            assert keychain.get(tx, site.seal, keychain.OFFLINE_KEY) is None
            operation = plc_directory.newest(tx, site.services.appview)
        assert public in operation["rotationKeys"]


def test_a_key_on_paper_is_read_as_people_type_it_and_a_mistake_is_noticed():
    for _ in range(50):
        key = new_network_key()
        paper = written(key)
        assert read_written(paper) == read_written(paper.upper()) == read_written(paper.replace(" ", "-\n")) == key
        place = os.urandom(1)[0] % 40
        letters = paper.replace(" ", "")
        wrong = letters[:place] + ("a" if letters[place] != "a" else "b") + letters[place + 1 :]
        with pytest.raises(MistypedKey):
            read_written(wrong)
    for nothing in ("", "apple", "0189" * 14, "é" * 56):
        with pytest.raises(MistypedKey):
            read_written(nothing)
