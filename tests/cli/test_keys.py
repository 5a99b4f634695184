"""`freehold keys`: other keys in the place of old ones, on a network that runs or does not, also after kill -9."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from freehold.store.keyring import CREDENTIALS, VARIABLE
from support.command import QUIET, freehold, serving
from support.network import CHEAP
from support.typist import Typing

WHOLE = "All repositories, blobs and databases are whole.\n"
PHRASE, OTHER_PHRASE = "four plain words here", "four other words here"
KILLED = Path(__file__).parent.parent / "support" / "killed_child.py"


def keys(network: Path, *words: object, given: str = "", **environment: str) -> str:
    done = freehold("keys", network, *words, given=given, **environment)
    assert (done.code, done.err) == (0, "")
    return done.out


def rotation_keys(url: str, handle: str) -> list[str]:
    did = httpx.get(f"{url}/xrpc/com.atproto.identity.resolveHandle", params={"handle": handle}).json()["did"]
    found: list[str] = httpx.get(f"{url}/plc/{did}/log/last").json()["rotationKeys"]
    return found


def test_every_key_is_replaced_while_the_network_runs(network: Path, tmp_path: Path) -> None:
    key_file = (network / "unlock.key").read_text()
    with serving(network) as running:
        before = keys(network, "list")
        hosts = rotation_keys(running.urls[0], "amina.test")
        assert re.match(r"amina\.test signs with did:key:z\w+ now\.\n", keys(network, "rotate-signing", "amina"))
        assert re.match(r"labeler\.test signs with ", keys(network, "rotate-signing", "labeler"))
        assert keys(network, "rotate-signing", "--all") == "9 accounts have another signing key.\n"
        assert "all its labels are signed anew" in keys(network, "rotate-label")
        assert "rotate-session --now" in keys(network, "rotate-session")
        assert keys(network, "rotate-host") == "9 accounts name the new host key.\n"
        assert "and the old one is destroyed." in keys(network, "rotate-network")
        assert "from file" in keys(network, "change-unlock", "file")
        assert set(rotation_keys(running.urls[0], "amina.test")) & set(hosts) == {hosts[0]}
        after = keys(network, "list")
        assert "an older session secret counts until" in after
        for name in ("label key", "host key", "network key"):
            assert [line for line in before.splitlines() if line.startswith(name)] != [
                line for line in after.splitlines() if line.startswith(name)
            ]
        assert "unfinished" not in after
        assert freehold("doctor", network).out.endswith(WHOLE)
    assert (network / "unlock.key").read_text() != key_file
    assert freehold("doctor", network).out.endswith(WHOLE)


def test_the_offline_key_is_shown_once_and_typed_back(network: Path) -> None:
    with serving(network) as running:
        refused = freehold("keys", network, "rotate-offline")
        assert (refused.code, "Nobody has claimed" in refused.err) == (1, True)
    claim(network)
    with serving(network) as running:
        before = rotation_keys(running.urls[0], "amina.test")
        with Typing("keys", network, "rotate-offline") as person:
            written = written_key(person.sees("Type its last two groups: "))
            person.types("not that")
            assert "once more" in person.sees("once more")
            assert person.ends() == 1
        with Typing("keys", network, "rotate-offline") as person:
            assert written_key(person.sees("Type its last two groups: ")) == written
            person.types(" ".join(written.split()[-2:]))
            person.sees("9 accounts name the new offline key")
            assert person.ends() == 0
        after = rotation_keys(running.urls[0], "amina.test")
        assert (after[0] != before[0], after[1]) == (True, before[1])
        assert "(handed out)" in keys(network, "list")


def written_key(shown: str) -> str:
    found = re.search(r"^    ([a-z2-7 ]{60,})\r?$", shown, re.M)
    assert found, shown
    return found[1]


def claim(network: Path) -> None:
    """As if the owner had been shown the first offline key."""
    from freehold.cli.opening import opened
    from freehold.pds import keychain

    with opened(network) as site:
        site.truth.write_sync(lambda tx: keychain.hand_over(tx, site.seal))


def test_everybody_is_signed_out_at_once(town, network: Path) -> None:
    with serving(network) as running, httpx.Client(base_url=f"{running.urls[0]}/xrpc/") as http:
        given = {"identifier": "amina.test", "password": town.password}
        token = http.post("com.atproto.server.createSession", json=given).json()["accessJwt"]
        bearer = {"authorization": f"Bearer {token}"}
        keys(network, "rotate-session")
        assert http.get("com.atproto.server.getSession", headers=bearer).status_code == 200
        assert keys(network, "rotate-session", "--now").startswith("Everybody is signed out")
        assert http.get("com.atproto.server.getSession", headers=bearer).json()["error"] == "InvalidToken"
        assert http.post("com.atproto.server.createSession", json=given).status_code == 200


@pytest.mark.parametrize(
    ("words", "say"),
    [
        (("rotate-signing",), "Name one account, or say --all."),
        (("rotate-signing", "amina", "--all"), "Name one account, or say --all."),
        (("rotate-signing", "nobody"), "There is no account nobody.test here."),
        (("change-unlock", "systemd"), "--key-file FILE goes with systemd"),
        (("change-unlock", "env"), "The unlock key is missing or damaged. A passphrase needs 12 characters or more."),
    ],
)
def test_what_cannot_be_done_is_said(network: Path, words: tuple[str, ...], say: str) -> None:
    done = freehold("keys", network, *words, given="short\n")
    assert (done.code, done.err.startswith(f"freehold: {say}")) == (1, True), done.err
    assert freehold("account", network, "list").code == 0


# --- kill -9


@pytest.mark.parametrize(
    ("words", "commits"),
    [
        (("rotate-signing", "--all"), 6),
        (("rotate-host",), 5),
        (("rotate-network",), 2),
        (("rotate-network",), 5),
        (("rotate-label",), 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_a_change_that_was_killed_is_finished_by_giving_it_again(
    network: Path, words: tuple[str, ...], commits: int
) -> None:
    killed = subprocess.run(
        [sys.executable, KILLED, str(commits), "keys", str(network), *words],
        env={**os.environ, **QUIET},
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    told = freehold("doctor", network)
    assert told.out.endswith(WHOLE)
    assert ("! keys" in told.out) == (words != ("rotate-label",))
    with serving(network):
        keys(network, *words)
        told = freehold("doctor", network)
        assert (told.out.endswith(WHOLE), "! keys" in told.out) == (True, False)


# --- where the unlock key comes from


def test_the_unlock_key_moves_from_one_place_to_another(network: Path) -> None:
    keys(network, "change-unlock", "env", given=f"{PHRASE}\n")
    assert not (network / "unlock.key").exists()
    assert 'unlock = "env"' in (network / "settings.toml").read_text()
    listed = ("account", network, "list")
    assert freehold(*listed, **{VARIABLE: PHRASE}).code == 0
    assert "does not fit" in freehold(*listed, **{VARIABLE: OTHER_PHRASE}).err
    with Typing("keys", network, "change-unlock", "prompt", **{VARIABLE: PHRASE}) as person:
        for question in ("New unlock key: ", "Again: "):
            person.sees(question)
            person.types(OTHER_PHRASE)
        person.sees("the unlock key comes from prompt")
        assert person.ends() == 0
    with Typing(*listed) as person:
        person.sees("Unlock key of this network: ")
        person.types(PHRASE)
        person.sees("does not fit this network")
        assert person.ends() == 1
    with Typing(*listed) as person:
        person.sees("Unlock key of this network: ")
        person.types(OTHER_PHRASE)
        shown = person.sees("amina.test")
        assert OTHER_PHRASE not in shown
        assert person.ends() == 0


def test_systemd_hands_over_the_unlock_key(network: Path, tmp_path: Path) -> None:
    file, credentials = tmp_path / "town.key", tmp_path / "credentials"
    credentials.mkdir()
    with serving(network) as running:
        told = keys(network, "change-unlock", "systemd", "--key-file", file)
        assert f"systemd-creds encrypt --name=freehold-unlock {file}" in told
        assert running.get("/xrpc/_health").status_code == 200
        assert "unlock key    from systemd" in keys(network, "list")
    assert file.stat().st_mode & 0o777 == 0o600
    assert not (network / "unlock.key").exists()
    listed = ("account", network, "list")
    assert "systemd hands over no credential freehold-unlock." in freehold(*listed).err
    handed = {CREDENTIALS: str(credentials)}
    assert "LoadCredentialEncrypted=freehold-unlock" in freehold(*listed, **handed).err
    hand_over(file, credentials / "freehold-unlock")
    assert "amina.test" in freehold(*listed, **handed).out
    with serving(network, **handed) as running:
        assert running.get("/xrpc/_health").status_code == 200
    (credentials / "freehold-unlock").write_bytes(b"\xff\xfe")
    assert "The credential freehold-unlock is damaged" in freehold(*listed, **handed).err
    (credentials / "freehold-unlock").write_text(PHRASE)
    assert "does not fit this network" in freehold(*listed, **handed).err


def hand_over(file: Path, to: Path) -> None:
    """What the service manager does, by systemd's own command where the machine has it."""
    creds = shutil.which("systemd-creds")
    if creds is None:
        shutil.copy(file, to)
        return
    sealed = file.with_suffix(".cred")
    quiet = {"check": True, "capture_output": True}
    done = subprocess.run(
        [creds, "encrypt", "--with-key=tpm2-absent", "--name=freehold-unlock", file, sealed], capture_output=True
    )
    if done.returncode != 0:  # older than that key
        shutil.copy(file, to)
        return
    subprocess.run([creds, "decrypt", "--name=freehold-unlock", sealed, to], **quiet)


def test_two_networks_of_a_process_have_credentials_of_their_own(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "settings.toml").write_text(CHEAP + f'unlock = "systemd"\nunlock_credential = "{name}"\n')
        (tmp_path / f"credential-{name}").mkdir()
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "one").write_text(PHRASE)
    (credentials / "two").write_text(OTHER_PHRASE)
    with serving(tmp_path / "one", tmp_path / "two", **{CREDENTIALS: str(credentials)}) as running:
        assert running.end() == 0
